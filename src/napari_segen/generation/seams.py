"""Where a new block meets what is there: the path along which the two differ least.

After Efros and Freeman, "Image quilting for texture synthesis and transfer",
SIGGRAPH 2001.
"""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

SIDES = ("top", "left", "bottom", "right")
Sides = frozenset[str]


def overlap_mask(
    block: tuple[int, int], overlap: tuple[int, int], sides: Sides
) -> npt.NDArray[np.bool_]:
    """Mark the strips of a block ``(H, W)`` that lie on what is there already."""
    mask = np.zeros(block, bool)
    for side in sides:
        depth = overlap[side in ("left", "right")]
        _seen_from(mask, side)[:, :depth] = True
    return mask


def taken_pixels(
    error: Array, overlap: tuple[int, int], sides: Sides
) -> npt.NDArray[np.bool_]:
    """Say which pixels the new block gets: those inside the cuts along its sides.

    Parameters
    ----------
    error : array of shape (H, W)
        How much the block differs from what is there.
    overlap : tuple of int
        Depth of the strips, in rows and in columns.
    sides : frozenset of str
        Where there is a strip.
    """
    taken = np.ones(error.shape, bool)
    for side in sides:
        depth = overlap[side in ("left", "right")]
        if depth == 0:
            continue
        path = least_path(_seen_from(error, side)[:, :depth])
        outside = np.arange(depth) < path[:, np.newaxis]
        _seen_from(taken, side)[:, :depth][outside] = False
    return taken


def least_path(error: Array) -> npt.NDArray[np.intp]:
    """Find the path through ``(N, D)``, one column a row, with the least sum.

    From row to row it moves by at most one column.
    """
    n, depth = error.shape
    cost = np.full((n, depth + 2), np.inf)
    cost[0, 1:-1] = error[0]
    for i in range(1, n):
        before = cost[i - 1]
        nearest = np.minimum(np.minimum(before[:-2], before[1:-1]), before[2:])
        cost[i, 1:-1] = error[i] + nearest
    path = np.empty(n, np.intp)
    path[-1] = cost[-1, 1:-1].argmin()
    for i in range(n - 2, -1, -1):
        # Column j stands at j + 1 in the padded costs.
        j = path[i + 1]
        path[i] = j - 1 + cost[i, j : j + 3].argmin()
    return path


def _seen_from(array: Array, side: str) -> Array:
    """View of ``(H, W)`` whose columns go inwards from `side`."""
    if side in ("right", "bottom"):
        array = array[::-1, ::-1]
    return array if side in ("left", "right") else array.T
