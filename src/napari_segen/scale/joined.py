"""Objects found in parts that overlap, joined to the objects of the whole.

Neighbouring parts both see the zone around the face between them. An object of one and
an object of the other are the same if, within that zone, over half of the smaller one
is part of the larger one. What both see whole they see alike, so there nothing is left
to chance; where a part sees only some of an object, they may cut it differently.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps, stretch_steps
from napari_segen.core.tiles import Slices, Tile
from napari_segen.scale.tasks import each_task_steps

SAME = 0.5  # share of the smaller of two that is common to both
NO_PIXEL = np.iinfo(np.int64).max

Ids = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Joined:
    """Which object of the whole each object of a part is.

    Parameters
    ----------
    tables : list of int array
        For each part the number in the whole of each of its ids; 0 for 0, and for
        objects that have no pixel in the part's core.
    n_objects : int
        Numbers from 1 on, in the order of the objects' first pixels.
    n_joined : int
        Objects of several parts.
    n_disagreeing : int
        Objects on a face of which the parts on its sides see different pixels.
    """

    tables: list[npt.NDArray[np.int64]]
    n_objects: int
    n_joined: int
    n_disagreeing: int


def joined_steps(
    tiles: Sequence[Tile],
    shape: tuple[int, ...],
    read: Callable[[int], Ids],
    client: Any = None,
) -> Steps[Joined]:
    """Join the objects of the parts of one frame.

    Parameters
    ----------
    tiles : sequence of Tile
        The parts, as `tile_grid` cuts a frame of `shape`.
    shape : tuple of int
    read : callable
        Returns the ids of a part ``(*padded)``, 0 = background, by its number in
        `tiles`. Is called several times for each.
    client : distributed.Client, optional
        Whose workers compare the parts; only tables come here.
    """
    n, text = len(tiles), "Joining objects"
    first: list[Array] = [np.zeros(0)] * n
    look = partial(_first_steps, read, shape)
    looking = each_task_steps(
        look, list(enumerate(tiles)), first.__setitem__, client=client, text=text
    )
    yield from stretch_steps(looking, 0, 0.5)
    start = np.cumsum([0, *map(len, first)])
    neighbours = list(_neighbours(tiles))
    faces = [(i, tiles[i], j, tiles[j], axis) for i, j, axis in neighbours]
    pairs: list[Array] = [np.zeros((0, 2), np.intp)] * (len(faces) + 1)
    doubts: list[Array] = [np.zeros(0, np.intp)] * (len(faces) + 1)

    def take(k: int, found: tuple[Array, tuple[Ids, Ids]]) -> None:
        (i, j, _), (same, (here, there)) = neighbours[k], found
        pairs[k] = same + start[[i, j]]
        doubts[k] = np.concatenate([here + start[i], there + start[j]])

    compare = partial(_compared_steps, read)
    comparing = each_task_steps(compare, faces, take, client=client, text=text)
    yield from stretch_steps(comparing, 0.5, 1)
    return _numbered(
        np.concatenate(first), start, np.concatenate(pairs), np.concatenate(doubts)
    )


def _first_steps(
    read: Callable[[int], Ids], shape: tuple[int, ...], part: tuple[int, Tile]
) -> Steps[Array]:
    i, tile = part
    yield Step(0, 1, "Joining objects")
    return _first_pixels(read(i), tile, shape)


def _compared_steps(
    read: Callable[[int], Ids], face: tuple[int, Tile, int, Tile, int]
) -> Steps[tuple[Array, tuple[Ids, Ids]]]:
    i, one, j, other, axis = face
    yield Step(0, 1, "Joining objects")
    zone = _common(one.padded, other.padded)
    here, there = read(i)[_within(zone, one)], read(j)[_within(zone, other)]
    return compared(here, there, axis, _face(zone, other, axis))


def compared(
    here: Ids, there: Ids, axis: int, face: int
) -> tuple[npt.NDArray[np.intp], tuple[Ids, Ids]]:
    """Compare what two parts see of the zone between them.

    Parameters
    ----------
    here, there : integer arrays of shape (*S)
        Ids in either part, 0 = background.
    axis, face : int
        Where the core of the second begins.

    Returns
    -------
    same : int array of shape (n, 2)
        Pairs of ids that are one object.
    doubtful : pair of int arrays
        Ids of objects on the face that the other part does not see so.
    """
    both = (here > 0) & (there > 0)
    n_here, n_there = (np.bincount(ids.ravel(), minlength=1) for ids in (here, there))
    pairs, common = np.unique(
        np.stack([here[both], there[both]], axis=1), axis=0, return_counts=True
    )
    a, b = pairs.T
    is_same = common > SAME * np.minimum(n_here[a], n_there[b])
    is_alike = (common == n_here[a]) & (common == n_there[b])
    doubtful = (
        np.setdiff1d(_crossing(here, axis, face), a[is_alike]),
        np.setdiff1d(_crossing(there, axis, face), b[is_alike]),
    )
    return pairs[is_same].astype(np.intp), doubtful


def _crossing(ids: Ids, axis: int, face: int) -> Ids:
    """List the ids of objects that have pixels on both sides of a face."""
    before, after = (np.take(ids, face + i, axis) for i in (-1, 0))
    return np.setdiff1d(before[before == after], 0)


def _first_pixels(ids: Ids, tile: Tile, shape: tuple[int, ...]) -> Array:
    """Return for each id where in the frame the first of its pixels in the core is."""
    core = np.ascontiguousarray(ids[tile.inner])
    first = np.full(int(ids.max(initial=0)) + 1, NO_PIXEL)
    found, at = np.unique(core, return_index=True)
    place = np.unravel_index(at, core.shape)
    moved = [p + part.start for p, part in zip(place, tile.core, strict=True)]
    first[found] = np.ravel_multi_index(moved, shape)
    first[0] = NO_PIXEL
    return first


def _numbered(first: Array, start: Array, pairs: Array, doubtful: Array) -> Joined:
    """Give numbers to the groups of ids that `pairs` connect by their first pixels."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(first)
    graph = coo_array((np.ones(len(pairs), bool), (*pairs.T,)), (n, n))
    group = connected_components(graph, directed=False)[1]
    earliest = np.full(n, NO_PIXEL)
    np.minimum.at(earliest, group, first)
    n_objects = int((earliest < NO_PIXEL).sum())
    number = np.zeros(n, np.int64)
    number[np.argsort(earliest, kind="stable")[:n_objects]] = np.arange(n_objects) + 1
    numbers = np.where(first < NO_PIXEL, number[group], 0)
    in_parts = np.bincount(numbers, minlength=n_objects + 1)[1:]
    seen_unlike = np.setdiff1d(number[group[doubtful]], 0)
    tables = [numbers[a:b] for a, b in pairwise(start)]
    return Joined(tables, n_objects, int((in_parts > 1).sum()), len(seen_unlike))


def _neighbours(tiles: Sequence[Tile]) -> Iterator[tuple[int, int, int]]:
    """Yield pairs of parts with a common face, and the axis it lies across."""
    at = {tile.corner: i for i, tile in enumerate(tiles)}
    for corner, i in at.items():
        for axis, part in enumerate(tiles[i].core):
            beyond = (*corner[:axis], part.stop, *corner[axis + 1 :])
            if beyond in at:
                yield i, at[beyond], axis


def _common(one: Slices, other: Slices) -> Slices:
    return tuple(
        slice(max(a.start, b.start), min(a.stop, b.stop))
        for a, b in zip(one, other, strict=True)
    )


def _within(zone: Slices, tile: Tile) -> Slices:
    """Return where a zone of the frame lies in a padded part."""
    return tuple(
        slice(z.start - p.start, z.stop - p.start)
        for z, p in zip(zone, tile.padded, strict=True)
    )


def _face(zone: Slices, after: Tile, axis: int) -> int:
    return int(after.core[axis].start - zone[axis].start)
