"""One image of a folder and its results, as layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_segen.core.imagespec import CHANNEL, SPACE, Array, ImageSpec
from napari_segen.core.model import finds_objects
from napari_segen.core.provenance import array_hash
from napari_segen.core.steps import Step, Steps
from napari_segen.scale.folder.inputs import Input
from napari_segen.scale.folder.one_image import spec_for
from napari_segen.scale.folder.outputs import Results
from napari_segen.scale.folder.summary import in_order
from napari_segen.scale.omezarr.image import OmeImage, read_omezarr
from napari_segen.widgets.colors import colormap, features_of, prepare_colormaps
from napari_segen.widgets.layers import remember_axes
from napari_segen.widgets.tasks import shown_range
from napari_segen.workflows.files import read_image

SHOWN = ("labels", "objects")


@dataclass(frozen=True)
class Field:
    """What is to be shown of an image.

    Parameters
    ----------
    name : str
        Of the image.
    image : array, or list of array
        Finest level first, where there are several.
    spec : ImageSpec
        Of the image.
    results : mapping of str to array, or list of array
        Labels and objects, as far as there are.
    contrast : pair of float, optional
        Darkest and brightest value; None where they are not known.
    digests : mapping of str to str
        Of the results that can be edited.
    """

    name: str
    image: Any
    spec: ImageSpec
    results: Mapping[str, Any]
    contrast: tuple[float, float] | None = None
    digests: Mapping[str, str] = field(default_factory=dict)


def reading_field(
    model: Any, path: Path, out: Path, axes: str | None, shown: list[Any]
) -> Steps[tuple[Field, list[bool]]]:
    """Read an image and its results; also tell which shown labels were edited.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
    path : Path
        Of the image.
    out : Path
        The folder of the results.
    axes : str, optional
        Of the image, if said.
    shown : list of (array, str)
        Labels that were opened before, with the digest that they had then.
    """
    yield Step(0, 0, f"Opening {path.name}")
    edited = [bool(d) and array_hash(np.asarray(data)) != d for data, d in shown]
    source = Input(path)
    results = Results(out, source.stem, source.is_omezarr)
    record = results.record()
    made = [w for w in SHOWN if record and w in record["outputs"]]
    prepare_colormaps()
    if source.is_omezarr:
        image = read_omezarr(path)
        found = {w: _levels(read_omezarr(results.path(w))) for w in made}
        return Field(path.name, _levels(image), image.spec, found), edited
    file = read_image(path)
    spec = spec_for(file, model.spec_, axes)
    found = {w: in_order(read_image(results.path(w)), spec.label_axes) for w in made}
    digests = {w: array_hash(labels) for w, labels in found.items()}
    contrast = shown_range(file.array)
    return Field(path.name, file.array, spec, found, contrast, digests), edited


def _levels(image: OmeImage) -> Any:
    import dask.array as da

    levels = [da.from_zarr(image.level(i)) for i in range(len(image.names))]
    return levels if len(levels) > 1 else levels[0]


def layers_of(field: Field, model: Any) -> list[Layer]:
    """Make the layers of a field: the image, then classes, then objects."""
    place = _place(field.spec, field.spec.label_axes)
    made: list[Layer] = list(_images(field, place))
    for what, labels in field.results.items():
        look = {}
        if what == "labels" and not finds_objects(model):
            info = model.class_info_
            names = {int(v): info[v].name for v in info if info[v].name}
            # Of masks the background, value 0, stays clear.
            colors = {int(v): info[v].color for v in info if v and info[v].color}
            look = {"colormap": colormap(colors), "features": features_of(names)}
        layer = Labels(labels, name=f"{field.name} {what}", **place, **look)
        # Classes are seen where there are no objects over them.
        layer.visible = what == "objects" or "objects" not in field.results
        made.append(layer)
    for layer in made:
        if layer.ndim == len(field.spec.label_axes):
            remember_axes(layer, field.spec.label_axes)
    return made


def _images(field: Field, place: Mapping[str, Any]) -> list[Image]:
    axes, image = field.spec.axes, field.image
    look = {"contrast_limits": field.contrast, **place}
    if CHANNEL not in axes:
        return [Image(image, name=field.name, **look)]
    at = axes.index(CHANNEL)
    levels: list[Array] = image if isinstance(image, list) else [image]
    is_one = not isinstance(image, list)
    n = levels[0].shape[at]
    if at == len(axes) - 1 and n in (3, 4) and levels[0].dtype == np.uint8:
        layer = Image(image, name=field.name, rgb=True, **place)
        remember_axes(layer, axes)
        return [layer]
    planes = [[level.take(c, axis=at) for level in levels] for c in range(n)]
    return [
        Image(
            plane[0] if is_one else plane,
            name=f"{field.name} channel {c}",
            blending="additive",
            **look,
        )
        for c, plane in enumerate(planes)
    ]


def _place(spec: ImageSpec, axes: str) -> dict[str, Any]:
    size = dict(zip(spec.space_axes, spec.sampling, strict=True))
    return {
        "scale": [size.get(a, 1.0) for a in axes],
        "units": [spec.unit if a in SPACE else "pixel" for a in axes],
        "axis_labels": tuple(axes),
    }


class Shown:
    """The layers of the field that was opened last: another takes their place.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers: list[tuple[ref[Layer], str]] = []

    def labels(self) -> list[tuple[Any, str]]:
        """Return the labels that may have been edited, with their digests."""
        return [(layer.data, digest) for layer, digest in self._there() if digest]

    def replace(self, field: Field, model: Any, edited: list[bool]) -> list[Layer]:
        """Show another field; labels that were edited, with their image, stay."""
        if not any(edited):
            for layer, _ in self._there():
                self._viewer.layers.remove(layer)
        made = layers_of(field, model)
        # Before the viewer gives other names to those that are taken.
        digests = {f"{field.name} {what}": d for what, d in field.digests.items()}
        self._layers = [(ref(x), digests.get(x.name, "")) for x in made]
        for layer in made:
            self._viewer.add_layer(layer)
        self._viewer.reset_view()
        return made

    def _there(self) -> list[tuple[Layer, str]]:
        there = ((layer(), digest) for layer, digest in self._layers)
        return [(x, d) for x, d in there if x is not None and x in self._viewer.layers]
