"""Crowded maps: whole objects of copies of a map, and others in the gaps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.labelmaps.collage import Collage, cut_by
from napari_segen.generation.labelmaps.floor import Floor
from napari_segen.generation.labelmaps.regions import draw_regions
from napari_segen.generation.labelmaps.scatter import Scatter

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Objects that leave little background: neighbours stay together.

    Parameters
    ----------
    collage : Collage
        Of the objects; gives bent copies of the map.
    scatter : Scatter
        Of single objects; puts other ones where copies' objects would overlap.
    """

    collage: Collage
    scatter: Scatter

    def draw_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator
    ) -> Steps[Array]:
        """Draw ids of objects, not yet in a row; 0 is background."""
        distance = self.collage.distance(shape)
        regions = draw_regions(shape, distance, rng)
        floor = Floor(shape)
        cut = self._is_cut()
        margin = int(np.ceil(min(distance.max() / 3, 2 * self.collage.pieces.size)))
        left_out = [np.zeros((0, len(shape) + 1))]
        boxes = list(regions.windows(margin))
        for n, (number, window) in enumerate(boxes):
            yield Step(n, 2 * len(boxes), "drawing labels")
            centre = regions.centres[number]
            copy = self.collage.copy_of(centre, window, distance, rng)
            own = regions.owner[window] == number
            is_cut = cut[copy.origin]
            left_out.append(self._lay(floor, window, copy.ids, own, is_cut))
        floor.block()
        points = np.concatenate(left_out)
        areas = np.array([s.area for s in self.scatter.library])
        for n, point in enumerate(points):
            yield Step(len(points) + n, 2 * len(points), "filling gaps")
            gap = float(point[-1] ** (1 / len(shape)))
            self.scatter.place(floor, point[:-1], point[-1], gap, areas, rng)
        return floor.ids

    def _lay(
        self,
        floor: Floor,
        window: tuple[slice, ...],
        ids: Ids,
        own: Array,
        is_cut: npt.NDArray[np.bool_],
    ) -> Array:
        """Lay a copy's objects that are mostly in its region; tell which do not fit.

        Objects that the training map's border cuts do not: mirrored there, they have
        odd outlines.

        Returns
        -------
        array of shape (n, ndim + 1)
            Their centroids in the new map, and areas.
        """
        areas = np.bincount(ids.ravel())
        mine = 2 * np.bincount(ids[own], minlength=len(areas)) > areas
        mine[0] = False
        fits = mine.copy()
        fits[cut_by(window, floor.ids.shape, ids)] = False
        fits[is_cut] = False
        fits[ids[floor.ids[window] > 0]] = False
        floor.lay(window, np.where(fits[ids], ids, 0).astype(np.uint32))
        starts = np.array([s.start for s in window])
        rest = [
            [*(np.argwhere(ids == i).mean(axis=0) + starts), areas[i]]
            for i in np.flatnonzero(mine & ~fits)
        ]
        return np.array(rest).reshape(-1, ids.ndim + 1)

    def _is_cut(self) -> npt.NDArray[np.bool_]:
        """Tell which pieces the training map's border cuts, in the plane."""
        ids = self.collage.pieces.ids
        ends = [ids.take(i, axis) for axis in (-2, -1) for i in (0, -1)]
        cut = np.zeros(int(ids.max()) + 1, bool)
        cut[np.concatenate([e.ravel() for e in ends])] = True
        return cut
