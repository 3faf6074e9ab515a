"""The jobs that find objects: from a layer of classes to a layer of ids.

They run on a thread, so no layer is touched here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_segen.core.checks import check_labels
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.provenance import array_hash
from napari_segen.core.steps import Step, Steps
from napari_segen.objects.classes import instances_of_steps
from napari_segen.widgets.layers import Source, level_zero
from napari_segen.widgets.results import MARK, Earlier, Ready, Result, ready
from napari_segen.widgets.segment_tasks import METHODS, SCRIPT
from napari_segen.widgets.tasks import reading
from napari_segen.widgets.visible import View
from napari_segen.workflows.methods import objects_text
from napari_segen.workflows.record import script_finding_objects

ROLE = "objects"
# Around what is in sight: most objects that reach out of it end there.
MARGIN_PX = 64
MAX_CLASSES = 64
_BLOCK = 2**20
_OF_ONE = {"class", "fractions"}  # what only one of a run's layers says of itself


@dataclass(frozen=True)
class Request:
    """How objects are to be told apart: arguments of `instances`, as class values."""

    foreground: int
    boundary: int | None
    method: str
    min_size: int
    fill_holes: int


@dataclass(frozen=True)
class Classes:
    """What objects are looked for in.

    Parameters
    ----------
    source : Source
        The layer of classes.
    wall : array or None
        The posterior of the boundary class, if there is a layer of it.
    mark : mapping
        What our mark on the layer says; empty where it is none of ours.
    """

    source: Source
    wall: Any
    mark: Mapping[str, Any]


def wall_layer(layers: Any, classes: Labels, boundary: int | None) -> Image | None:
    """Find the posterior of the boundary class from the run that found the classes."""
    mark = _mark_of(classes)
    role = mark.get("role", "")
    if boundary is None or not role.endswith("classes"):
        return None
    wanted = f"{role.removesuffix('classes')}posterior {boundary}"
    for layer in layers:
        other = _mark_of(layer)
        if (
            other.get("role") == wanted
            and other.get("source") == mark.get("source")
            and _origin(other) == _origin(mark)
            and level_zero(layer).shape == level_zero(classes).shape
        ):
            return layer
    return None


def mark_of_classes(classes: Labels) -> Mapping[str, Any]:
    """Return our mark on a layer that says how its classes came about, or nothing."""
    mark = _mark_of(classes)
    return mark if SCRIPT in mark.get("provenance", {}) else {}


def _mark_of(layer: Layer) -> Mapping[str, Any]:
    mark = layer.metadata.get(MARK)
    return mark if isinstance(mark, dict) else {}


def _origin(mark: Mapping[str, Any]) -> dict[str, Any]:
    said = mark.get("provenance", {})
    return {k: v for k, v in said.items() if k not in _OF_ONE}


def listing_values(data: Any) -> Steps[list[int]]:
    """List the values of a labels array, 0 too; none where there are too many."""
    found: set[int] = set()
    flat = np.asarray(data).reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        yield Step(start, flat.size, "Looking for classes")
        found.update(np.unique(flat[start : start + _BLOCK]).tolist())
        if len(found) > MAX_CLASSES:
            return []
    return sorted(found)


def finding_objects(
    classes: Classes, request: Request, earlier: Mapping[str, Earlier]
) -> Steps[list[Ready]]:
    """Find the objects of the whole image, and make the result layer."""
    source = classes.source
    labels = yield from reading(source.data, "classes")
    wall = None
    if classes.wall is not None:
        wall = yield from reading(classes.wall, "probabilities")
    found = yield from instances_of_steps(
        labels, wall=wall, spec=source.spec, **asdict(request)
    )
    yield Step(0, 0, "Preparing the layer")
    origin = {
        "classes": source.name,
        "spec": ImageSpec.as_json(source.spec),
        "objects": asdict(request),
        **_record(classes, labels, request),
    }
    place = source.label_placement
    look = {"opacity": 0.6}
    result = Result(ROLE, Labels, found, place, attributes=look, provenance=origin)
    return ready([result], earlier)


def _record(classes: Classes, labels: Array, request: Request) -> dict[str, str]:
    """Say how the objects came about, if the classes are as they were found."""
    if not classes.mark or array_hash(labels) != classes.mark["digest"]:
        return {}
    origin, arguments = classes.mark["provenance"], asdict(request)
    from_posterior = classes.wall is not None
    return {
        SCRIPT: script_finding_objects(
            origin[SCRIPT], from_posterior=from_posterior, **arguments
        ),
        METHODS: f"{origin[METHODS]} {objects_text(**arguments)}",
    }


def finding_in_view(classes: Classes, request: Request, view: View) -> Steps[Array]:
    """Find the objects of what is in sight: an array of the view's shape."""
    source = classes.source
    axes = zip(source.axes, view.start, view.shape, source.shape, strict=True)
    window, inner = [], []
    for letter, start, extent, n in axes:
        margin = 0 if letter in "tn" else MARGIN_PX
        first = max(start - margin, 0)
        window.append(slice(first, min(start + extent + margin, n)))
        inner.append(slice(start - first, start - first + extent))
    region = tuple(window)
    labels = check_labels(np.asarray(source.data[region]), "classes")
    wall = None if classes.wall is None else np.asarray(classes.wall[region])
    found = yield from instances_of_steps(
        labels, wall=wall, spec=source.spec, **asdict(request)
    )
    return found[tuple(inner)]
