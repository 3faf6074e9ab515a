"""The loops that Numba compiles; imported only when patches are first resampled.

They release the interpreter lock and start no threads.
"""

import numpy as np
from numba import njit

from napari_segen.core.imagespec import Array

_options = {"nogil": True, "cache": True}


@njit(**_options)  # type: ignore[untyped-decorator]
def mirror_one(at: int, n: int) -> int:
    """Mirror an index at the borders of ``0..n-1``."""
    if 0 <= at < n:
        return at
    if n == 1:
        return 0
    at %= 2 * (n - 1)
    return at if at < n else 2 * (n - 1) - at


@njit(**_options)  # type: ignore[untyped-decorator]
def warp_linear(
    source: Array,
    planes: Array,
    origin_y: int,
    origin_x: int,
    offsets: Array,
    mirrors: bool,
    out: Array,
) -> None:
    """Read planes at places between pixels, linearly.

    Parameters
    ----------
    source : float32 array of shape (M, H, W)
    planes : int array of shape (m,)
        Which plane of `source` each plane of `out` is read from; -1: none, 0.
    origin_y, origin_x : int
    offsets : float32 array of shape (2, h, w)
        Rows and columns, counted from the origin.
    mirrors : bool
        Mirror the image beyond its border; else it is 0 there.
    out : float32 array of shape (m, h, w)
    """
    height, width = source.shape[1:]
    one = np.float32(1)
    n = out.shape[2]
    at = np.empty((4, n), np.int64)
    weights = np.empty((4, n), np.float32)
    flat = source.reshape(source.shape[0], height * width)
    for i in range(out.shape[1]):
        for j in range(n):
            fy, fx = np.floor(offsets[0, i, j]), np.floor(offsets[1, i, j])
            ty, tx = offsets[0, i, j] - fy, offsets[1, i, j] - fx
            y, x = origin_y + np.int64(fy), origin_x + np.int64(fx)
            whole = one
            if not mirrors:
                ny, nx = y + (ty >= 0.5), x + (tx >= 0.5)
                if ny < 0 or nx < 0 or ny >= height or nx >= width:
                    whole = np.float32(0)
            y0, y1 = mirror_one(y, height) * width, mirror_one(y + 1, height) * width
            x0, x1 = mirror_one(x, width), mirror_one(x + 1, width)
            at[0, j], at[1, j], at[2, j], at[3, j] = y0 + x0, y0 + x1, y1 + x0, y1 + x1
            weights[0, j] = whole * (one - ty) * (one - tx)
            weights[1, j] = whole * (one - ty) * tx
            weights[2, j] = whole * ty * (one - tx)
            weights[3, j] = whole * ty * tx
        for m in range(out.shape[0]):
            if planes[m] < 0:
                out[m, i] = np.float32(0)
                continue
            plane = flat[planes[m]]
            for j in range(n):
                out[m, i, j] = (
                    weights[0, j] * plane[at[0, j]]
                    + weights[1, j] * plane[at[1, j]]
                    + weights[2, j] * plane[at[2, j]]
                    + weights[3, j] * plane[at[3, j]]
                )


@njit(**_options)  # type: ignore[untyped-decorator]
def warp_nearest(
    source: Array,
    planes: Array,
    origin_y: int,
    origin_x: int,
    offsets: Array,
    out: Array,
) -> None:
    """Read class indices at the nearest pixel; -1 beyond the border.

    As `warp_linear`, with int16 `source` and `out`; here every plane outside
    ``0..M-1`` lies beyond the border.
    """
    height, width = source.shape[1:]
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            fy, fx = np.floor(offsets[0, i, j]), np.floor(offsets[1, i, j])
            y = origin_y + np.int64(fy) + (offsets[0, i, j] - fy >= 0.5)
            x = origin_x + np.int64(fx) + (offsets[1, i, j] - fx >= 0.5)
            inside = 0 <= y < height and 0 <= x < width
            for m in range(out.shape[0]):
                if inside and 0 <= planes[m] < source.shape[0]:
                    out[m, i, j] = source[planes[m], y, x]
                else:
                    out[m, i, j] = -1
