"""Sums over the pixels of each object, in one go over the image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps

Floats = npt.NDArray[np.float64]

PIXELS_AT_ONCE = 2_000_000
MEASURING = "Measuring objects"
NO_PIXEL = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Sums:
    """What is known of n objects of D spatial axes; object i has the number i + 1.

    Parameters
    ----------
    size : int array of shape (n,)
        Pixels.
    centroid : float array of shape (n, D)
        Mean position of the pixels' centres, in units of the pixel size.
    covariance : float array of shape (n, D, D)
        Of the same positions.
    box : int array of shape (n, D, 2)
        First pixel along each axis, and the one after the last.
    brightness : float array of shape (n, C, 3)
        Mean, least and greatest finite value in each channel; NaN where there is none.
    """

    size: Array
    centroid: Floats
    covariance: Floats
    box: Array
    brightness: Floats


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the pixels of a frame.

    Parameters
    ----------
    corner : tuple of int
        Where in the frame its first pixel is.
    numbers : int array of shape (*S)
        0 = background, 1 to n the objects.
    image : array of shape (C, *S), optional
    """

    corner: tuple[int, ...]
    numbers: Array
    image: Array | None


def sums_steps(
    numbers: Array, n: int, image: Array | None, sampling: tuple[float, ...]
) -> Steps[Sums]:
    """Add up size, place, spread and brightness of each object.

    Parameters
    ----------
    numbers : int array of shape (*S)
        0 = background, 1 to `n` the objects.
    image : array of shape (C, *S), optional
    sampling : tuple of float
        Pixel size along each axis.
    """

    def slab(start: int) -> Part:
        part = slice(start, start + rows)
        grey = None if image is None else image[:, part]
        return Part((start, *(0,) * (numbers.ndim - 1)), numbers[part], grey)

    rows = max(PIXELS_AT_ONCE // max(numbers[0].size, 1), 1)
    slabs = [partial(slab, start) for start in range(0, len(numbers), rows)]
    n_channels = 0 if image is None else len(image)
    return (yield from sums_of_parts_steps(slabs, n, n_channels, sampling))


def sums_of_parts_steps(
    parts: Sequence[Callable[[], Part]],
    n: int,
    n_channels: int,
    sampling: tuple[float, ...],
) -> Steps[Sums]:
    """Do what `sums_steps` does, for a frame that is read in parts.

    Parameters
    ----------
    parts : sequence of callable
        Together they return every pixel of the frame once. Each is called twice.
    n, n_channels : int
        How many objects, and channels C.
    sampling : tuple of float
    """
    d = len(sampling)
    size, total = np.zeros(n), np.zeros((n, d))
    box = np.stack([np.full((n, d), NO_PIXEL), np.zeros((n, d), np.int64)], axis=-1)
    light = _Brightness(n, n_channels)
    for done, read in enumerate(parts):
        yield Step(done, 2 * len(parts), MEASURING)
        part = read()
        at, own, k, where = _pixels(part, sampling)
        m = own.stop - own.start
        size[own] += np.bincount(k, minlength=m)
        for axis, x in enumerate(where):
            total[own, axis] += np.bincount(k, x, m)
        _widen(box[own], part, own.start)
        if part.image is not None:
            light.add(own, k, part.image[(slice(None), *at)])
    known = np.maximum(size, 1)
    centroid = total / known[:, np.newaxis]
    spread = yield from _spread_steps(parts, centroid, sampling)
    covariance = spread / known[:, np.newaxis, np.newaxis]
    return Sums(size.astype(np.int64), centroid, covariance, box, light.figures())


def _spread_steps(
    parts: Sequence[Callable[[], Part]], centroid: Floats, sampling: tuple[float, ...]
) -> Steps[Floats]:
    """Sum products of distances from the centroids ``(n, D)``: ``(n, D, D)``.

    In a second reading, as they must be known: differences of large sums would be
    inexact far from the origin.
    """
    d = len(sampling)
    spread = np.zeros((len(centroid), d, d))
    for done, read in enumerate(parts):
        yield Step(len(parts) + done, 2 * len(parts), MEASURING)
        _, own, k, where = _pixels(read(), sampling)
        middle, m = centroid[own], own.stop - own.start
        apart = [x - middle[k, axis] for axis, x in enumerate(where)]
        for a in range(d):
            for b in range(a, d):
                spread[own, a, b] += np.bincount(k, apart[a] * apart[b], m)
    lower = np.tril_indices(d, -1)
    spread[:, *lower] = spread[:, *lower[::-1]]
    return spread


def _pixels(
    part: Part, sampling: tuple[float, ...]
) -> tuple[tuple[Any, ...], slice, Array, list[Array]]:
    """Find the pixels of objects in a part.

    Returns
    -------
    at : tuple of int array
        Their indices in the part.
    own : slice
        Which objects there may be: a few of many.
    k : int array
        Of which of these each pixel is.
    where : list of float array
        Their positions in the frame along each axis.
    """
    at = np.nonzero(part.numbers)
    k = part.numbers[at].astype(np.intp)
    first = int(k.min()) if k.size else 1
    own = slice(first - 1, int(k.max(initial=first - 1)))
    moved = zip(at, part.corner, sampling, strict=True)
    return at, own, k - first, [(x + corner) * size for x, corner, size in moved]


def _widen(box: Array, part: Part, first: int) -> None:
    """Widen the boxes ``(m, D, 2)`` of the objects from `first` on to hold a part."""
    local = np.maximum(part.numbers.astype(np.intp) - first, 0)
    corner = np.array(part.corner)
    for edges, place in zip(box, ndimage.find_objects(local), strict=False):
        if place is not None:
            start = [s.start for s in place] + corner
            stop = [s.stop for s in place] + corner
            edges[:, 0] = np.minimum(edges[:, 0], start)
            edges[:, 1] = np.maximum(edges[:, 1], stop)


class _Brightness:
    """Sum, least and greatest value of each object in each channel."""

    def __init__(self, n: int, channels: int) -> None:
        self._count = np.zeros((n, channels))
        self._sum = np.zeros((n, channels))
        self._least = np.full((n, channels), np.inf)
        self._greatest = np.full((n, channels), -np.inf)

    def add(self, objects: slice, k: Array, values: Array) -> None:
        """Add pixels of `objects` number `k` ``(M,)`` with values ``(C, M)``."""
        n = objects.stop - objects.start
        for c, channel in enumerate(values):
            finite = np.isfinite(channel)
            own, x = k[finite], channel[finite].astype(np.float64)
            self._count[objects, c] += np.bincount(own, minlength=n)
            self._sum[objects, c] += np.bincount(own, x, n)
            np.minimum.at(self._least[objects, c], own, x)
            np.maximum.at(self._greatest[objects, c], own, x)

    def figures(self) -> Floats:
        """Mean, least, greatest ``(n, C, 3)``."""
        known = self._count > 0
        mean = self._sum / np.maximum(self._count, 1)
        all_three = np.stack([mean, self._least, self._greatest], axis=-1)
        all_three[~known] = np.nan
        return all_three
