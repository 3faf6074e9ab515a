"""The result layers of a segmentation, and what they say of how they came about."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Image, Labels

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import Segmentation
from napari_segen.core.model import finds_objects
from napari_segen.widgets.layers import Source
from napari_segen.widgets.results import Ready, Result
from napari_segen.widgets.tasks import provenance_of
from napari_segen.workflows.methods import methods_text
from napari_segen.workflows.record import script_applying, script_of

# What the provenance of a result says: of a run, and of one layer alone.
SCRIPT, METHODS = "script", "methods"
CLASS, FRACTIONS = "class", "fractions"
_FIGURE_LOOK = {"contrast_limits": (0, 1), "visible": False, "blending": "additive"}


class Wanted(NamedTuple):
    """Which figures are shown beside the classes."""

    uncertainty: bool
    posterior: bool


def owner_of(model: Any) -> str:
    """Begin the names of a network's results: both docks' can stand together."""
    return "CNN " if model.kind == "cnn" else ""


def record_of(
    model: Any, source: Source, *, is_fitted: bool, rescale: bool = False
) -> dict[str, str]:
    """Say how a result came about: as a script, and in words.

    `is_fitted` where the model has just been fitted to the image; otherwise, and for a
    network, the script loads it from a file. The strokes may have been painted on since
    they were a file.
    """
    if is_fitted and model.kind == "probabilistic":
        script = script_of(model, source.path, spec=source.spec)
    else:
        script = script_applying(model, source.path, spec=source.spec, rescale=rescale)
    return {SCRIPT: script, METHODS: methods_text(model)}


def segmentation_results(
    model: Any,
    found: Segmentation,
    source: Source,
    wanted: Wanted,
    record: Mapping[str, str],
) -> list[Result]:
    """List the layers that show a segmentation, lowest first."""
    origin = provenance_of(model, spec=ImageSpec.as_json(source.spec), **record)

    def figure(role: str, values: Array, look: dict[str, Any], **more: int) -> Result:
        return Result(
            f"{owner_of(model)}{role}",
            Image,
            values,
            source.label_placement,
            attributes={**_FIGURE_LOOK, **look},
            provenance={**origin, **more},
        )

    results = []
    if wanted.posterior:
        planes = zip(map(int, model.classes_), found.posterior, strict=True)
        results += [
            figure(f"posterior {v}", plane, {}, **{CLASS: v}) for v, plane in planes
        ]
    if wanted.uncertainty:
        look = {"colormap": "magma"}
        results.append(figure("uncertainty", found.uncertainty, look))
    if found.novelty is not None:
        look = {"colormap": "inferno"}
        results.append(figure("novelty", found.novelty, look))
    return [*results, _labels_result(model, found.labels, source, origin)]


def _labels_result(
    model: Any, labels: Array, source: Source, origin: Mapping[str, Any]
) -> Result:
    name, more = "objects", {}
    if not finds_objects(model):
        name, more = "classes", {FRACTIONS: class_fractions(labels, model.classes_)}
    return Result(
        f"{owner_of(model)}{name}",
        Labels,
        labels,
        source.label_placement,
        attributes={"opacity": 0.5},
        provenance={**origin, **more},
    )


def class_fractions(labels: Array, classes: Iterable[int]) -> dict[int, float]:
    """Share of each class in the labelled pixels; empty where none is labelled.

    Parameters
    ----------
    labels : integer array
        0 where there is no data: it does not count.
    classes : iterable of int
    """
    # One pass a class: numbering all pixels would take eight times their memory.
    counts = {int(v): int(np.count_nonzero(labels == v)) for v in classes}
    total = sum(counts.values())
    return {v: n / total for v, n in counts.items()} if total else {}


def fractions_in(items: Sequence[Ready]) -> dict[int, float]:
    """Share of each class in the image, as computed with the result."""
    return next(
        (dict(p[FRACTIONS]) for i in items if FRACTIONS in (p := i.result.provenance)),
        {},
    )
