"""What a probabilistic segmenter's model file says, and how it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.checks import check_class_values
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import class_info_from_json, class_info_json
from napari_segen.core.normalization import Normalization
from napari_segen.core.parameters import as_json
from napari_segen.features.families import TEXTURE
from napari_segen.probabilistic.channels import used_channels
from napari_segen.probabilistic.guidance.kind import Kind
from napari_segen.probabilistic.kept import KeptStrokes
from napari_segen.probabilistic.novelty import Novelty
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.score import StrokeScore
from napari_segen.probabilistic.texture import with_texture

if TYPE_CHECKING:
    from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

MAX_CHANNELS = 4096
NO_SCORE = "the model is from a version that kept no score"


def header_of(model: ProbabilisticSegmenter) -> dict[str, Any]:
    """Return settings and what was learnt, without the arrays, as JSON values."""
    bank = model.bank(model.spec_.sampling)
    prior = model.class_prior
    return {
        "method": model.method,
        "params": as_json(model.params),
        # The families themselves: what "default" means may change.
        "features": list(bank.features),
        "sigmas": list(bank.sigmas),
        "sigma_unit": model.sigma_unit,
        "channels": None if model.channels is None else list(model.channels),
        "smoothing": float(model.smoothing),
        "class_prior": prior and [[int(v), float(p)] for v, p in prior.items()],
        "normalization": model.normalization_.as_json(),
        "seed": int(model.seed),
        "spec": model.spec_.as_json(),
        "n_channels": model.n_channels_,
        "is_colour": model.is_colour_,
        "sees_texture": model.sees_texture_,
        "temperature": model.classifier_.temperature_,
        "reason": model.classifier_.reason_,
        "class_shares": [float(s) for s in model.class_shares_],
        "score": model.score_ and model.score_.as_json(),
        "score_reason": model.score_reason_,
        "strokes": model.strokes_ and model.strokes_.as_json(),
        "classes": class_info_json(model.classes_, model.class_info_),
        "provenance": dict(model.provenance_),
    }


def archived(
    model: ProbabilisticSegmenter,
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of the model file."""
    arrays = dict(model.classifier_.arrays())
    for part in (model.novelty_, model.kind_, model.strokes_):
        arrays |= {} if part is None else part.as_arrays()
    return header_of(model), arrays


def settings_in(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constructor's arguments that a header holds."""
    channels, prior = header["channels"], header["class_prior"]
    return {
        "method": header["method"],
        "params": header["params"],
        "features": tuple(header["features"]),
        "sigmas": tuple(header["sigmas"]),
        "sigma_unit": header["sigma_unit"],
        "channels": None if channels is None else tuple(channels),
        "smoothing": header["smoothing"],
        "class_prior": None if prior is None else {int(v): p for v, p in prior},
        "normalization": header["normalization"]["mode"],
        "seed": header["seed"],
    }


def restore(
    model: ProbabilisticSegmenter,
    header: Mapping[str, Any],
    arrays: Mapping[str, Array],
) -> None:
    """Give `model` what was learnt; raises ValueError where it does not fit."""
    model.spec_ = ImageSpec.from_json(header["spec"])
    model.n_channels_ = _checked_count(header["n_channels"])
    model.classes_, model.class_info_ = class_info_from_json(header["classes"])
    check_class_values(model.classes_, "classes")
    model.provenance_ = dict(header["provenance"])
    model.is_colour_ = bool(header.get("is_colour", False))
    n_used = len(used_channels(model.channels, model.n_channels_)) + model.is_colour_
    scale = Normalization.from_json(header["normalization"])
    if {a.shape for a in (scale.low, scale.span, scale.least_span)} != {(n_used,)}:
        raise ValueError(f"the normalization must have {n_used} channels.")
    model.normalization_ = scale
    bank = model.bank(model.spec_.sampling, model.is_colour_)
    n_features = len(bank.names(n_used))
    model.novelty_ = Novelty.from_arrays(arrays, n_features)
    model.strokes_ = None
    if (table := header.get("strokes")) is not None:
        n_texture = len(bank.only((TEXTURE,)).names(n_used))
        model.strokes_ = KeptStrokes.from_archive(
            table, arrays, n_used, n_features, n_texture, model.classes_
        )
    if model.novelty_ is not None:
        scaling = model.novelty_.scaling
        model.kind_ = Kind.from_arrays(arrays, scaling, n_features)
    model.sees_texture_ = bool(header.get("sees_texture", False))
    if model.sees_texture_:
        n_features = len(with_texture(bank).names(n_used))
    model.classifier_ = CLASSIFIERS.get(model.method).from_arrays(
        model.params, arrays, n_features, len(model.classes_)
    )
    _restore_calibration(model, header)


def _restore_calibration(
    model: ProbabilisticSegmenter, header: Mapping[str, Any]
) -> None:
    """Read temperature, frequencies and score; files of before have none."""
    k = len(model.classes_)
    temperature = float(header.get("temperature", 1.0))
    shares = np.array(header.get("class_shares", [1 / k] * k), float)
    if not 0 < temperature < np.inf:
        raise ValueError(f"temperature is {temperature}.")
    if shares.shape != (k,) or not (shares > 0).all() or not shares.sum() < np.inf:
        raise ValueError(f"class_shares must be {k} positive numbers.")
    model.classifier_.temperature_, model.class_shares_ = temperature, shares
    model.classifier_.reason_ = str(header.get("reason", ""))
    score = header.get("score")
    model.score_ = None if score is None else StrokeScore.from_json(score)
    model.score_reason_ = str(header.get("score_reason", NO_SCORE))


def _checked_count(value: Any) -> int:
    if not isinstance(value, int) or not 1 <= value <= MAX_CHANNELS:
        raise ValueError(f"n_channels is {value!r}.")
    return value
