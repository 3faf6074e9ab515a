"""Membranes along the seams of a collage, made anew between its cells."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.labelmaps.pieces import Pieces

# How far from a seam copied membranes are wiped, in thicknesses; squares of the
# thickness that a membrane has at least; how thick new ones are beside copied ones.
_WIPED = 1.2
_SPECK = 4.0
_THICKNESSES = (0.75, 0.9, 1.1)

Ids = npt.NDArray[np.int32]


def remake_membranes(
    marks: Array, before: Ids, parts: Ids, copy: Ids, pieces: Pieces
) -> None:
    """Draw membranes, in place, where cells of different copies meet.

    Parameters
    ----------
    marks : array of shape (*S)
        Class indices, as copied.
    before, parts : int32 arrays of shape (*S)
        Cells, grown to the middle of the membranes; before and after slivers went to
        their neighbours.
    copy : int32 array of shape (*S)
        Which copy a pixel comes from.
    """
    fill = fillings(marks, before, parts, pieces.wall)
    gone = before != parts
    marks[gone] = fill[parts[gone]]
    zone = np.zeros(marks.shape, bool)
    for first, after in _neighbours(marks.ndim):
        was, now = before[first] != before[after], parts[first] != parts[after]
        foreign = (copy[first] != copy[after]) | gone[first] | gone[after]
        seam = (was != now) | (now & foreign)
        _stamp(zone, np.argwhere(seam), _WIPED * pieces.thickness, True)
    wiped = zone & (marks == pieces.wall)
    marks[wiped] = fill[parts[wiped]]
    for first, after in _neighbours(marks.ndim):
        edge = np.argwhere((parts[first] != parts[after]) & zone[first])
        kind = parts[tuple(edge.T)] % len(_THICKNESSES)
        for i, relative in enumerate(_THICKNESSES):
            radius = relative * pieces.thickness / 2
            _stamp(marks, edge[kind == i], radius, pieces.wall)
    _wipe_specks(marks, parts, fill, zone, pieces)


def _wipe_specks(
    marks: Array, parts: Ids, fill: Array, zone: Array, pieces: Pieces
) -> None:
    """Wipe, in place, what is left of copied membranes beside the wiped ones."""
    from scipy import ndimage
    from skimage.measure import label

    nets = label(marks == pieces.wall, connectivity=marks.ndim)
    specks = np.bincount(nets.ravel()) < _SPECK * pieces.thickness**marks.ndim
    beside = np.zeros(len(specks), bool)
    beside[nets[ndimage.binary_dilation(zone, iterations=2)]] = True
    specks &= beside
    specks[0] = False
    wiped = specks[nets]
    marks[wiped] = fill[parts[wiped]]


def fillings(marks: Array, before: Ids, parts: Ids, wall: int | None) -> Array:
    """Return what each part is filled with: most of its pixels, slivers left out.

    Parameters
    ----------
    marks, before, parts : int arrays of shape (*S)
        See `remake_membranes`.
    wall : int or None
        The mark of membranes, which fill nothing.
    """
    found, index = np.unique(marks, return_inverse=True)
    index = index.ravel()
    kept = (before == parts).ravel()
    if wall is not None:
        kept &= (marks != wall).ravel()
    usual = int(np.bincount(index[kept]).argmax()) if kept.any() else 0
    keys = parts.ravel()[kept].astype(np.int64) * len(found) + index[kept]
    pairs, counts = np.unique(keys, return_counts=True)
    filling = np.full(int(parts.max()) + 1, found[usual])
    # The last of several values counts: the most frequent one.
    order = np.argsort(counts, kind="stable")
    filling[pairs[order] // len(found)] = found[pairs[order] % len(found)]
    return filling


def _neighbours(ndim: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Yield, for each axis, all pixels but the last, and the ones after them."""
    for axis in range(ndim):
        yield (
            tuple(slice(0, -1 if i == axis else None) for i in range(ndim)),
            tuple(slice(1 if i == axis else 0, None) for i in range(ndim)),
        )


def _stamp(target: Array, at: Array, radius: float, value: int | bool | None) -> None:
    """Write `value` within `radius` of the pixels ``(n, ndim)``, in their planes."""
    reach = int(radius)
    sides = np.array(target.shape)
    for y in range(-reach, reach + 2):
        for x in range(-reach, reach + 2):
            # Edges lie half a pixel after the pixel.
            if (y - 0.5) ** 2 + (x - 0.5) ** 2 <= max(radius, 0.8) ** 2:
                offset = np.array([0] * (target.ndim - 2) + [y, x])
                moved = at + offset
                kept = moved[np.all((moved >= 0) & (moved < sides), axis=1)]
                target[tuple(kept.T)] = value
