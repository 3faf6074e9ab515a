"""How unlike two groups of images are: by spectrum, grey values and patches.

Images are cut into blocks of one size, and groups are groups of blocks; so generated
images can be compared with real ones exactly as real ones with each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from napari_segen.core.imagespec import Array
from napari_segen.generation.patches import Basis, Floats

_MOST_BLOCKS = 256
_PIXELS_A_BLOCK = 512
_PATCHES_A_BLOCK = 8
# Part of the mean power below which there is nothing but rounding.
_NO_POWER = 1e-8


@dataclass(frozen=True, slots=True)
class Blocks:
    """Square parts of images.

    Parameters
    ----------
    pixels : float32 array of shape (N, C, B, B)
    units : int array of shape (N,)
        Blocks of one unit belong together: they are on the same side of any split.
    """

    pixels: Floats
    units: Array

    @classmethod
    def of(
        cls, planes: Sequence[Array], owners: Array, side: int, rng: np.random.Generator
    ) -> "Blocks":
        """Cut planes ``(C, H, W)`` into all whole blocks that lack no data.

        Parameters
        ----------
        planes : sequence of arrays
        owners : int array of shape (len(planes),)
            The image that each plane is from. With four images and more an image is a
            unit; with fewer the blocks at one place of an image's planes are.
        side : int
        rng : numpy.random.Generator
            Draws blocks where there are too many.
        """
        by_image = len(np.unique(owners)) >= 4
        found = [
            (
                p[:, y : y + side, x : x + side],
                (owner, 0, 0) if by_image else (owner, y, x),
            )
            for p, owner in zip(planes, owners, strict=True)
            for y in range(0, p.shape[1] - side + 1, side)
            for x in range(0, p.shape[2] - side + 1, side)
        ]
        found = [f for f in found if np.isfinite(f[0]).all()]
        if not found:
            raise ValueError(f"no image has {side} x {side} pixels with data.")
        keep = np.sort(rng.permutation(len(found))[:_MOST_BLOCKS])
        pixels = np.stack([found[k][0] for k in keep]).astype(np.float32)
        places = np.array([found[k][1] for k in keep])
        return cls(pixels, np.unique(places, axis=0, return_inverse=True)[1].ravel())

    def __len__(self) -> int:
        return len(self.pixels)

    def halves(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Split the blocks at random into two groups without a common unit."""
        units = rng.permutation(int(self.units.max()) + 1)
        first = np.isin(self.units, units[: len(units) // 2])
        return np.flatnonzero(first), np.flatnonzero(~first)


@dataclass(frozen=True, slots=True)
class Looks:
    """What is compared of N blocks.

    Parameters
    ----------
    power : array of shape (N, C, R)
        Mean power of the spectrum by distance from its centre.
    values : array of shape (N, C, V)
        Some pixels of each block.
    apart : array of shape (N, N)
        Mean distance between patches of two blocks, over patches.
    spread : array of shape (C,)
        Range of the grey values.
    """

    power: Array
    values: Array
    apart: Array
    spread: Array

    @classmethod
    def of(
        cls, pixels: Floats, basis: Basis, spread: Array, rng: np.random.Generator
    ) -> "Looks":
        """Look at blocks ``(N, C, B, B)``."""
        flat = pixels.reshape(*pixels.shape[:2], -1)
        chosen = rng.permutation(flat.shape[2])[:_PIXELS_A_BLOCK]
        n, side, p = len(pixels), pixels.shape[-1], basis.patch_px
        features = []
        for _ in range(_PATCHES_A_BLOCK):
            y, x = rng.integers(side - p + 1, size=2)
            features.append(basis.scaled(pixels[:, :, y : y + p, x : x + p]))
        stacked = np.stack(features, axis=1).reshape(n * len(features), -1)
        apart = distances(stacked, stacked)
        k = len(features)
        apart = apart.reshape(n, k, n, k).mean(axis=(1, 3))
        return cls(radial_power(pixels), flat[:, :, chosen], apart, spread)

    def spectrum_distance(self, a: Array, b: Array) -> float:
        """Root mean square difference of the mean spectra, in decibels."""
        first, second = self.power[a].mean(axis=0), self.power[b].mean(axis=0)
        floor = _NO_POWER * self.power.mean(axis=(0, 2))[:, np.newaxis] + 1e-30
        ratio = np.log10((first + floor) / (second + floor))
        return float(np.sqrt(np.mean((10 * ratio) ** 2)))

    def histogram_distance(self, a: Array, b: Array) -> float:
        """1-Wasserstein distance of the grey values, in ranges; groups of one size."""
        first, second = (
            np.sort(np.moveaxis(self.values[g], 1, 0).reshape(len(self.spread), -1))
            for g in (a, b)
        )
        return float(np.mean(np.abs(first - second).mean(axis=1) / self.spread))

    def patch_distance(self, a: Array, b: Array) -> float:
        """Energy distance of the patches as a part of their mean distance, 0 to 1.

        After Szekely and Rizzo, "Energy statistics", Journal of Statistical Planning
        and Inference 143 (2013). Unlike a kernel distance it has no width to choose,
        and unlike the distance to the nearest patch it does not reward copies.
        """
        between = self.apart[np.ix_(a, b)].mean()
        if between == 0:
            return 0.0
        within = self.apart[np.ix_(a, a)].mean() + self.apart[np.ix_(b, b)].mean()
        return float(max(1 - within / (2 * between), 0))


def radial_power(blocks: Floats) -> npt.NDArray[np.float64]:
    """Mean power of windowed blocks ``(N, C, B, B)`` by whole radius, ``(N, C, R)``."""
    side = blocks.shape[-1]
    window = np.hanning(side + 2)[1:-1].astype(np.float32)
    centred = blocks - blocks.mean(axis=(2, 3), keepdims=True)
    power = np.abs(fft.fft2(centred * np.outer(window, window))) ** 2
    frequency = np.fft.fftfreq(side) * side
    radius = np.rint(np.hypot(frequency[:, np.newaxis], frequency)).astype(int)
    order = np.argsort(radius.ravel(), kind="stable")
    starts = np.searchsorted(radius.ravel()[order], np.arange(1, side // 2 + 2))
    flat = power.reshape(*power.shape[:2], -1)[..., order]
    sums = np.add.reduceat(flat, starts, axis=-1, dtype=np.float64)[..., :-1]
    return np.asarray(sums / np.diff(starts))


def distances(a: Floats, b: Floats) -> Floats:
    """Euclidean distances between the rows of two arrays."""
    square = (a**2).sum(axis=1)[:, np.newaxis] + (b**2).sum(axis=1) - 2 * (a @ b.T)
    return np.asarray(np.sqrt(np.maximum(square, 0)), np.float32)
