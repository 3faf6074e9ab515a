"""Filters and what is made of them in one go, a row at a time; see `compiled`.

Between the first filter and the features nothing leaves the processor's cache.
"""

import numpy as np
from numba import njit

from napari_segen.core.imagespec import Array
from napari_segen.features.compiled import (
    Rows,
    copy_row,
    fill_ends,
    filter_across,
    filter_along,
    slope_along,
    straight_run,
)
from napari_segen.features.eigenvalues import eigenvalues_2, eigenvalues_3

# Where the derivatives of a row stand: by order along the last axis, then along the
# one before it, then along the first of three.
_X, _XX, _Y, _XY, _YY, _Z, _XZ, _YZ, _ZZ = range(1, 10)
_FIRST_ROW = (0, 3, 5)  # of each order across planes, among the rows filtered down
_FIRST_PLACE = (0, 3, 5, 6, 8, 9)  # of what is made of each of these rows
# Numba would compile the filters anew for each number that is written out.
_NONE, _ONE, _TWO = np.int64(0), np.int64(1), np.int64(2)

_options = {"nogil": True, "cache": True, "fastmath": {"contract"}}


@njit(**_options)  # type: ignore[untyped-decorator]
def derivative_features(
    source: Array,
    indices: tuple[Array, Array],
    weights: tuple[Array, Array],
    orders: int,
    places: Array,
    corner: tuple[int, int, int],
    out: Array,
) -> None:
    """Write the features that are made of derivatives at one pixel.

    Parameters
    ----------
    source : float32 array of shape (Z, D, H, W)
        D planes; in 3D their derivatives of the Z lowest orders across them, in 2D
        Z is 1.
    indices : int arrays of shape (h + 2r,), (w + 2r,)
        Which row and column of `source` stands at each position: the boundary rule.
    weights : float32 arrays of shape (3, r + 1)
        Right halves of the kernels of order 0, 1, 2 along rows and columns; r is even.
    orders : int
        One more than the highest order that is wanted: 1 to 3.
    places : int array of shape (4,)
        First plane in `out` of gaussian, gradient_magnitude, laplacian, hessian;
        negative where one is not wanted.
    corner : tuple of int
        Where in `out` the first pixel goes.
    out : float32 array of shape (F, D', H', W')
    """
    down, across = indices
    reach = weights[1].shape[1] - 1
    run = straight_run(across, reach)
    filtered = np.empty((6, across.size), np.float32)
    found = np.empty((10, across.size - 2 * reach), np.float32)
    for d in range(source.shape[1]):
        for j in range(down.size - 2 * (weights[0].shape[1] - 1)):
            for order in range(source.shape[0]):
                row, wanted = _FIRST_ROW[order], orders - order
                rows = _three(filtered, row, wanted)
                _filter_down(
                    source[order, d], indices, j, run, wanted, weights[0], rows
                )
                for k in range(wanted):
                    place = _FIRST_PLACE[row + k]
                    sums = _three(found, place, wanted - k)
                    filter_along(filtered[row + k], wanted - k, weights[1], sums)
            pixel = (corner[0] + d, corner[1] + j, corner[2])
            _write_features(found, source.shape[0] > 1, places, pixel, out)


@njit(**_options)  # type: ignore[untyped-decorator]
def _three(rows: Array, first: int, wanted: int) -> Rows:
    """Take `wanted` rows from `first` on, the last of them repeated up to three."""
    last = first + wanted - 1
    return rows[first], rows[min(first + 1, last)], rows[last]


@njit(**_options)  # type: ignore[untyped-decorator]
def _filter_down(
    plane: Array,
    indices: tuple[Array, Array],
    j: int,
    run: tuple[int, int],
    orders: int,
    weights: Array,
    rows: Rows,
) -> None:
    """Filter along columns for row `j`, orders 0 to ``orders - 1``, ends included."""
    down, across = indices
    first, last = run
    left = across[first]
    columns, at = (left, left + last - first), j + weights.shape[1] - 1
    sums = (rows[0][first:last], rows[1][first:last], rows[2][first:last])
    filter_across(plane, down, at, columns, orders, weights, sums)
    for k in range(orders):
        fill_ends(rows[k], across, first, last)


@njit(**_options)  # type: ignore[untyped-decorator]
def _write_features(
    found: Array, is_3d: bool, places: Array, pixel: tuple[int, int, int], out: Array
) -> None:
    """Make a row's features of its derivatives ``(10, w)``."""
    z, y, left = pixel
    right = left + found.shape[1]
    gaussian, magnitude, laplacian, hessian = places
    if gaussian >= 0:
        copy_row(found[0], out[gaussian, z, y, left:right])
    if magnitude >= 0:
        _length(found, is_3d, out[magnitude, z, y, left:right])
    if laplacian >= 0:
        _sum(found, is_3d, out[laplacian, z, y, left:right])
    if hessian >= 0:
        first, second = (
            out[hessian, z, y, left:right],
            out[hessian + 1, z, y, left:right],
        )
        if is_3d:
            upper = (
                found[_ZZ],
                found[_YZ],
                found[_XZ],
                found[_YY],
                found[_XY],
                found[_XX],
            )
            third = out[hessian + 2, z, y, left:right]
            eigenvalues_3(upper, first, second, third)
        else:
            eigenvalues_2(found[_YY], found[_XY], found[_XX], first, second)


