"""Narrow remains of cells that a collage has cut."""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.labelmaps.pieces import Pieces

# A part with less than this share of its piece is a remain of it.
_REMAIN = 0.6

Ids = npt.NDArray[np.int32]


def merge_slivers(
    marks: Array, parts: Ids, full_area: npt.NDArray[np.int64], pieces: Pieces
) -> None:
    """Give small remains of cut pieces to the neighbour they touch most; in place.

    Parameters
    ----------
    marks : array of shape (*S)
    parts : int32 array of shape (*S)
        1..n, connected.
    full_area : array of shape (*S)
        Pixels of the piece that a pixel is of, before it was cut; 0 for ground.
    """
    from scipy import ndimage

    areas = np.bincount(parts.ravel())
    whole = np.zeros(len(areas), np.int64)
    whole[parts.ravel()] = full_area.ravel()
    small = (areas < _REMAIN * whole) & (areas < pieces.least_area)
    small |= (whole == 0) & (areas > 0) & (areas < pieces.least_area / 2)
    small[0] = False
    if not small.any() or small[1:].all():
        return
    boxes = ndimage.find_objects(parts)
    for number in np.flatnonzero(small)[np.argsort(areas[small], kind="stable")]:
        _merge(marks, parts, int(number), boxes[number - 1], small, pieces.wall)


def _merge(
    marks: Array,
    parts: Ids,
    number: int,
    box: tuple[slice, ...],
    small: npt.NDArray[np.bool_],
    wall: int | None,
) -> None:
    from scipy import ndimage

    wide = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
    near, values = parts[wide], marks[wide]
    mask = near == number
    ring = ndimage.binary_dilation(mask) & ~mask
    around = near[ring]
    if not len(around):
        return
    large = around[~small[around]]
    heir = np.bincount(large if len(large) else around).argmax()
    # Inside of membranes the heir is what fills its cell.
    inside = ring & (near == heir)
    found = values[inside]
    if wall is not None:
        found = marks[wide][(near == heir) & (values != wall)]
        if not len(found):
            found = values[inside]
    values[mask] = np.bincount(found).argmax()
    near[mask] = heir
