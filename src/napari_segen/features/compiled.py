"""The loops that Numba compiles; imported only when features are first computed.

All kernels release the interpreter lock and start no threads of their own: Numba's
own thread layers are not safe with several calling threads. Of the fast-math rules
only ``contract`` is on (a product and a sum in one instruction), so that a pixel's
result does not depend on where in a row the vector loop begins.
"""

import numpy as np
from numba import njit

from napari_segen.core.imagespec import Array

BLOCK = 512  # pixels of a row whose three sums stay in the first-level cache

_options = {"nogil": True, "cache": True, "fastmath": {"contract"}}


@njit(**_options)  # type: ignore[untyped-decorator]
def copy_row(source: Array, out: Array) -> None:
    """Copy the first pixels of `source`; a slice assignment takes twice as long."""
    for x in range(out.size):
        out[x] = source[x]


@njit(**_options)  # type: ignore[untyped-decorator]
def start_sums(sums: Array, weights: Array, centre: Array) -> None:
    """Set the sums of orders 0, 1, 2 to the centre tap's part; order 1 has none."""
    even, second = weights[0, 0], weights[2, 0]
    for x in range(centre.size):
        sums[0, x] = even * centre[x]
        sums[1, x] = 0.0
        sums[2, x] = second * centre[x]


@njit(**_options)  # type: ignore[untyped-decorator]
def add_taps(
    sums: Array,
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
    a, b = near
    c, d = far
    v0, w0 = weights[0, tap], weights[0, tap + 1]
    v1, w1 = weights[1, tap], weights[1, tap + 1]
    v2, w2 = weights[2, tap], weights[2, tap + 1]
    # Three loops instead of tests inside one: only so does the compiler vectorise.
    if orders == 1:
        for x in range(a.size):
            sums[0, x] += v0 * (a[x] + b[x]) + w0 * (c[x] + d[x])
    elif orders == 2:
        for x in range(a.size):
            sums[0, x] += v0 * (a[x] + b[x]) + w0 * (c[x] + d[x])
            sums[1, x] += v1 * (a[x] - b[x]) + w1 * (c[x] - d[x])
    else:
        for x in range(a.size):
            p, q = a[x] + b[x], c[x] + d[x]
            sums[0, x] += v0 * p + w0 * q
            sums[1, x] += v1 * (a[x] - b[x]) + w1 * (c[x] - d[x])
            sums[2, x] += v2 * p + w2 * q


@njit(**_options)  # type: ignore[untyped-decorator]
def filter_rows(source: Array, index: Array, weights: Array, out: Array) -> None:
    """Filter along the middle axis; the last is contiguous.

    Parameters
    ----------
    source : float32 array of shape (A, n, B)
    index : int array of shape (m + 2r,)
        Which row of `source` stands at each position; this is the boundary rule.
    weights : float32 array of shape (3, r + 1)
        Right halves of the kernels of order 0, 1, 2; r is even.
    out : float32 array of shape (k, A, m, B)
        One result for each of the k lowest orders.
    """
    orders = out.shape[0]
    reach = weights.shape[1] - 1
    sums = np.empty((3, BLOCK), np.float32)
    for s in range(source.shape[0]):
        for j in range(out.shape[2]):
            at = j + reach
            for x in range(0, source.shape[2], BLOCK):
                stop = min(x + BLOCK, source.shape[2])
                start_sums(sums, weights, source[s, index[at], x:stop])
                for tap in range(1, reach, 2):
                    near = (
                        source[s, index[at + tap], x:stop],
                        source[s, index[at - tap], x:stop],
                    )
                    far = (
                        source[s, index[at + tap + 1], x:stop],
                        source[s, index[at - tap - 1], x:stop],
                    )
                    add_taps(sums, orders, weights, tap, near, far)
                for k in range(orders):
                    copy_row(sums[k], out[k, s, j, x:stop])


@njit(**_options)  # type: ignore[untyped-decorator]
def filter_columns(source: Array, index: Array, weights: Array, out: Array) -> None:
    """Filter along the last axis: as `filter_rows`, with `source` of shape (A, n).

    `out` has shape (k, A, m).
    """
    orders = out.shape[0]
    reach = weights.shape[1] - 1
    sums = np.empty((3, BLOCK), np.float32)
    row = np.empty(index.size, np.float32)
    # Between the reflected ends the pixels follow one another: copied as a block.
    first = last = reach
    while first > 0 and index[first - 1] == index[first] - 1:
        first -= 1
    while last + 1 < index.size and index[last + 1] == index[last] + 1:
        last += 1
    for s in range(source.shape[0]):
        for i in range(first):
            row[i] = source[s, index[i]]
        row[first : last + 1] = source[s, index[first] : index[last] + 1]
        for i in range(last + 1, index.size):
            row[i] = source[s, index[i]]
        for x in range(0, out.shape[2], BLOCK):
            n = min(BLOCK, out.shape[2] - x)
            at = x + reach
            start_sums(sums, weights, row[at : at + n])
            for tap in range(1, reach, 2):
                after, before = at + tap, at - tap
                near = (row[after : after + n], row[before : before + n])
                far = (row[after + 1 : after + 1 + n], row[before - 1 : before - 1 + n])
                add_taps(sums, orders, weights, tap, near, far)
            for k in range(orders):
                copy_row(sums[k], out[k, s, x : x + n])


@njit(**_options)  # type: ignore[untyped-decorator]
def eigenvalues_2(aa: Array, ab: Array, bb: Array, out: Array) -> None:
    """Eigenvalues of symmetric 2 x 2 matrices, the larger first.

    Parameters
    ----------
    aa, ab, bb : float32 arrays of shape (n,)
    out : float32 array of shape (2, n)
    """
    half = np.float32(0.5)
    for i in range(aa.size):
        mean, difference = half * (aa[i] + bb[i]), half * (aa[i] - bb[i])
        spread = np.sqrt(difference * difference + ab[i] * ab[i])
        out[0, i] = mean + spread
        out[1, i] = mean - spread


@njit(**_options)  # type: ignore[untyped-decorator]
def eigenvalues_3(
    aa: Array, ab: Array, ac: Array, bb: Array, bc: Array, cc: Array, out: Array
) -> None:
    """Eigenvalues of symmetric 3 x 3 matrices, the largest first.

    Parameters
    ----------
    aa, ab, ac, bb, bc, cc : float32 arrays of shape (n,)
    out : float32 array of shape (3, n)

    Notes
    -----
    Trigonometric solution of the characteristic cubic (O. K. Smith, 1961), in
    float64: in float32 its cancellation would reach 1e-3 of the largest eigenvalue.
    """
    for i in range(aa.size):
        a, b, c = np.float64(aa[i]), np.float64(bb[i]), np.float64(cc[i])
        d, e, f = np.float64(bc[i]), np.float64(ac[i]), np.float64(ab[i])
        mean = (a + b + c) / 3.0
        a, b, c = a - mean, b - mean, c - mean
        squares = a * a + b * b + c * c + 2.0 * (d * d + e * e + f * f)
        radius = np.sqrt(squares / 6.0)
        determinant = a * (b * c - d * d) - f * (f * c - d * e) + e * (f * d - b * e)
        cube = 2.0 * radius * radius * radius
        ratio = min(max(determinant / cube, -1.0), 1.0) if cube > 0.0 else 0.0
        angle = np.arccos(ratio) / 3.0
        high = mean + 2.0 * radius * np.cos(angle)
        low = mean + 2.0 * radius * np.cos(angle + 2.0 * np.pi / 3.0)
        out[0, i] = high
        out[1, i] = 3.0 * mean - high - low
        out[2, i] = low