@njit(**_options)  # type: ignore[untyped-decorator]
def _length(found: Array, is_3d: bool, out: Array) -> None:
    x, y, z = found[_X], found[_Y], found[_Z]
    if is_3d:
        for i in range(out.size):
            out[i] = np.sqrt(z[i] * z[i] + y[i] * y[i] + x[i] * x[i])
    else:
        for i in range(out.size):
            out[i] = np.sqrt(y[i] * y[i] + x[i] * x[i])


@njit(**_options)  # type: ignore[untyped-decorator]
def _sum(found: Array, is_3d: bool, out: Array) -> None:
    xx, yy, zz = found[_XX], found[_YY], found[_ZZ]
    if is_3d:
        for i in range(out.size):
            out[i] = zz[i] + yy[i] + xx[i]
    else:
        for i in range(out.size):
            out[i] = yy[i] + xx[i]


@njit(**_options)  # type: ignore[untyped-decorator]
def structure_tensor(
    source: Array,
    fine: tuple[Array, Array],
    fine_weights: tuple[Array, Array],
    mean: tuple[Array, Array],
    mean_weights: tuple[Array, Array],
    corner: tuple[int, int],
    out: Array,
) -> None:
    """Average gradient times gradient over rows and columns.

    Parameters
    ----------
    source : float32 array of shape (Z, D, H, W)
        D planes; in 3D their derivatives of order 0 and 1 across them, in 2D Z is 1.
    fine : int arrays of shape (n + 2r,), (m + 2r,)
        Row and column of `source` at each position of the gradient's filter, for the n
        rows and m columns that the mean looks at.
    fine_weights : float32 arrays of shape (3, r + 1)
        Right halves of the gradient's kernels along rows and columns.
    mean : int arrays of shape (h + 2R,), (w + 2R,)
        Which of the n rows and m columns stands at each position of the mean's.
    mean_weights : float32 arrays of shape (3, R + 1)
    corner : tuple of int
        Where in the planes of `out` the first pixel goes.
    out : float32 array of shape (P, D, H', W')
        In 2D receives the eigenvalues, P is 2; in 3D the averages, the upper triangle
        row by row, P is 6.
    """
    reach, width = mean_weights[0].shape[1] - 1, mean[1].size
    width -= 2 * (mean_weights[1].shape[1] - 1)
    n_products = 3 if source.shape[0] == 1 else 6
    # The averaged rows of products that a row of results needs, each in turn.
    held = 2 * reach + 1
    ring = np.empty((n_products, held, width), np.float32)
    means = np.empty((n_products, width), np.float32)
    products = np.empty((n_products, mean[1].size), np.float32)
    slots, margin = mean[0] % held, fine_weights[1].shape[1] - 1
    run = straight_run(mean[1], mean_weights[1].shape[1] - 1)
    straight = straight_run(fine[1], margin)
    filtered = np.empty((2, fine[1].size), np.float32)
    gradient = np.empty((3, fine[1].size - 2 * margin), np.float32)
    for d in range(source.shape[1]):
        rows = _NONE
        for j in range(mean[0].size - 2 * reach):
            last = mean[0][j : j + held].max()
            while rows <= last:
                _differentiate(
                    source, (d, rows), fine, straight, fine_weights, filtered, gradient
                )
                _multiply(gradient, run, mean[1], products)
                for k in range(n_products):
                    sums = _three(ring[k], rows % held, _ONE)
                    filter_along(products[k], _ONE, mean_weights[1], sums)
                rows += 1
            for k in range(n_products):
                sums = _three(means, k, _ONE)
                columns, at = (0, width), j + reach
                filter_across(ring[k], slots, at, columns, _ONE, mean_weights[0], sums)
            _write_means(means, d, corner[0] + j, corner[1], out)


@njit(**_options)  # type: ignore[untyped-decorator]
def _write_means(means: Array, d: int, y: int, left: int, out: Array) -> None:
    right = left + means.shape[1]
    if len(out) == 2:
        high, low = out[0, d, y, left:right], out[1, d, y, left:right]
        eigenvalues_2(means[0], means[1], means[2], high, low)
    else:
        for k in range(len(out)):
            copy_row(means[k], out[k, d, y, left:right])


@njit(**_options)  # type: ignore[untyped-decorator]
def _differentiate(
    source: Array,
    at: tuple[int, int],
    fine: tuple[Array, Array],
    straight: tuple[int, int],
    weights: tuple[Array, Array],
    filtered: Array,
    gradient: Array,
) -> None:
    """Write the last components of the gradient ``(3, m)`` in plane and row `at`."""
    d, j = at
    if source.shape[0] == 2:
        rows = _three(filtered, _NONE, _ONE)
        _filter_down(source[1, d], fine, j, straight, _ONE, weights[0], rows)
        filter_along(filtered[0], _ONE, weights[1], _three(gradient, _NONE, _ONE))
    rows = _three(filtered, _NONE, _TWO)
    _filter_down(source[0, d], fine, j, straight, _TWO, weights[0], rows)
    filter_along(filtered[1], _ONE, weights[1], _three(gradient, _ONE, _ONE))
    slope_along(filtered[0], weights[1], gradient[2])


@njit(**_options)  # type: ignore[untyped-decorator]
def _multiply(
    gradient: Array, run: tuple[int, int], index: Array, products: Array
) -> None:
    """Multiply the gradient's components, reflected ends included."""
    first, last = run
    shift, k = index[first], 0
    for a in range(0 if len(products) == 6 else 1, 3):
        for b in range(a, 3):
            left, right = gradient[a], gradient[b]
            product = products[k, first:last]
            for i in range(last - first):
                product[i] = left[shift + i] * right[shift + i]
            fill_ends(products[k], index, first, last)
            k += 1
