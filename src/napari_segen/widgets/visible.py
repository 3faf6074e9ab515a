"""Which part of an image the window shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from napari.layers import Image

from napari_segen.core.imagespec import CHANNEL, FRAME, SPACE, Array
from napari_segen.widgets.layers import Source


@dataclass(frozen=True)
class View:
    """The visible part of an image layer.

    Parameters
    ----------
    frame : int
        Number of the frame (time point or separate image).
    window : tuple of slice
        One per spatial axis.
    start : tuple of int
        First pixel along each axis of the image's labels.
    shape : tuple of int
        Extent along the same axes.
    """

    frame: int
    window: tuple[slice, ...]
    start: tuple[int, ...]
    shape: tuple[int, ...]


def visible_part(
    viewer: Any, layer: Image, source: Source, most: int | None = None
) -> View | None:
    """Return what the window shows of `layer`; None if nothing, or not a plane of it.

    Of more than `most` pixels, if given, the middle.
    """
    corners = _visible_corners(viewer, layer)
    if corners is None:
        return None
    first, last = corners
    shown = [d - (viewer.dims.ndim - layer.ndim) for d in viewer.dims.displayed]
    # Without the axis of RGB values, which the layer's coordinates do not have.
    sizes = source.shape[: layer.ndim]
    ranges: list[tuple[int, int]] = []
    for i, n in enumerate(sizes):
        if source.axes[i] == CHANNEL:
            ranges.append((0, n))
            continue
        low, high = first[i], last[i]
        begin = int(np.floor(low + 0.5))
        end = int(np.floor(high + 0.5)) + 1 if i in shown else begin + 1
        begin, end = max(begin, 0), min(end, n)
        if begin >= end:
            return None
        ranges.append((begin, end))
    if any(i < 0 or source.axes[i] not in SPACE for i in shown):
        return None
    if most is not None:
        ranges = _middle(ranges, shown, most)
    return _view(source, ranges)


def view_events(viewer: Any) -> list[Any]:
    """Return what tells that the window shows another part, plane or size."""
    camera, dims = viewer.scene.camera.events, viewer.dims.events
    return [
        camera.center,
        camera.zoom,
        dims.current_step,
        dims.order,
        dims.ndisplay,
        viewer.canvas.events.size,
    ]


def _visible_corners(viewer: Any, layer: Image) -> tuple[Array, Array] | None:
    """First and last visible data coordinate along each axis of the layer."""
    if viewer.dims.ndisplay != 2 or layer.ndim > viewer.dims.ndim:
        return None
    # Not layer.corner_pixels: these are of the last drawing, and of coarser levels.
    height, width = viewer.canvas.size
    shown = list(viewer.dims.displayed)
    camera = viewer.scene.camera
    center = np.array(camera.center)[-2:]
    corners = []
    for v, h in product((-0.5, 0.5), repeat=2):
        point = np.array(viewer.dims.point, float)
        point[shown] = center + np.array([v * height, h * width]) / camera.zoom
        corners.append(layer.world_to_data(point))
    found = np.array(corners)
    return found.min(axis=0), found.max(axis=0)


def _middle(
    ranges: Sequence[tuple[int, int]], shown: Sequence[int], most: int
) -> list[tuple[int, int]]:
    """Cut the shown ranges to `most` pixels in all, around their middle."""
    extents = {i: ranges[i][1] - ranges[i][0] for i in shown}
    factor = min(1.0, (most / np.prod(list(extents.values()))) ** 0.5)
    cut = list(ranges)
    for i, n in extents.items():
        kept = max(1, int(n * factor))
        begin = ranges[i][0] + (n - kept) // 2
        cut[i] = (begin, begin + kept)
    return cut


def _view(source: Source, ranges: Sequence[tuple[int, int]]) -> View:
    named = [(a, r) for a, r in zip(source.axes, ranges, strict=False) if a != CHANNEL]
    at = {a: r[0] for a, r in named if a in FRAME}
    sizes = [n for a, n in zip(source.axes, source.shape, strict=True) if a in FRAME]
    frame = int(np.ravel_multi_index(list(at.values()), sizes)) if sizes else 0
    return View(
        frame,
        tuple(slice(*r) for a, r in named if a in SPACE),
        tuple(r[0] for _, r in named),
        tuple(r[1] - r[0] for _, r in named),
    )
