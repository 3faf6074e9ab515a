"""The loops that Numba compiles; imported only when objects are first looked for."""

import numpy as np
from numba import njit

from napari_segen.core.imagespec import Array

_options = {"nogil": True, "cache": True}


@njit(**_options)  # type: ignore[untyped-decorator]
def nearest_along(
    squared: Array, step: float, out: Array, first: int, stop: int
) -> None:
    """Carry squared distances along the middle axis, for lines `first` to `stop`.

    Parameters
    ----------
    squared : float32 array of shape (A, n, B)
        Squared distance to the background as far as the axes before this one know;
        infinite where they know none.
    step : float
        Pixel size along the axis.
    out : float32 array of shape (A, n, B)
        The least of ``squared[a, p, b] + (step * (q - p))**2`` over p.
    first, stop : int
        Line ``a * B + b`` lies at a and b.

    Notes
    -----
    Lower envelope of parabolas: Felzenszwalb and Huttenlocher, "Distance transforms
    of sampled functions", 2012. Exact, in linear time.
    """
    n = squared.shape[1]
    square = step * step
    tip = np.empty(n, np.int64)  # where the parabolas of the envelope have their tips
    start = np.empty(n, np.float64)  # from where on each is the lowest
    for line in range(first, stop):
        a, b = divmod(line, squared.shape[2])
        last = -1
        for q in range(n):
            height = np.float64(squared[a, q, b])
            if height == np.inf:
                continue
            begin = -np.inf
            while last >= 0:
                p = tip[last]
                rise = (height - squared[a, p, b]) / (square * (q - p))
                begin = (rise + q + p) / 2
                if begin > start[last]:
                    break
                last -= 1
                begin = -np.inf
            last += 1
            tip[last] = q
            start[last] = begin
        k = 0
        for q in range(n):
            if last < 0:
                out[a, q, b] = np.inf
                continue
            while k < last and start[k + 1] < q:
                k += 1
            gap = q - tip[k]
            out[a, q, b] = squared[a, tip[k], b] + square * gap * gap


@njit(**_options)  # type: ignore[untyped-decorator]
def root_of(parent: Array, i: int) -> int:
    """Return the basin that basin `i` has become a part of."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(**_options)  # type: ignore[untyped-decorator]
def flood(
    order: Array,
    level: Array,
    offsets: Array,
    depth: tuple[float, float],
    basin: Array,
    parent: Array,
    peak: Array,
    n: int,
) -> int:
    """Give each pixel of `order` to a basin, from the highest level downwards.

    A pixel without a neighbour in a basin begins one. Where two basins meet they
    become one, if the saddle between them lies at most ``depth[0]`` below the lower
    of their peaks, or higher than ``depth[1]`` times it. Otherwise the pixel goes to
    the basin of its highest neighbour.

    Parameters
    ----------
    order : int array of shape (M,)
        Flat positions of the pixels, their levels never rising.
    level : float32 array, flat
        At least one pixel of background on each side.
    offsets : int array
        Flat distances to the neighbours.
    basin : int32 array, flat
        0 outside; written.
    parent, peak : int32 and float32 arrays with one place more than there are pixels
        Of each basin; written.
    n : int
        Basins that are there already. Returns how many there are now.
    """
    for i in range(order.size):
        at = order[i]
        here = level[at]
        own = 0
        highest = -np.inf
        for k in range(offsets.size):
            beside = at + offsets[k]
            if basin[beside] == 0 or level[beside] < highest:
                continue
            other = root_of(parent, basin[beside])
            # Of two as high, the higher hill: so that the order matters least.
            if level[beside] > highest or peak[other] > peak[own]:
                highest = level[beside]
                own = other
        if own == 0:
            n += 1
            basin[at] = n
            parent[n] = n
            peak[n] = here
            continue
        basin[at] = own
        for k in range(offsets.size):
            beside = at + offsets[k]
            if basin[beside] == 0:
                continue
            other = root_of(parent, basin[beside])
            if other == own:
                continue
            low = min(peak[own], peak[other])
            if low - here <= depth[0] or here > depth[1] * low:
                if peak[other] > peak[own]:
                    own, other = other, own
                parent[other] = own
    return n


@njit(**_options)  # type: ignore[untyped-decorator]
def number_objects(basin: Array, parent: Array, n: int) -> None:
    """Replace basins by object ids from 1 on in raster order.

    Parameters
    ----------
    basin : int32 array, flat
        0 = background; overwritten by the ids.
    parent : int32 array of shape (n + 1,) or longer
        The basin that each has become a part of.
    n : int
        Number of basins.
    """
    number = np.zeros(n + 1, np.int32)
    found = 0
    for i in range(basin.size):
        if basin[i] == 0:
            continue
        b = root_of(parent, basin[i])
        if number[b] == 0:
            found += 1
            number[b] = found
        basin[i] = number[b]
