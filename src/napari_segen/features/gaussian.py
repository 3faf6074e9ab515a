"""Gaussian derivatives of a window of an image, in any number of dimensions.

Definitions are SciPy's (`scipy.ndimage.gaussian_filter` with ``mode="reflect"`` and
``truncate=4``), with one addition: a derivative of order n along an axis is multiplied
by sigma**n (sigma in pixels along that axis), so that the features of different
sigmas, and those along axes of different pixel size, have one unit: grey values.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

TRUNCATE = 4.0
# Of the weights of a mean of products: they need no more, and each tap costs.
TRUNCATE_MEAN = 3.0

Sigma = tuple[float, ...]  # in pixels, one entry per spatial axis
Span = tuple[int, int]  # first pixel, and the one after the last


def radius(sigma: float, truncate: float = TRUNCATE) -> int:
    """Pixels that the kernel reaches to each side."""
    return int(truncate * sigma + 0.5)


@lru_cache(maxsize=256)
def half_kernels(sigma: float, truncate: float = TRUNCATE) -> npt.NDArray[np.float32]:
    """Right halves of the kernels of order 0, 1 and 2, as float32 ``(3, r + 1)``.

    r is the radius rounded up to an even number, the taps beyond it 0: the loops take
    two at a time. Below one pixel the sampled second derivative no longer sums to
    zero (at 0.3 pixels a flat region would get 90 % of its grey value), so there, and
    only there, the excess is taken off and the result is not SciPy's.
    """
    reach = radius(sigma, truncate)
    x = np.arange(reach + 1)
    gauss = np.exp(-0.5 * (x / max(sigma, 1e-6)) ** 2)
    gauss /= gauss[0] + 2 * gauss[1:].sum()
    u = x / max(sigma, 1e-6)
    second = (u**2 - 1) * gauss
    if sigma < 1:
        second -= (second[0] + 2 * second[1:].sum()) * gauss
    halves = np.zeros((3, reach + reach % 2 + 1), np.float32)
    halves[:, : reach + 1] = gauss, u * gauss, second
    halves.flags.writeable = False
    return halves


def grow(span: Span, reach: int, size: int) -> Span:
    """Widen `span` by `reach` on both sides, within an axis of `size` pixels."""
    return max(span[0] - reach, 0), min(span[1] + reach, size)


def positions(
    core: Span, span: Span, reach: int, size: int, start: int
) -> npt.NDArray[np.intp]:
    """Map each position under the kernel to the pixel that stands there.

    Parameters
    ----------
    core : Span
        The wanted pixels of an axis.
    span : Span
        The pixels that there are.
    reach : int
        Taps of the kernel to each side.
    size : int
        Pixels of the frame's axis: beyond it the image is reflected.
    start : int
        The pixel that is to be called 0.
    """
    at = np.arange(core[0] - reach, core[1] + reach) % (2 * size)
    reflected = np.minimum(at, 2 * size - 1 - at)
    # Taps of weight 0, which make the kernel even, may lie outside.
    return np.clip(reflected, span[0], span[1] - 1) - start


def filter_axis(
    part: Array,
    axis: int,
    core: Span,
    span: Span,
    size: int,
    weights: Array,
    out: Array,
) -> None:
    """Apply the kernels of the ``len(out)`` lowest orders along an axis, not the last.

    Parameters
    ----------
    part : contiguous float32 array
    axis : int
    core, span : Span
        The wanted pixels along `axis`, and those that `part` holds.
    size : int
        Pixels of the frame along `axis`.
    weights : float32 array of shape (3, r + 1)
        See `half_kernels`.
    out : contiguous float32 array
        One result after the other, each of `part`'s shape but for `axis`.
    """
    from napari_segen.features.compiled import filter_rows

    index = positions(core, span, weights.shape[1] - 1, size, span[0])
    outer, length = math.prod(part.shape[:axis]), part.shape[axis]
    cube = out.reshape(len(out), outer, out.shape[-part.ndim + axis], -1)
    filter_rows(read_only(part).reshape(outer, length, -1), index, weights, cube)


def read_only(array: Array) -> Array:
    """View an array as read-only: one compiled version, and none can be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
