"""Sums over the pixels of each object, in one go over the image."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps

Floats = npt.NDArray[np.float64]

PIXELS_AT_ONCE = 2_000_000


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
    brightness : float array of shape (n, C, 3)
        Mean, least and greatest finite value in each channel; NaN where there is none.
    """

    size: Array
    centroid: Floats
    covariance: Floats
    brightness: Floats


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
    d = numbers.ndim
    # What is not there must not count as an object without pixels: dropped at the end.
    size, total = np.zeros(n + 1), np.zeros((n + 1, d))
    light = _Brightness(n, 0 if image is None else len(image))
    for done, slab, k, where in _slabs(numbers, sampling):
        yield Step(done, 2 * len(numbers), "Measuring objects")
        size += np.bincount(k, minlength=n + 1)
        for axis, x in enumerate(where):
            total[:, axis] += np.bincount(k, x, n + 1)
        if image is not None:
            light.add(k, image[:, slab][:, numbers[slab] > 0])
    centroid = total / np.maximum(size, 1)[:, np.newaxis]
    spread = np.zeros((n + 1, d, d))
    # Around the centroids, which are known now: differences of large sums would be
    # inexact far from the origin.
    for done, _, k, where in _slabs(numbers, sampling):
        yield Step(len(numbers) + done, 2 * len(numbers), "Measuring objects")
        apart = [x - centroid[k, axis] for axis, x in enumerate(where)]
        for a in range(d):
            for b in range(a, d):
                spread[:, a, b] += np.bincount(k, apart[a] * apart[b], n + 1)
    covariance = spread / np.maximum(size, 1)[:, np.newaxis, np.newaxis]
    lower = np.tril_indices(d, -1)
    covariance[:, *lower] = covariance[:, *lower[::-1]]
    return Sums(
        size[1:].astype(np.int64), centroid[1:], covariance[1:], light.figures()
    )


def _slabs(
    numbers: Array, sampling: tuple[float, ...]
) -> Iterator[tuple[int, slice, Array, list[Array]]]:
    """Yield parts along the first axis: rows done, part, numbers and positions."""
    per_row = max(numbers[0].size, 1)
    rows = max(PIXELS_AT_ONCE // per_row, 1)
    for start in range(0, len(numbers), rows):
        slab = slice(start, start + rows)
        part = numbers[slab]
        at = np.nonzero(part)
        first = (start, *(0,) * (part.ndim - 1))
        where = [(x + f) * s for x, f, s in zip(at, first, sampling, strict=True)]
        yield start, slab, part[at], where


class _Brightness:
    """Sum, least and greatest value of each object in each channel."""

    def __init__(self, n: int, channels: int) -> None:
        self._count = np.zeros((n + 1, channels))
        self._sum = np.zeros((n + 1, channels))
        self._least = np.full((n + 1, channels), np.inf)
        self._greatest = np.full((n + 1, channels), -np.inf)

    def add(self, k: Array, values: Array) -> None:
        """Add pixels of objects `k` ``(M,)`` with values ``(C, M)``."""
        n = len(self._count)
        for c, channel in enumerate(values):
            finite = np.isfinite(channel)
            own, x = k[finite], channel[finite].astype(np.float64)
            self._count[:, c] += np.bincount(own, minlength=n)
            self._sum[:, c] += np.bincount(own, x, n)
            np.minimum.at(self._least[:, c], own, x)
            np.maximum.at(self._greatest[:, c], own, x)

    def figures(self) -> Floats:
        """Mean, least, greatest ``(n, C, 3)``."""
        known = self._count > 0
        mean = self._sum / np.maximum(self._count, 1)
        all_three = np.stack([mean, self._least, self._greatest], axis=-1)
        all_three[~known] = np.nan
        return all_three[1:]
