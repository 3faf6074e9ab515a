"""All that is found out about one image."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.imagespec import SHORT_UNITS, Array, ImageSpec, frames_in_words
from napari_segen.core.labels import Segmentation, smallest_unsigned
from napari_segen.core.model import finds_objects
from napari_segen.core.normalization import channel_range, has_data
from napari_segen.core.steps import PARTS, Step, Steps, stretch_steps
from napari_segen.features.cache import FeatureCache
from napari_segen.objects.instances import instances_steps
from napari_segen.objects.measurements import measure_steps
from napari_segen.probabilistic.guidance.kind import TOO_FLAT
from napari_segen.scale.folder.settings import ObjectSettings, Settings
from napari_segen.workflows.files import ImageFile

if TYPE_CHECKING:
    import pandas as pd

# Features of one image, for labels, novelty and the comparison with the training.
CACHE_BYTES = 2**30
SHARE_OF_LABELS = 0.8  # beside objects
BLANK = "blank"
UNLIKE = "unlike training"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out.

    Parameters
    ----------
    spec : ImageSpec
        Of the image.
    arrays : mapping of str to array
        The results, by what they are.
    row : mapping of str to str, number or None
        Of the summary.
    table : pandas.DataFrame, optional
        What was measured of objects.
    """

    spec: ImageSpec
    arrays: Mapping[str, Array]
    row: Mapping[str, Any]
    table: "pd.DataFrame | None" = field(default=None, compare=False)


def spec_for(file: ImageFile, fitted: ImageSpec, axes: str | None) -> ImageSpec:
    """Return the axes of a new image for a model that was fitted on `fitted`.

    What the user says counts first. What the file says counts next, unless it has as
    many axes as the training images but other ones: a plain stack calls itself
    ``zyx`` whatever was meant, and what the user said in training is the better guess.
    """
    said = file.axes
    if said and set(said) != set(fitted.axes) and len(said) == len(fitted.axes):
        said = None
    spec = file.spec(axes or said or fitted.axes)
    assert spec is not None
    return spec


def check_unit(model: Any, spec: ImageSpec, settings: Settings) -> None:
    """Raise ValueError where the pixel size matters, but is not in the model's unit."""
    is_physical = getattr(model, "sigma_unit", "pixel") == "physical"
    units = {SHORT_UNITS.get(s.unit, s.unit) for s in (spec, model.spec_)}
    if (is_physical or settings.rescale) and len(units) > 1:
        said = "tells no pixel size" if spec.pixel_size is None else "tells its pixels"
        raise ValueError(
            f"the file {said} (unit: {spec.unit}), but the model learnt from images in "
            f"{model.spec_.unit}, and what it sees depends on that. Save the image as "
            "TIFF with the pixel size in this unit, for instance with Fiji."
        )


def image_steps(model: Any, file: ImageFile, settings: Settings) -> Steps[Found]:
    """Segment an image, find its objects, measure it and compare it with the training.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
    file : ImageFile
    settings : Settings
    """
    spec = spec_for(file, model.spec_, settings.axes)
    check_unit(model, spec, settings)
    is_probabilistic = model.kind == "probabilistic"
    cache = FeatureCache(CACHE_BYTES) if is_probabilistic else None
    options: dict[str, Any] = {"rescale": True} if settings.rescale else {}
    if is_probabilistic:
        options |= {"cache": cache, "novelty": model.novelty_ is not None}
    segment = model.segment_steps(file.array, spec=spec, **options)
    found = yield from stretch_steps(segment, 0, SHARE_OF_LABELS)
    finding = _objects_steps(model, found, spec, settings.objects)
    ids = yield from stretch_steps(finding, SHARE_OF_LABELS, 1)
    table = None
    if ids is not None:
        table = yield from measure_steps(ids, file.array, spec)
    yield Step(PARTS, PARTS, "Comparing with the training")
    flag, reason = yield from _flag_steps(model, file.array, spec, cache)
    row: dict[str, Any] = {
        "flag": flag,
        "reason": reason,
        "dtype": file.array.dtype.name,
    }
    row |= {"axes": spec.axes, "unit": spec.unit}
    row |= _row(model, found, file.array, spec)
    if table is not None:
        row |= row_of_objects(table)
    arrays = {"labels": found.labels, "posterior": found.posterior}
    arrays |= {"uncertainty": found.uncertainty}
    if ids is not None:
        arrays["labels" if finds_objects(model) else "objects"] = ids
    return Found(spec, arrays, row, table)


