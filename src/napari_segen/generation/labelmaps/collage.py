"""Maps that fill the plane: whole cells of turned, bent copies of a map, side by side.

Each region of the new map has its own copy, and a cell belongs to the region that holds
more than half of it. Where copies meet, cells are cut: the cut is closed by a membrane
where there are membranes, and slivers go to a neighbour.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.labelmaps.membranes import fillings, remake_membranes
from napari_segen.generation.labelmaps.pieces import Pieces
from napari_segen.generation.labelmaps.placed import Floats, Pose, draw_turn
from napari_segen.generation.labelmaps.regions import Regions, draw_regions
from napari_segen.generation.labelmaps.slivers import merge_slivers

_FILLED, _CLAIMED = 1, 2
_MOST_COPIES = 40
# How far a copy's middle keeps from its map's border, in distances between copies:
# mirror images show less among membranes, and all parts should come as often.
_INSET = 0.45
_INSET_NET = 0.25

Ids = npt.NDArray[np.int32]


class Copy(NamedTuple):
    """A turned, bent copy of a map in a window.

    Parameters
    ----------
    marks : array of the window's shape
    ids : int32 array of the window's shape
        Of pieces, from 1; 0 is ground.
    origin : int32 array of shape (n + 1,)
        Which of the map's pieces each is.
    at : int array of the window's shape
        Where in the raveled map each pixel comes from.
    """

    marks: Array
    ids: Ids
    origin: Ids
    at: Array


@dataclass(frozen=True, slots=True)
class Collage:
    """Whole pieces of copies of one map.

    Parameters
    ----------
    marks : int array of shape (*S)
        Class indices, or object ids with 0 as background.
    pieces : Pieces
        Into what the map is cut.
    instances : bool
        Whether marks are object ids.
    """

    marks: Array
    pieces: Pieces
    instances: bool

    def draw_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator
    ) -> Steps[tuple[Array, Ids]]:
        """Draw a map: class indices, or ids of objects, not yet in a row.

        Returns
        -------
        array of shape (*S), int32 array of shape (*S)
            The map, and where in the raveled training map each pixel comes from; -1
            where it was made anew.
        """
        distance = self.distance(shape)
        regions = draw_regions(shape, distance, rng)
        canvas = _Canvas(shape, self.marks.dtype)
        margin = int(np.ceil(min(distance.max() / 3, self.pieces.size)))
        boxes = list(regions.windows(margin))
        for n, (number, window) in enumerate(boxes):
            yield Step(n, len(boxes) + 1, "drawing labels")
            centre = regions.centres[number]
            copy = self.copy_of(centre, window, distance, rng)
            canvas.add(number, window, regions, copy)
        return (yield from self._finish_steps(canvas))

    def distance(self, shape: tuple[int, ...]) -> Floats:
        """Pixels between the copies: two large pieces, within what the map has."""
        sides = np.array(self.marks.shape, float)
        distance = np.clip(2 * self.pieces.size, 0.5 * sides, 0.7 * sides)
        distance[: len(sides) - 2] = sides[:-2]
        least: Floats = np.maximum(16.0, np.array(shape) / _MOST_COPIES)
        between: Floats = np.maximum(distance, least)
        return between

    def copy_of(
        self,
        centre: Floats,
        window: tuple[slice, ...],
        distance: Floats,
        rng: np.random.Generator,
    ) -> Copy:
        """Copy the map into a window."""
        sides = np.array(self.marks.shape)
        ndim = len(sides)
        # Near the map's border its mirror image begins.
        share = _INSET if self.pieces.wall is None else _INSET_NET
        inset = np.minimum(distance, sides) * share
        anchor = rng.uniform(inset - 0.5, sides - inset - 0.5)
        pose = Pose(draw_turn(ndim, self.pieces.free, rng), anchor, centre)
        at = pose.sources(window, self.marks.shape, self.pieces.grain, rng)
        from skimage.measure import label

        pieces = self.pieces.ids.ravel()[at]
        # A piece and its mirror image are two.
        ids = label(pieces, connectivity=1).astype(np.int32)
        origin = np.zeros(int(ids.max()) + 1, np.int32)
        origin[ids.ravel()] = pieces.ravel()
        return Copy(self.marks.ravel()[at], ids, origin, at)

    def _finish_steps(self, canvas: "_Canvas") -> Steps[tuple[Array, Ids]]:
        """Merge slivers, close seams with membranes, tell cut objects apart."""
        from skimage.measure import label

        last = Step(canvas.n_copies, canvas.n_copies + 1, "joining cells")
        yield last
        parts = label(canvas.ids + 1, connectivity=1).astype(np.int32)
        if canvas.n_copies > 1:
            before = parts
            yield last
            parts = merge_slivers(before, canvas.full_area(), self.pieces)
            yield last
            if self.pieces.wall is None:
                fill = fillings(canvas.marks, before, parts, None)
                gone = before != parts
                canvas.marks[gone] = fill[parts[gone]]
            else:
                remake_membranes(canvas.marks, before, parts, canvas.copy, self.pieces)
        at = np.where(self.marks.ravel()[canvas.at] == canvas.marks, canvas.at, -1)
        if not self.instances:
            return canvas.marks, at
        return np.where(canvas.marks > 0, parts, 0), at


class _Canvas:
    """A new map being filled with pieces of copies.

    Attributes
    ----------
    marks : array of shape (*S)
    ids : int32 array of shape (*S)
        Of pieces; each copy has its own. 0 where a copy has none.
    copy : int32 array of shape (*S)
        Which copy a pixel comes from.
    at : int32 array of shape (*S)
        Where in the raveled map of that copy.
    """

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.marks = np.zeros(shape, dtype)
        self.ids = np.zeros(shape, np.int32)
        self.copy = np.zeros(shape, np.int32)
        self.at = np.zeros(shape, np.int32)
        self.n_copies = 0
        self._rank = np.zeros(shape, np.uint8)
        self._areas = [np.zeros(1, np.int64)]
        self._n_ids = 0

    def add(
        self,
        number: int,
        window: tuple[slice, ...],
        regions: Regions,
        copy: Copy,
    ) -> None:
        """Take the pieces of which more than half lies in the region; fill the rest."""
        own, ids = regions.owner[window] == number, copy.ids
        areas = np.bincount(ids.ravel())
        rank = self._rank[window]
        inside = np.bincount(ids[own], minlength=len(areas))
        claims = 2 * inside > areas
        claims[cut_by(window, self.ids.shape, ids)] = False
        claims[0] = False
        claimed = claims[ids]
        taken = claimed & (rank < _CLAIMED)
        filled = own & ~claimed & (rank < _FILLED)
        rank[taken], rank[filled] = _CLAIMED, _FILLED
        use = taken | filled
        self.marks[window][use] = copy.marks[use]
        self.at[window][use] = copy.at[use]
        self.ids[window][use] = np.where(ids > 0, ids + self._n_ids, 0)[use]
        self.copy[window][use] = number
        self._n_ids += len(areas) - 1
        self._areas.append(areas[1:])
        self.n_copies += 1

    def full_area(self) -> npt.NDArray[np.int64]:
        """Return the pixels that the piece of each pixel has in its copy, ``(*S)``."""
        found: npt.NDArray[np.int64] = np.concatenate(self._areas)[self.ids]
        return found


def cut_by(window: tuple[slice, ...], shape: tuple[int, ...], ids: Ids) -> Array:
    """Return the pieces that the sides of a window cut, but those at the map's own."""
    ends = []
    for axis, (side, n) in enumerate(zip(window, shape, strict=True)):
        if side.start > 0:
            ends.append(ids.take(0, axis).ravel())
        if side.stop < n:
            ends.append(ids.take(-1, axis).ravel())
    return np.unique(np.concatenate([*ends, np.zeros(1, np.int32)]))
