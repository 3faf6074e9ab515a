"""The loops that Numba compiles; imported only when features are first computed.

All kernels release the interpreter lock and start no threads of their own: Numba's
own thread layers are not safe with several calling threads. Of the fast-math rules
only ``contract`` is on (a product and a sum in one instruction), so that a pixel's
result does not depend on where in a row the vector loop begins.
"""

import numpy as np
from numba import njit

from napari_segen.core.imagespec import Array

Rows = tuple[Array, Array, Array]

BLOCK = 512  # pixels of a row whose three sums stay in the first-level cache

_options = {"nogil": True, "cache": True, "fastmath": {"contract"}}


@njit(**_options)  # type: ignore[untyped-decorator]
def copy_row(source: Array, out: Array) -> None:
    """Copy the first pixels of `source`; a slice assignment takes twice as long."""
    for x in range(out.size):
        out[x] = source[x]


@njit(**_options)  # type: ignore[untyped-decorator]
def start_sums(sums: Rows, orders: int, weights: Array, centre: Array) -> None:
    """Set the sums of orders 0, 1, 2 to the centre tap's part; order 1 has none."""
    zeroth, first, second = sums
    even, curved = weights[0, 0], weights[2, 0]
    for x in range(centre.size):
        zeroth[x] = even * centre[x]
    if orders > 1:
        for x in range(centre.size):
            first[x] = 0.0
    if orders > 2:
        for x in range(centre.size):
            second[x] = curved * centre[x]


@njit(**_options)  # type: ignore[untyped-decorator]
def add_taps(
    sums: Rows,
    orders: int,
    weights: Array,
    tap: int,
    near: tuple[Array, Array],
    far: tuple[Array, Array],
) -> None:
    """Add the taps at distance `tap` and `tap + 1` on both sides to the sums.

    `near` and `far` are the pixels (after, before) at the two distances. Orders 0
    and 2 are even, order 1 is odd: sums and differences are shared.
    """
    zeroth, first, second = sums
    a, b = near
    c, d = far
    v0, w0 = weights[0, tap], weights[0, tap + 1]
    v1, w1 = weights[1, tap], weights[1, tap + 1]
    v2, w2 = weights[2, tap], weights[2, tap + 1]
    # Three loops instead of tests inside one: only so does the compiler vectorise.
    if orders == 1:
        for x in range(a.size):
            zeroth[x] += v0 * (a[x] + b[x]) + w0 * (c[x] + d[x])
    elif orders == 2:
        for x in range(a.size):
            zeroth[x] += v0 * (a[x] + b[x]) + w0 * (c[x] + d[x])
            first[x] += v1 * (a[x] - b[x]) + w1 * (c[x] - d[x])
    else:
        for x in range(a.size):
            p, q = a[x] + b[x], c[x] + d[x]
            zeroth[x] += v0 * p + w0 * q
            first[x] += v1 * (a[x] - b[x]) + w1 * (c[x] - d[x])
            second[x] += v2 * p + w2 * q


@njit(**_options)  # type: ignore[untyped-decorator]
def filter_across(
    source: Array,
    index: Array,
    at: int,
    columns: tuple[int, int],
    orders: int,
    weights: Array,
    sums: Rows,
) -> None:
    """Filter along the first axis of ``(n, B)`` for one row of results.

    Parameters
    ----------
    source : float32 array of shape (n, B)
    index : int array
        Which row of `source` stands at each position; this is the boundary rule.
    at : int
        Position under the centre of the kernel.
    columns : tuple of int
        First column that is wanted, and the one after the last.
    orders : int
        How many of the lowest orders are wanted, 1 to 3.
    weights : float32 array of shape (3, r + 1)
        Right halves of the kernels of order 0, 1, 2; r is even.
    sums : three float32 arrays of shape (columns,)
        Receive the results; those of orders that are not wanted are left alone.
    """
    x, stop = columns
    start_sums(sums, orders, weights, source[index[at], x:stop])
    for tap in range(1, weights.shape[1] - 1, 2):
        near = source[index[at + tap], x:stop], source[index[at - tap], x:stop]
        far = source[index[at + tap + 1], x:stop], source[index[at - tap - 1], x:stop]
        add_taps(sums, orders, weights, tap, near, far)


@njit(**_options)  # type: ignore[untyped-decorator]
def filter_along(row: Array, orders: int, weights: Array, sums: Rows) -> None:
    """Filter one row, as `filter_across`; it is r longer than the sums on each side."""
    n, reach = sums[0].size, weights.shape[1] - 1
    start_sums(sums, orders, weights, row[reach : reach + n])
    for tap in range(1, reach, 2):
        after, before = reach + tap, reach - tap
        near = row[after : after + n], row[before : before + n]
        far = row[after + 1 : after + 1 + n], row[before - 1 : before - 1 + n]
        add_taps(sums, orders, weights, tap, near, far)


@njit(**_options)  # type: ignore[untyped-decorator]
def slope_along(row: Array, weights: Array, out: Array) -> None:
    """Filter one row by the kernel of order 1 alone, as `filter_along`."""
    reach = weights.shape[1] - 1
    out[:] = 0.0
    for tap in range(1, reach, 2):
        a, b = row[reach + tap :], row[reach - tap :]
        c, d = row[reach + tap + 1 :], row[reach - tap - 1 :]
        v, w = weights[1, tap], weights[1, tap + 1]
        for x in range(out.size):
            out[x] += v * (a[x] - b[x]) + w * (c[x] - d[x])


@njit(**_options)  # type: ignore[untyped-decorator]
def straight_run(index: Array, at: int) -> tuple[int, int]:
    """Find where positions follow one another around `at`: first, and after the last.

    Outside lie the reflected ends.
    """
    first = last = at
    while first > 0 and index[first - 1] == index[first] - 1:
        first -= 1
    while last + 1 < index.size and index[last + 1] == index[last] + 1:
        last += 1
    return first, last + 1


@njit(**_options)  # type: ignore[untyped-decorator]
def fill_ends(row: Array, index: Array, first: int, last: int) -> None:
    """Reflect the straight run of a row into its ends, before and behind it."""
    shift = first - index[first]
    for i in range(first):
        row[i] = row[index[i] + shift]
    for i in range(last, row.size):
        row[i] = row[index[i] + shift]


@njit(**_options)  # type: ignore[untyped-decorator]
def filter_rows(source: Array, index: Array, weights: Array, out: Array) -> None:
    """Filter along the middle axis; the last is contiguous.

    Parameters
    ----------
    source : float32 array of shape (A, n, B)
    index : int array of shape (m + 2r,)
    weights : float32 array of shape (3, r + 1)
    out : float32 array of shape (k, A, m, B)
        One result for each of the k lowest orders.
    """
    orders, reach = out.shape[0], weights.shape[1] - 1
    sums = np.empty((3, BLOCK), np.float32)
    for s in range(source.shape[0]):
        for j in range(out.shape[2]):
            for x in range(0, source.shape[2], BLOCK):
                stop = min(x + BLOCK, source.shape[2])
                rows = (sums[0], sums[1], sums[2])
                filter_across(
                    source[s], index, j + reach, (x, stop), orders, weights, rows
                )
                for k in range(orders):
                    copy_row(sums[k], out[k, s, j, x:stop])
