"""Space filled with cells: a power diagram with rounded corners and curved walls."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.shapes.canvas import Canvas, Floats
from napari_segen.generation.shapes.fields import smooth_field
from napari_segen.generation.shapes.placing import Places, neighbours, place

# Balls of this part of their radius are packed as closely as random placing can.
_PACKED = 0.68
_ROUNDING = 0.05
_FIRST_WALLS = 10
# A cell ends at so many of its radii, where it has no neighbour.
_LARGEST = 1.9


@dataclass(frozen=True, slots=True)
class Tissue:
    """Cells that meet at walls.

    Parameters
    ----------
    places : Places
    canvas : Canvas
    bending : list of arrays of shape (*S)
        How far along each axis a pixel is seen away from where it is; none without.
    stretch : float32 array of shape (*S), or None
        By how much this makes depths grow at most.
    """

    places: Places
    canvas: Canvas
    bending: list[Floats]
    stretch: Floats | None

    @classmethod
    def draw(
        cls,
        canvas: Canvas,
        size: float,
        spread: float,
        irregularity: float,
        rng: np.random.Generator,
    ) -> "Tissue":
        """Draw cells of about this diameter."""
        places = place(canvas, 1.0, size / 2, spread, rng, margin=size, slack=_PACKED)
        bending = []
        if irregularity > 0:
            for _ in range(canvas.ndim):
                slow = smooth_field(canvas, size / 3, rng)
                slow *= np.float32(0.115 * irregularity * size)
                fast = smooth_field(canvas, size / 9, rng)
                fast *= np.float32(0.02 * irregularity * size)
                slow += fast
                bending.append(slow)
        return cls(places, canvas, bending, _stretch(canvas, bending))

    def cells(self) -> Iterator["Cell"]:
        """Draw one cell after the other, without those that cannot be seen."""
        others = neighbours(self.places, _LARGEST)
        bend = max((float(np.abs(b).max()) for b in self.bending), default=0.0)
        for i, near in enumerate(others):
            center, radius = self.places.centers[i], float(self.places.radii[i])
            walls = self._walls(i, near)
            reach = min(_LARGEST * radius, _farthest(*walls))
            window = self.canvas.window(center, reach + bend)
            if window is not None:
                depth = self._depth(i, walls, window, reach)
                if depth.max() > -np.inf:
                    grid = self.canvas.grid(window)
                    yield Cell(i, center, radius, window, depth, grid)

    def _depth(
        self,
        i: int,
        walls_of: tuple[Floats, Floats],
        window: tuple[slice, ...],
        reach: float,
    ) -> Floats:
        """How deep the pixels of a window lie in cell i; -inf far outside."""
        center, radius = self.places.centers[i], float(self.places.radii[i])
        offsets: list[Floats] = []
        grids = self.canvas.grid(window)
        for axis, grid in enumerate(grids):
            offset = grid - np.float32(center[axis])
            if self.bending:
                offset = offset + self.bending[axis][window]
            offsets.append(offset)
        walls, distances = walls_of
        inside = sum(o * o for o in offsets) < np.float32(reach**2)
        inside = np.broadcast_to(inside, tuple(w.stop - w.start for w in window)).copy()
        for wall, distance in zip(
            walls[:_FIRST_WALLS], distances[:_FIRST_WALLS], strict=True
        ):
            along = sum((w * o for w, o in zip(wall, offsets, strict=True)))
            inside &= along < distance + 1
        places = np.stack([np.broadcast_to(o, inside.shape)[inside] for o in offsets])
        result: Floats = np.full(inside.shape, -np.inf, np.float32)
        result[inside] = _rounded(
            walls, distances, places, reach, 2 * _ROUNDING * radius
        )
        if self.stretch is not None:
            result /= self.stretch[window]
        return result

    def _walls(self, i: int, near: Array) -> tuple[Floats, Floats]:
        """Directions to the walls of cell i and their distances, nearest first."""
        centers, radii = self.places.centers, self.places.radii
        way = centers[near] - centers[i]
        length = np.linalg.norm(way, axis=1)
        distance = (length**2 + radii[i] ** 2 - radii[near] ** 2) / (2 * length)
        order = np.argsort(distance, kind="stable")
        directions = (way / length[:, np.newaxis])[order]
        return directions.astype(np.float32), distance[order].astype(np.float32)


def _stretch(canvas: Canvas, bending: list[Floats]) -> Floats | None:
    """One and the norm of the bending's slopes; dividing by it keeps walls thick."""
    if not bending:
        return None
    square = np.zeros(canvas.shape, np.float32)
    for field in bending:
        for axis, size in enumerate(canvas.voxel):
            if canvas.shape[axis] > 1:
                square += np.gradient(field, size, axis=axis) ** 2
    stretch: Floats = 1 + np.sqrt(square)
    return stretch


def _farthest(walls: Floats, distances: Floats) -> float:
    """How far a cell between `walls` reaches, and a little more."""
    along = _directions(walls.shape[1]) @ walls.T
    with np.errstate(divide="ignore"):
        length = np.where(along > 0, distances / along, np.inf).min(
            axis=1, initial=np.inf
        )
    return 1.12 * float(length.max())


@cache
def _directions(ndim: int) -> Floats:
    """Directions spread evenly, as rows: a circle, or Fibonacci's sphere."""
    n = 48 if ndim == 2 else 160
    turn = np.arange(n) * (2 * np.pi / n if ndim == 2 else np.pi * (3 - 5**0.5))
    circle = np.stack([np.sin(turn), np.cos(turn)], axis=1)
    if ndim == 3:
        height = (2 * np.arange(n) + 1) / n - 1
        around = np.sqrt(1 - height**2)[:, np.newaxis]
        circle = np.concatenate([height[:, np.newaxis], around * circle], axis=1)
    return circle.astype(np.float32)


def _rounded(
    walls: Floats, distances: Floats, places: Floats, reach: float, softness: float
) -> Floats:
    """Distance to the nearest wall, less near corners; `places` are ``(ndim, P)``."""
    from_center = np.sqrt(np.einsum("ip,ip->p", places, places))
    to_walls = np.concatenate(
        [distances[:, np.newaxis] - walls @ places, reach - from_center[np.newaxis]]
    )
    nearest: Floats = to_walls.min(axis=0)
    to_walls -= nearest
    to_walls *= np.float32(-1 / softness)
    total = np.exp(to_walls, out=to_walls).sum(axis=0)
    result: Floats = nearest - np.float32(softness) * np.log(total)
    return result


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a tissue.

    Parameters
    ----------
    number : int
    center : array of shape (ndim,)
    radius : float
        Of a ball as large as typical for it.
    window : tuple of slice
    depth : float32 array of the window's shape
        Distance to the middle of the nearest wall; -inf far outside.
    grid : list of arrays
        Centres of the window's pixels along each axis.
    """

    number: int
    center: npt.NDArray[np.float64]
    radius: float
    window: tuple[slice, ...]
    depth: Floats
    grid: list[Floats]

    def around(
        self, center: Array, reach: float
    ) -> tuple[tuple[slice, ...], list[Floats]]:
        """Return the part of the window within `reach` of `center`.

        With it, how far its pixels are from `center` along each axis.
        """
        part, offsets = [], []
        for axis, (grid, c) in enumerate(zip(self.grid, center, strict=True)):
            inside = np.flatnonzero(np.abs(grid - c) <= reach)
            some = slice(inside[0], inside[-1] + 1) if inside.size else slice(0, 0)
            part.append(some)
            offsets.append(np.take(grid, inside, axis=axis) - np.float32(c))
        return tuple(part), offsets
