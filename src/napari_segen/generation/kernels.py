"""Blurring kernels in the plane y, x, and the convolution with a mirror border."""

import numpy as np
import numpy.typing as npt
from scipy import fft

from napari_segen.core.imagespec import Array

Floats = npt.NDArray[np.float64]

_SUBPIXELS = 8


def line_kernel(half: tuple[float, float]) -> Floats:
    """Spread one pixel along the line from ``-half`` to ``+half`` (y, x), sum 1.

    Points between pixels are shared out linearly among their four neighbours.
    """
    reach = _reach(half)
    kernel = np.zeros([2 * r + 1 for r in reach])
    n_points = 1 + 2 * int(np.ceil(_SUBPIXELS * max(np.abs(half))))
    along = (np.arange(n_points) + 0.5) / n_points * 2 - 1
    points = [along * h + r for h, r in zip(half, reach, strict=True)]
    whole = [
        np.minimum(p.astype(np.intp), 2 * r) for p, r in zip(points, reach, strict=True)
    ]
    part = [p - w for p, w in zip(points, whole, strict=True)]
    for dy, wy in ((0, 1 - part[0]), (1, part[0])):
        for dx, wx in ((0, 1 - part[1]), (1, part[1])):
            y = np.minimum(whole[0] + dy, 2 * reach[0])
            x = np.minimum(whole[1] + dx, 2 * reach[1])
            np.add.at(kernel, (y, x), wy * wx)
    spread: Floats = kernel / kernel.sum()
    return spread


def disc_kernel(radii: tuple[float, float]) -> Floats:
    """Spread one pixel over the ellipse of `radii` (y, x), sum 1.

    Pixels on the edge count by the part of them that lies inside; a disc within one
    pixel leaves the image as it is.
    """
    reach = [int(np.ceil(max(r - 0.5, 0))) for r in radii]
    within = (np.arange(_SUBPIXELS) + 0.5) / _SUBPIXELS - 0.5
    axes = [
        ((np.arange(-n, n + 1)[:, np.newaxis] + within) / max(r, 0.5)).ravel()
        for n, r in zip(reach, radii, strict=True)
    ]
    inside = axes[0][:, np.newaxis] ** 2 + axes[1] ** 2 <= 1
    sizes = [2 * n + 1 for n in reach]
    cut = inside.reshape(sizes[0], _SUBPIXELS, sizes[1], _SUBPIXELS)
    covered = cut.mean(axis=(1, 3))
    spread: Floats = covered / covered.sum()
    return spread


def _reach(half: tuple[float, float]) -> list[int]:
    return [int(np.ceil(abs(h))) for h in half]


def convolved(plane: Array, kernel: Floats) -> Floats:
    """Convolve a plane ``(Y, X)`` that goes on as its mirror image; float64."""
    values = plane.astype(np.float64)
    if kernel.size == 1:
        return values
    reach = [n // 2 for n in kernel.shape]
    padded = np.pad(values, [(r, r) for r in reach], mode="symmetric")
    sizes = [fft.next_fast_len(n, real=True) for n in padded.shape]
    spectrum = fft.rfft2(padded, sizes)
    spectrum *= fft.rfft2(kernel, sizes)
    whole = fft.irfft2(spectrum, sizes)
    starts = [2 * r for r in reach]
    y, x = (slice(s, s + n) for s, n in zip(starts, plane.shape, strict=True))
    # A mean of pixels lies between them; the rounding of the transform does not know.
    result: Floats = np.clip(whole[y, x], values.min(), values.max())
    return result
