"""The jobs that find objects: from a layer of classes to a layer of ids.

They run on a thread, so no layer is touched here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_segen.core.checks import check_labels
from napari_segen.core.imagespec import FRAME, Array, ImageSpec
from napari_segen.core.provenance import array_hash
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import Slices
from napari_segen.objects.instances import instances_steps
from napari_segen.widgets.layers import Source, level_zero
from napari_segen.widgets.results import Earlier, Ready, Result, mark_of, ready
from napari_segen.widgets.segment_results import CLASS, FRACTIONS, METHODS, SCRIPT
from napari_segen.widgets.visible import View
from napari_segen.workflows.methods import objects_text
from napari_segen.workflows.record import ObjectsRequest, script_finding_objects

ROLE = "objects"
# Around what is in sight: most objects that reach out of it end there.
MARGIN_PX = 64
MAX_CLASSES = 64
_BLOCK = 2**20
_OF_ONE = {CLASS, FRACTIONS}  # what only one of a run's layers says of itself


@dataclass(frozen=True)
class Classes:
    """What objects are looked for in.

    Parameters
    ----------
    source : Source
        The layer of classes.
    posterior : mapping of int to array
        The probability of each class value; empty where there are no layers of them.
    record : mapping
        How the classes came about, as the layer says; empty where that is not known.
    """

    source: Source
    posterior: Mapping[int, Any]
    record: Mapping[str, Any]

    def posterior_of(
        self, request: ObjectsRequest, region: Slices | None = None
    ) -> Array:
        """Return the probability of the foreground, the boundary, and of what else.

        Parameters
        ----------
        request : ObjectsRequest
        region : tuple of slice, optional
            Part of the labels; None: all.

        Returns
        -------
        float32 array of shape (2 + N, *S)
            Without layers of it each pixel is certainly of its class.
        """
        part = slice(None) if region is None else region
        wanted = [v for v in (request.foreground, request.boundary) if v is not None]
        if self.posterior:
            rest = [v for v in self.posterior if v not in wanted]
            return np.stack(
                [np.asarray(self.posterior[v][part], np.float32) for v in wanted + rest]
            )
        labels = check_labels(np.asarray(self.source.data[part]), "classes")
        certain = [labels == v for v in wanted]
        rest = ~np.logical_or.reduce(certain)
        return np.stack([*certain, rest]).astype(np.float32)

    def objects_steps(
        self, request: ObjectsRequest, region: Slices | None = None
    ) -> Steps[Array]:
        """Find the objects, or those of a part of the labels."""
        posterior = self.posterior_of(request, region)
        how = asdict(request)
        how["foreground"] = 0
        how["boundary"] = None if request.boundary is None else 1
        return (yield from instances_steps(posterior, spec=self.source.spec, **how))


def posterior_layers(layers: Any, classes: Labels) -> dict[int, Image]:
    """Find the posterior of each class from the run that found the classes.

    Empty unless all classes have a layer.
    """
    mark = mark_of(classes)
    role, origin = mark.get("role", ""), mark.get("provenance", {})
    if not role.endswith("classes") or FRACTIONS not in origin:
        return {}
    owner = role.removesuffix("classes")
    wanted = {f"{owner}posterior {int(v)}": int(v) for v in origin[FRACTIONS]}
    found = {}
    for layer in layers:
        other = mark_of(layer)
        if (
            other.get("role") in wanted
            and other.get("source") == mark.get("source")
            and _of_run(other) == _of_run(mark)
            and level_zero(layer).shape == level_zero(classes).shape
        ):
            found[wanted[other["role"]]] = layer
    return dict(sorted(found.items())) if len(found) == len(wanted) else {}


def record_of_classes(classes: Labels) -> Mapping[str, Any]:
    """Return how a layer's classes came about, as it says, or nothing."""
    origin = mark_of(classes).get("provenance", {})
    return origin if SCRIPT in origin else {}


def _of_run(mark: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a mark says of the run, and not of its layer alone."""
    said = mark.get("provenance", {})
    return {k: v for k, v in said.items() if k not in _OF_ONE}


@dataclass(frozen=True)
class Listed:
    """What a layer of classes holds.

    Parameters
    ----------
    values : list of int
        0 too; none where there are too many.
    is_as_found : bool
        Whether it is as the segmentation left it.
    """

    values: list[int]
    is_as_found: bool


def listing_values(data: Any, digest: str | None) -> Steps[Listed]:
    """List the values of a labels array; `digest` is what it had when it was found."""
    found: set[int] = set()
    labels = np.asarray(data)
    flat = labels.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        yield Step(start, flat.size, "Looking for classes")
        found.update(np.unique(flat[start : start + _BLOCK]).tolist())
        if len(found) > MAX_CLASSES:
            return Listed([], is_as_found=False)
    return Listed(sorted(found), digest is not None and array_hash(labels) == digest)


def digest_of(classes: Labels) -> str | None:
    """Return the digest that a result of ours had when it was found."""
    return mark_of(classes).get("digest")


def finding_objects(
    classes: Classes, request: ObjectsRequest, earlier: Mapping[str, Earlier]
) -> Steps[list[Ready]]:
    """Find the objects of the whole image, and make the result layer."""
    source = classes.source
    yield Step(0, 0, "Reading the classes")
    found = yield from classes.objects_steps(request)
    yield Step(0, 0, "Preparing the layer")
    origin = {
        "classes": source.name,
        "spec": ImageSpec.as_json(source.spec),
        "objects": asdict(request),
        **_record(classes, request),
    }
    place = source.label_placement
    look = {"opacity": 0.6}
    result = Result(ROLE, Labels, found, place, attributes=look, provenance=origin)
    return ready([result], earlier)


def _record(classes: Classes, request: ObjectsRequest) -> dict[str, str]:
    """Say how the objects came about, if it is known how the classes did."""
    if not classes.record:
        return {}
    script = script_finding_objects(
        classes.record[SCRIPT], request, from_posterior=bool(classes.posterior)
    )
    return {
        SCRIPT: script,
        METHODS: f"{classes.record[METHODS]} {objects_text(request)}",
    }


def finding_in_view(
    classes: Classes, request: ObjectsRequest, view: View
) -> Steps[Array]:
    """Find the objects of what is in sight: an array of the view's shape."""
    source = classes.source
    axes = zip(source.axes, view.start, view.shape, source.shape, strict=True)
    window, inner = [], []
    for letter, start, extent, n in axes:
        margin = 0 if letter in FRAME else MARGIN_PX
        first = max(start - margin, 0)
        window.append(slice(first, min(start + extent + margin, n)))
        inner.append(slice(start - first, start - first + extent))
    found = yield from classes.objects_steps(request, tuple(window))
    return found[tuple(inner)]
