"""A new map cut into regions with wavy borders, each for one copy of a map."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.labelmaps.placed import Floats

# Of the distance between centres: how far they stray from their lattice, how far a
# region reaches beyond its centre at most, and how far its border waves.
_STRAY = 0.25
REACH = 1.25
_WAVE = 0.08


@dataclass(frozen=True, slots=True)
class Regions:
    """Which region each pixel of a new map is in.

    Parameters
    ----------
    owner : int array of shape (*S)
        Index of the region.
    centres : array of shape (n, ndim)
        In pixels; regions at the border may be centred beyond it.
    """

    owner: npt.NDArray[np.int32]
    centres: Floats

    def windows(self, margin: int) -> Iterator[tuple[int, tuple[slice, ...]]]:
        """Yield each region that has pixels, and its box with a `margin`."""
        from scipy import ndimage

        for i, box in enumerate(ndimage.find_objects(self.owner + 1)):
            if box is not None:
                yield (
                    i,
                    tuple(
                        slice(max(0, s.start - margin), min(n, s.stop + margin))
                        for s, n in zip(box, self.owner.shape, strict=True)
                    ),
                )


def draw_regions(
    shape: tuple[int, ...], distance: Floats, rng: np.random.Generator
) -> Regions:
    """Give each pixel to the nearest of centres on a disturbed, shifted lattice.

    Parameters
    ----------
    distance : array of shape (ndim,)
        Pixels between centres along each axis.
    """
    centres = _lattice(shape, distance, rng)
    waves = _waves(shape, distance, rng)
    best = np.full(shape, np.inf, np.float32)
    owner = np.zeros(shape, np.int32)
    for i, centre in enumerate(centres):
        low = np.maximum(np.floor(centre - REACH * distance).astype(int), 0)
        high = np.minimum(np.ceil(centre + REACH * distance).astype(int) + 1, shape)
        if np.any(high <= low):
            continue
        window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        far = _distances(window, centre, distance, waves)
        nearer = far < best[window]
        best[window][nearer] = far[nearer]
        owner[window][nearer] = i
    return Regions(owner, centres)


def _lattice(
    shape: tuple[int, ...], distance: Floats, rng: np.random.Generator
) -> Floats:
    shift = rng.uniform(0, 1, len(shape))
    counts = [int(np.ceil(n / d)) + 2 for n, d in zip(shape, distance, strict=True)]
    corners = np.array(list(product(*(range(c) for c in counts))), float)
    stray = rng.uniform(-_STRAY, _STRAY, corners.shape)
    centres: Floats = (corners - 1 + shift + stray) * distance
    return centres


def _waves(
    shape: tuple[int, ...], distance: Floats, rng: np.random.Generator
) -> list[list[Array]]:
    """For each pair of axes (i, j): how far axis i is moved along axis j."""
    waves: list[list[Array]] = []
    for i, own in enumerate(distance):
        row = []
        for j, n in enumerate(shape):
            turns = rng.uniform(1.5, 4.0, 3) / distance[j]
            phases = rng.uniform(0, 2 * np.pi, 3)
            at = np.arange(n)[:, np.newaxis] * turns * 2 * np.pi + phases
            height = _WAVE * own * (i != j)
            row.append((height * np.sin(at).sum(axis=1)).astype(np.float32))
        waves.append(row)
    return waves


def _distances(
    window: tuple[slice, ...],
    centre: Floats,
    distance: Floats,
    waves: list[list[Array]],
) -> Array:
    """Squared distances from a centre, in units of `distance`, borders waved."""
    ndim = len(window)
    shape = tuple(s.stop - s.start for s in window)
    total = np.zeros(shape, np.float32)
    for i in range(ndim):
        at = np.zeros(shape, np.float32)
        at += _along(np.arange(window[i].start, window[i].stop) - centre[i], i, ndim)
        for j in range(ndim):
            if i != j:
                at += _along(waves[i][j][window[j]], j, ndim)
        at /= np.float32(distance[i])
        at *= at
        total += at
    return total


def _along(values: Array, axis: int, ndim: int) -> Array:
    """Lay values along one of `ndim` axes."""
    laid: Array = values.astype(np.float32).reshape(
        [-1 if i == axis else 1 for i in range(ndim)]
    )
    return laid
