"""Bring a pixel of a layer into sight."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_segen.core.imagespec import CHANNEL
from napari_segen.widgets.layers import Source
from napari_segen.widgets.visible import visible_part


def bring_into_sight(
    viewer: Any,
    layer: Image | Labels,
    axes: str,
    index: Sequence[float],
    *,
    to_middle: bool = False,
) -> None:
    """Show the plane of a pixel, and move the view if the pixel is out of it.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : Image or Labels
    axes : str
        Letters of its axes.
    index : sequence of float
        The pixel: an index into the layer's labels, which have no channel axis.
    to_middle : bool
        Whether to move the view in any case.
    """
    at = iter(index)
    data = [0.0 if a == CHANNEL else float(next(at)) for a in axes[: layer.ndim]]
    place = np.array(viewer.dims.point, float)
    place[-layer.ndim :] = layer.data_to_world(data)
    hidden = [d for d in range(len(place)) if d not in viewer.dims.displayed]
    viewer.dims.set_point(hidden, [place[d] for d in hidden])
    view = visible_part(viewer, layer, Source.of(layer, axes))
    is_seen = (
        not to_middle
        and view is not None
        and all(
            s <= round(i) < s + n
            for i, s, n in zip(index, view.start, view.shape, strict=True)
        )
    )
    if not is_seen:
        viewer.scene.camera.center = tuple(place[d] for d in viewer.dims.displayed)
