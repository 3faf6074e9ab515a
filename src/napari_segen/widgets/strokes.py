"""New strokes layers, ready to paint on."""

import numpy as np
from napari.layers import Image, Labels

from napari_segen.widgets.colors import colormap
from napari_segen.widgets.layers import image_shape, placement, spec_of

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
    layer = Labels(
        np.zeros(shape, np.uint8),
        name=f"{image.name} strokes",
        colormap=colormap({}),
        opacity=0.8,
        **placement(image, axes),
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
