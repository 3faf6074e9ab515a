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
    voxel = np.array(canvas.voxel)
    length = np.linalg.norm(stroke.stop - stroke.start, axis=1)
    thick = np.maximum(stroke.start_radius, stroke.stop_radius)
    half = np.ceil((thick.max() + length.max() / 2 + 1) / voxel).astype(int)
    axes = [np.arange(-h, h + 1) for h in half]
    around = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    batch = max(1, _BATCH // len(around))
    for first in range(0, n, batch):
        parts = slice(first, min(first + batch, n))
        yield _covered(canvas, stroke, parts, around)


def _covered(canvas: Canvas, stroke: Stroke, parts: slice, around: Array) -> Covered:
    voxel = np.array(canvas.voxel)
    start, way = stroke.start[parts], (stroke.stop - stroke.start)[parts]
    base = np.floor((start + way / 2) / voxel).astype(np.intp)
    pixel = base[:, np.newaxis] + around
    inside = ((pixel >= 0) & (pixel < np.array(canvas.shape))).all(axis=2)
    part, which = np.nonzero(inside)
    pixel = base[part] + around[which]
    offset = (pixel + 0.5) * voxel - start[part]
    along = way[part]
    square = np.maximum((way**2).sum(axis=1), 1e-12)[part]
    t = np.clip((offset * along).sum(axis=1) / square, 0, 1)
    distance = np.linalg.norm(offset - t[:, np.newaxis] * along, axis=1)
    thin, wide = stroke.start_radius[parts][part], stroke.stop_radius[parts][part]
    depth = thin + t * (wide - thin) - distance
    near = depth > -0.5
    flat = np.ravel_multi_index(tuple(pixel[near].T), canvas.shape)
    return Covered(
        flat.astype(np.intp),
        depth[near].astype(np.float32),
        part[near] + parts.start,
        parts.stop,
    )


def deepest(pixel: Array, depth: Array) -> tuple[Array, Array]:
    """Keep each pixel once, with its greatest depth."""
    order = np.lexsort((-depth, pixel))
    pixel, depth = pixel[order], depth[order]
    first = np.ones(len(pixel), bool)
    first[1:] = pixel[1:] != pixel[:-1]
    return pixel[first], depth[first]
