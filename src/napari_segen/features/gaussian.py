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
from napari_segen.features.scratch import Scratch

TRUNCATE = 4.0

Sigma = tuple[float, ...]  # in pixels, one entry per spatial axis
Span = tuple[int, int]  # first pixel, and the one after the last
Orders = tuple[int, ...]  # order of the derivative along each axis


def radius(sigma: float) -> int:
    """Pixels that the kernel reaches to each side."""
    return int(TRUNCATE * sigma + 0.5)


@lru_cache(maxsize=256)
def half_kernels(sigma: float) -> npt.NDArray[np.float32]:
    """Right halves of the kernels of order 0, 1 and 2, as float32 ``(3, r + 1)``.

    r is the radius rounded up to an even number, the taps beyond it 0: the loops take
    two at a time. Below one pixel the sampled second derivative no longer sums to
    zero (at 0.3 pixels a flat region would get 90 % of its grey value), so there, and
    only there, the excess is taken off and the result is not SciPy's.
    """
    reach = radius(sigma)
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


def derivatives(
    plane: Array,
    start: tuple[int, ...],
    core: tuple[Span, ...],
    size: tuple[int, ...],
    sigma: Sigma,
    order: int,
    scratch: Scratch,
) -> dict[Orders, Array]:
    """Compute all Gaussian derivatives up to a total order on a window.

    Parameters
    ----------
    plane : float32 array of shape (*R)
        A part of a frame that holds the core and the kernel's reach around it.
    start : tuple of int
        Where in the frame `plane` begins.
    core : tuple of Span
        The pixels of the frame that are wanted.
    size : tuple of int
        Shape of the whole frame: beyond it the image is reflected.
    sigma : tuple of float
        In pixels along each axis.
    order : int
        0 to 2.
    scratch : Scratch
        Lends the memory of the results.

    Returns
    -------
    dict of tuple of int to float32 array
        For each tuple of orders whose sum is at most `order`, the derivative on the
        core.
    """
    spans = [grow(c, radius(s), n) for c, s, n in zip(core, sigma, size, strict=True)]
    crop = tuple(slice(a - o, b - o) for (a, b), o in zip(spans, start, strict=True))
    level: dict[Orders, Array] = {(): np.ascontiguousarray(plane[crop])}
    for axis, s in enumerate(sigma):
        weights = half_kernels(s)
        index = _positions(core[axis], spans[axis], weights.shape[1] - 1, size[axis])
        following = {}
        for done, part in level.items():
            shape = list(part.shape)
            shape[axis] = core[axis][1] - core[axis][0]
            out = scratch.empty((order - sum(done) + 1, *shape))
            _filter(part, axis, index, weights, out)
            following.update({(*done, k): f for k, f in enumerate(out)})
        level = following
    return level


def _positions(core: Span, span: Span, reach: int, size: int) -> npt.NDArray[np.intp]:
    """Map each pixel under the kernel to the one that stands there, within `span`."""
    at = np.arange(core[0] - reach, core[1] + reach) % (2 * size)
    reflected = np.minimum(at, 2 * size - 1 - at)
    # Taps of weight 0, which make the kernel even, may lie outside.
    return np.clip(reflected, span[0], span[1] - 1) - span[0]


def _filter(part: Array, axis: int, index: Array, weights: Array, out: Array) -> None:
    """Apply the kernels of the ``len(out)`` lowest orders along `axis`."""
    from napari_segen.features.compiled import filter_columns, filter_rows

    # Read-only from here on: one compiled version, and no input can be written to.
    part = part.view()
    part.flags.writeable = False
    outer, length = math.prod(part.shape[:axis]), part.shape[axis]
    if axis == part.ndim - 1:
        target = out.reshape(len(out), outer, -1)
        filter_columns(part.reshape(outer, length), index, weights, target)
    else:
        cube = out.reshape(len(out), outer, out.shape[axis + 1], -1)
        filter_rows(part.reshape(outer, length, -1), index, weights, cube)
