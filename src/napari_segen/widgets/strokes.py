"""Strokes layers: new ones, ready to paint on, and what is painted on one."""

from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_segen.core.checks import MAX_CLASSES
from napari_segen.core.sparse import SparseLabels
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.colors import colormap
from napari_segen.widgets.layers import (
    image_shape,
    is_huge,
    placement,
    spec_of,
)
from napari_segen.widgets.sparse.layer import SparseLabelsLayer

BRUSH_PX = 4


def new_strokes(viewer, image: Image, axes: str) -> Labels:
    """Add an empty strokes layer over `image` with the brush in hand.

    Parameters
    ----------
    viewer : napari.Viewer
    image : Image
    axes : str
        Letters of the image's axes, see `axes_of`.
    """
    shape = spec_of(image, axes).label_shape(image_shape(image))
    look = {
        "name": f"{image.name} strokes",
        "colormap": colormap({}),
        "opacity": 0.8,
        **placement(image, axes),
    }
    layer = (
        SparseLabelsLayer(SparseLabels(shape), **look)
        if is_huge(shape)
        else Labels(np.zeros(shape, np.uint8), **look)
    )
    viewer.add_layer(layer)
    take_brush(viewer, layer, 1)
    layer.brush_size = BRUSH_PX
    return layer


def take_brush(viewer, layer: Labels, value: int) -> None:
    """Select `layer` and paint with class `value` from now on."""
    viewer.layers.selection.active = layer
    layer.selected_label = value
    layer.mode = "paint"


def count_painted(data: Any) -> Steps[dict[int, tuple[int, int]]]:
    """Count strokes and pixels of each class (on a worker).

    Returns
    -------
    dict from class value to (strokes, pixels)
        No strokes are counted where the values are so many that they are objects.
    """
    # SciPy's import: not while a dock opens.
    from napari_segen.core.scribbles import samples_of

    yield Step(0, 1, "Counting strokes")
    labels = data if isinstance(data, SparseLabels) else np.asarray(data)
    samples = samples_of(labels)
    values, of, counts = np.unique(
        samples.values, return_inverse=True, return_counts=True
    )
    n_strokes = np.ones(len(values), int)
    if len(values) <= MAX_CLASSES:
        _, first = np.unique(samples.strokes, return_index=True)
        n_strokes = np.bincount(of[first], minlength=len(values))
    rows = zip(values, n_strokes, counts, strict=True)
    return {int(v): (int(s), int(n)) for v, s, n in rows}