def _objects_steps(
    model: Any, found: Segmentation, spec: ImageSpec, wanted: ObjectSettings | None
) -> Steps[Array | None]:
    if finds_objects(model):
        ids = found.labels
    elif wanted is None:
        return None
    else:
        position = model.classes_.tolist().index
        ids = yield from instances_steps(
            found.posterior,
            foreground=[position(v) for v in wanted.foreground],
            boundary=None if wanted.boundary is None else position(wanted.boundary),
            min_size=wanted.min_size,
            spec=spec,
        )
    # ImageJ knows no other type of them.
    return ids.astype(smallest_unsigned(int(ids.max())))


def _row(
    model: Any, found: Segmentation, image: Array, spec: ImageSpec
) -> dict[str, float | None]:
    """Share of each class, mean brightness, median novelty; of pixels with data."""
    there = spec.unframe(has_data(spec.frames(image)), spec.label_shape(image.shape))
    n = int(there.sum())
    row: dict[str, float | None] = {}
    if finds_objects(model):
        row["area_fraction"] = _share(found.labels > 0, there, n)
    else:
        for value in model.classes_.tolist():
            is_class = found.labels == value
            row[f"area_fraction_{value}"] = _share(is_class, there, n)
    frames = spec.frames(image)
    for c in range(frames.shape[1]):
        name = "intensity" if spec.channel_axis is None else f"intensity_{c}"
        values = frames[:, c]
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        row[name] = float(values.mean(dtype=np.float64)) if values.size else None
    if found.novelty is not None:
        row["novelty"] = float(np.median(found.novelty[there])) if n else None
    return row


def _share(is_class: Array, there: Array, n: int) -> float | None:
    return int((is_class & there).sum()) / n if n else None


def row_of_objects(table: "pd.DataFrame") -> dict[str, float | int | None]:
    """Count, mean size and mean brightness of objects."""
    row: dict[str, float | int | None] = {"objects": len(table)}
    for name in table:
        is_size = name in ("area", "volume")
        if is_size or name == "mean" or str(name).startswith("mean_"):
            rest = str(name).removeprefix("mean")
            mean = float(table[name].mean()) if len(table) else math.nan
            to = f"object_{name}" if is_size else f"object_intensity{rest}"
            row[to] = None if math.isnan(mean) else mean
    return row


def _flag_steps(
    model: Any, image: Array, spec: ImageSpec, cache: FeatureCache | None
) -> Steps[tuple[str, str]]:
    """Say whether an image is blank or unlike the training images, and why."""
    frames = spec.frames(image)
    reasons = [
        why_blank(
            model, bool(has_data(frame[np.newaxis]).any()), channel_range(frame)[1]
        )
        for frame in frames
    ]
    flags = [BLANK if reason else "" for reason in reasons]
    if getattr(model, "kind_", None) is not None:
        checks = yield from model.unlike_training_steps(image, spec=spec, cache=cache)
        for i, check in enumerate(checks):
            if check.is_unlike and not flags[i]:
                is_flat = check.contrast < TOO_FLAT
                flags[i], reasons[i] = BLANK if is_flat else UNLIKE, check.reason
    flagged = [i for i, flag in enumerate(flags) if flag]
    if not flagged:
        return "", ""
    first = flagged[0]
    if len(flags) == 1:
        return flags[first], reasons[first]
    which = frames_in_words(flagged, len(flags))
    return flags[first], f"{which}: {reasons[first]}"


def why_blank(model: Any, has_any: bool, span: Array) -> str:
    """Say why a frame shows nothing; empty if it may show something.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
    has_any : bool
        Whether it has any pixel with data.
    span : array of shape (C,)
        Of the grey values of each channel.
    """
    if not has_any:
        return "it has no data"
    if (span == 0).all():
        return "all its pixels have one value"
    # The least span is half of the smallest training image's.
    usual = 2 * np.asarray(model.normalization_.least_span)
    if model.kind == "cnn" and (span < TOO_FLAT * usual).all():
        share = float((span / usual).max())
        return f"it is nearly empty: {share:.0%} of the least training contrast"
    return ""
