"""Thick lines through space, and which pixels they cover."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.shapes.canvas import Canvas, Floats

_BATCH = 2**19

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stroke:
    """Parts of a line, each thick and with round ends.

    Parameters
    ----------
    start, stop : arrays of shape (n, ndim)
    start_radius, stop_radius : arrays of shape (n,)
    """

    start: Points
    stop: Points
    start_radius: Points
    stop_radius: Points

    @classmethod
    def through(cls, points: Points, radii: Points) -> "Stroke":
        """Make the line through `points`, as thick there as twice `radii`."""
        return cls(points[:-1], points[1:], radii[:-1], radii[1:])


@dataclass(frozen=True, slots=True)
class Covered:
    """Pixels in or near a stroke; a pixel may be listed for several parts.

    Parameters
    ----------
    pixel : array of shape (m,)
        Places in the flattened canvas.
    depth : float32 array of shape (m,)
    part : array of shape (m,)
        The part of the stroke.
    done : int
        How many parts have been looked at.
    """

    pixel: npt.NDArray[np.intp]
    depth: Floats
    part: npt.NDArray[np.intp]
    done: int


def stroke_pixels(canvas: Canvas, stroke: Stroke) -> Iterator[Covered]:
    """Find the pixels that a stroke covers at least in part, some parts at a time."""
    n = len(stroke.start)
    if n == 0:
        return
    length = np.linalg.norm(stroke.stop - stroke.start, axis=1)
    thick = np.maximum(stroke.start_radius, stroke.stop_radius)
    reach = thick.max() + length.max() / 2 + 1
    half = np.ceil(reach / np.array(canvas.voxel)).astype(int)
    half = np.minimum(half, np.array(canvas.shape) - 1)
    n_around = int(np.prod(2 * half + 1))
    if n_around > _BATCH:
        for i in range(n):
            yield _covered_in_window(canvas, stroke, i, reach)
        return
    axes = [np.arange(-h, h + 1) for h in half]
    around = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    batch = max(1, _BATCH // n_around)
    for first in range(0, n, batch):
        parts = slice(first, min(first + batch, n))
        yield _covered(canvas, stroke, parts, around)


def _covered(canvas: Canvas, stroke: Stroke, parts: slice, around: Array) -> Covered:
    """Look at the same neighbourhood of many small parts at once."""
    voxel, shape = np.array(canvas.voxel), np.array(canvas.shape)
    middle = (stroke.start[parts] + stroke.stop[parts]) / 2
    base = np.clip(np.floor(middle / voxel).astype(np.intp), 0, shape - 1)
    pixel = base[:, np.newaxis] + around
    inside = ((pixel >= 0) & (pixel < shape)).all(axis=2)
    part, which = np.nonzero(inside)
    pixel = base[part] + around[which]
    flat = np.ravel_multi_index(tuple(pixel.T), canvas.shape)
    return _chosen(stroke, flat, (pixel + 0.5) * voxel, part + parts.start, parts.stop)


def _covered_in_window(canvas: Canvas, stroke: Stroke, i: int, reach: float) -> Covered:
    """Look at the surroundings of one large part, as far as they are in the image."""
    window = canvas.window((stroke.start[i] + stroke.stop[i]) / 2, reach)
    sides = window or (slice(0, 0),) * canvas.ndim
    axes = [np.arange(w.start, w.stop) for w in sides]
    pixel = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    flat = np.ravel_multi_index(tuple(pixel.T), canvas.shape)
    part = np.full(len(pixel), i)
    return _chosen(stroke, flat, (pixel + 0.5) * np.array(canvas.voxel), part, i + 1)


def _chosen(
    stroke: Stroke, flat: Array, place: Points, part: Array, done: int
) -> Covered:
    """Keep the places that are in or near their part of the stroke."""
    way = stroke.stop - stroke.start
    square = np.maximum((way**2).sum(axis=1), 1e-12)[part]
    offset, along = place - stroke.start[part], way[part]
    t = np.clip((offset * along).sum(axis=1) / square, 0, 1)
    distance = np.linalg.norm(offset - t[:, np.newaxis] * along, axis=1)
    thin, wide = stroke.start_radius[part], stroke.stop_radius[part]
    depth = thin + t * (wide - thin) - distance
    near = depth > -0.5
    return Covered(flat[near], depth[near].astype(np.float32), part[near], done)


def deepest(pixel: Array, depth: Array) -> tuple[Array, Array]:
    """Keep each pixel once, with its greatest depth."""
    order = np.lexsort((-depth, pixel))
    pixel, depth = pixel[order], depth[order]
    first = np.ones(len(pixel), bool)
    first[1:] = pixel[1:] != pixel[:-1]
    return pixel[first], depth[first]
