"""Maps of objects in a background: new objects where a copy of a map has its own."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.labelmaps.floor import Floor
from napari_segen.generation.labelmaps.placed import Floats, Pose, draw_turn
from napari_segen.generation.labelmaps.regions import REACH, Regions, draw_regions
from napari_segen.generation.labelmaps.shapes import Found, Shape

# Objects tried where there is no room, places for each, and how far these stray at
# last, in distances to the nearest neighbour.
_SHAPES = 20
_PLACES = 6
_STRAY = 0.8
_LIKE = 0.1
# How far places stray in any case, in the same distances: pairs of neighbours that come
# again just as they were are counted as copies.
_JITTER = 0.25
_OBJECTS_A_STEP = 40
# Pixels of a map's side, and copies along an axis of the new map.
_SMALL = 64
_MOST_COPIES = 40


@dataclass(frozen=True, slots=True)
class Scatter:
    """Groups of touching objects, scattered over a background.

    Positions come from turned and mirrored copies of the training map's, each in a
    region of its own, so that density, clusters and distances are as found; the
    objects come from the library, of similar size, turned, stretched and bent anew.

    Parameters
    ----------
    found : Found
        Of the map that is followed.
    library : list of Shape
        By ascending area; of all maps of this kind.
    map_shape : tuple of int
    free : bool
        Whether objects lie in any direction.
    ground : int
        Class index of the background.
    """

    found: Found
    library: list[Shape]
    map_shape: tuple[int, ...]
    free: bool
    ground: int

    def draw_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator
    ) -> Steps[tuple[Array, Array]]:
        """Draw a map: marks of the objects (0 beside them), and their ids 1..n."""
        areas = np.array([s.area for s in self.library])
        reach = np.max([s.reach for s in self.library], axis=0) * 1.2 + 2
        canvas = Floor(shape)
        points, sizes, gaps = self._points(shape, reach, rng)
        order = np.argsort(-sizes, kind="stable")
        for n, i in enumerate(order):
            if n % _OBJECTS_A_STEP == 0:
                yield Step(n, len(order), "placing objects")
            self.place(canvas, points[i], sizes[i], gaps[i], areas, rng)
        return canvas.marks, canvas.ids

    def _points(
        self, shape: tuple[int, ...], reach: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, Floats]:
        """Draw where objects lie, their areas, and how far their neighbours are."""
        sides = np.array(self.map_shape, float)
        pad = np.ceil(reach).astype(int)
        big = tuple(int(n) for n in np.array(shape) + 2 * pad)
        distance = _distance(sides, big)
        step = np.maximum(distance / 16, 1.0)
        coarse = tuple(int(np.ceil(n / s)) for n, s in zip(big, step, strict=True))
        regions = draw_regions(coarse, distance / step, rng)
        positions, groups = _tiled(self.found.positions, sides, distance)
        points, order = [], []
        for i, centre in enumerate(regions.centres * step):
            anchor = rng.uniform(-0.5, sides - 0.5)
            pose = Pose(draw_turn(len(shape), self.free, rng), anchor, centre)
            placed = pose.forward(positions)
            mine = np.flatnonzero(_owned(regions, placed / step, i))
            points.append(placed[mine] - pad)
            order.append(mine)
        chosen = np.concatenate(order)
        gap = _gaps(positions)[chosen]
        jitter = rng.standard_normal((len(chosen), len(shape)))
        points_at: Floats = (
            np.concatenate(points) + jitter * _JITTER * gap[:, np.newaxis]
        )
        return points_at, self._sizes(groups[chosen], rng), gap

    def _sizes(self, groups: npt.NDArray[np.intp], rng: np.random.Generator) -> Floats:
        """Return the groups' areas; of cut ones, of some object as large as is seen."""
        areas = np.array([float(s.area) for s in self.library])
        sizes = self.found.areas[groups]
        cut = self.found.is_cut[groups]
        least = np.minimum(np.searchsorted(areas, sizes), len(areas) - 1)
        drawn = rng.integers(least, len(areas))
        found: Floats = np.where(cut, areas[drawn], sizes)
        return found

    def place(
        self,
        canvas: Floor,
        point: Floats,
        size: float,
        gap: float,
        areas: Floats,
        rng: np.random.Generator,
    ) -> None:
        """Put an object of about `size` at about `point`, if there is room."""
        rank = np.searchsorted(areas, size)
        span = max(2, round(_LIKE * len(areas)))
        sides = np.array(canvas.ids.shape)
        is_inside = bool(np.all((point > -0.5) & (point < sides - 0.5)))
        for attempt in range(_SHAPES):
            far = gap * _STRAY * attempt / _SHAPES
            places = point + rng.normal(0, 1, (_PLACES, len(point))) * far
            at = np.rint(places).astype(int)
            if is_inside:
                # Beyond the border there is always room: no way out of a crowd.
                at = np.clip(at, 0, sides - 1)
            at = at[~canvas.is_blocked(at)]
            if not len(at):
                continue
            low = rank - span * (1 + attempt // 10)
            pick = np.clip(rng.integers(low, rank + span + 1), 0, len(areas) - 1)
            drawn = self.library[pick].varied(self.free, rng)
            if any(canvas.put(drawn, place) for place in at):
                return


def _distance(sides: Floats, shape: tuple[int, ...]) -> Floats:
    """Pixels between the copies: half a map, or more of it where it is small."""
    distance = np.where(sides >= _SMALL, sides / 2, sides)
    least: Floats = np.maximum(_SMALL / 4, np.array(shape) / _MOST_COPIES)
    return np.maximum(distance, least)


def _owned(regions: Regions, points: Floats, number: int) -> npt.NDArray[np.bool_]:
    """Tell which points ``(n, ndim)``, in pixels of the regions, lie in one of them."""
    sides = np.array(regions.owner.shape)
    inside = np.all((points >= 0) & (points < sides), axis=1)
    cells = np.clip(points.astype(int), 0, sides - 1)
    owned: npt.NDArray[np.bool_] = inside & (regions.owner[tuple(cells.T)] == number)
    return owned


def _tiled(
    positions: Floats, sides: Floats, distance: Floats
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Go on with a map's positions mirrored, for copies of any turn; tell whose."""
    reach = REACH * distance
    reach[-2:] = np.hypot(*reach[-2:])
    counts = np.ceil(reach / sides).astype(int)
    copies = []
    for tile in product(*(range(-n, n + 1) for n in counts)):
        t = np.array(tile)
        copies.append(np.where(t % 2, sides - 1 - positions, positions) + t * sides)
    # A cut object lies on the border, and its mirror image in the same place.
    joined: Floats = np.concatenate(copies)
    _, first = np.unique(joined.round(3), axis=0, return_index=True)
    return joined[first], first % len(positions)


def _gaps(positions: Floats) -> Floats:
    """Return the distance to the nearest neighbour; 0 where there is none."""
    from scipy.spatial import cKDTree

    near, _ = cKDTree(positions).query(positions, k=2)
    gaps: Floats = np.where(np.isfinite(near[:, 1]), near[:, 1], 0.0)
    return gaps
