"""Square patches of images, and the few numbers by which they are compared first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.matching import free_corners

Floats = npt.NDArray[np.float32]

N_TURNS = 8
_N_NUMBERS = 64
_SAMPLE = 600


@dataclass(frozen=True, slots=True)
class Basis:
    """The principal components of real patches, the same for all turns of a patch.

    Parameters
    ----------
    patch_px : int
    mean : float32 array of shape (1, C, 1, 1)
        Of each channel, over the real images.
    spread : float32 array of shape (1, C, 1, 1)
        Standard deviation of each channel.
    axes : float32 array of shape (C * patch_px**2, J)
        Orthonormal columns.
    """

    patch_px: int
    mean: Floats
    spread: Floats
    axes: Floats

    @classmethod
    def fit(
        cls, planes: Sequence[Array], patch_px: int, rng: np.random.Generator
    ) -> "Basis":
        """Learn from planes ``(C, H, W)``."""
        where = draw_corners(planes, patch_px, _SAMPLE, rng)
        flat = np.concatenate([p.reshape(len(p), -1) for p in planes], axis=1)
        known = flat[:, np.isfinite(flat).all(axis=0)].astype(np.float64)
        mean = known.mean(axis=1)[:, np.newaxis, np.newaxis].astype(np.float32)
        spread = known.std(axis=1)[:, np.newaxis, np.newaxis].astype(np.float32)
        spread[spread == 0] = 1
        found = (cut(planes, where, patch_px) - mean) / spread
        turns = rng.integers(N_TURNS, size=len(found))
        rows = np.stack([turn(p, int(t)) for p, t in zip(found, turns, strict=True)])
        rows = rows.reshape(len(rows), -1)
        rows -= rows.mean(axis=0)
        # Of few patches of many pixels the small product of rows is the cheaper.
        values, vectors = np.linalg.eigh(rows @ rows.T)
        best = np.argsort(values)[::-1][:_N_NUMBERS]
        best = best[values[best] > max(values.max(), 0) * 1e-6]
        axes = rows.T @ vectors[:, best] / np.sqrt(values[best])
        return cls(patch_px, mean[None], spread[None], axes.astype(np.float32))

    def scaled(self, patches: Floats) -> Floats:
        """Describe patches ``(N, C, P, P)`` on the images' scale, ``(N, J)``."""
        rows = ((patches - self.mean) / self.spread).reshape(len(patches), -1)
        return np.asarray(rows @ self.axes, np.float32)

    def normalised(self, patches: Floats) -> Floats:
        """Bring patches to mean 0 and length 1; those without contrast become 0."""
        scaled = patches / self.spread
        scaled = scaled - scaled.mean(axis=(2, 3), keepdims=True)
        length = np.sqrt((scaled**2).sum(axis=(1, 2, 3), keepdims=True))
        return np.asarray(scaled / np.maximum(length, 1e-12), np.float32)


@dataclass(frozen=True, slots=True)
class Corners:
    """Places of patches: which plane, and the first row and column."""

    plane: Array
    y: Array
    x: Array

    def __len__(self) -> int:
        return len(self.plane)

    def __getitem__(self, index: Array) -> "Corners":
        return Corners(self.plane[index], self.y[index], self.x[index])


def draw_corners(
    planes: Sequence[Array], patch_px: int, n: int, rng: np.random.Generator
) -> Corners:
    """Draw up to `n` places of patches that lack no data, each at most once."""
    free = [free_corners(p, (patch_px, patch_px)) for p in planes]
    counts = np.cumsum([0] + [f.sum() for f in free])
    if counts[-1] == 0:
        raise ValueError(f"no image has {patch_px} x {patch_px} pixels with data.")
    drawn = np.sort(rng.choice(counts[-1], min(n, int(counts[-1])), replace=False))
    found = []
    for i, f in enumerate(free):
        mine = drawn[(drawn >= counts[i]) & (drawn < counts[i + 1])] - counts[i]
        y, x = np.nonzero(f)
        found.append((np.full(len(mine), i), y[mine], x[mine]))
    return Corners(*(np.concatenate(part) for part in zip(*found, strict=True)))


def cut(planes: Sequence[Array], corners: Corners, patch_px: int) -> Floats:
    """Cut patches ``(N, C, P, P)`` out of planes ``(C, H, W)``."""
    p = patch_px
    return np.stack(
        [
            planes[i][:, y : y + p, x : x + p].astype(np.float32)
            for i, y, x in zip(corners.plane, corners.y, corners.x, strict=True)
        ]
    )


def turn(patch: Array, which: int) -> Array:
    """Turn ``(..., P, P)`` by `which` quarters, from 4 on after mirroring it."""
    if which >= 4:
        patch = np.flip(patch, axis=-1)
    return np.rot90(patch, which, axes=(-2, -1))
