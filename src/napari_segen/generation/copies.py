"""Whether generated patches lie nearer to training patches than other real ones do.

Patches lie about spots, where a blurred image is brighter or darker than around: a copy
has the spots of its original, whichever way it was moved or turned, and there are none
on empty ground. Patches are brought to mean 0 and length 1, so a copy in another light
is a copy; those that are mirrored or turned by quarters count too. The nearest are
found by principal components, then the best place near each pixel by pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.matching import free_corners
from napari_segen.generation.patches import (
    N_TURNS,
    Basis,
    Corners,
    Floats,
    cut,
    turn,
)

_TRAINING_PATCHES = 30_000
_CHUNK = 100
# A spot that noise has moved by a pixel may have others before it.
_CANDIDATES = 8
# How far a spot may move by noise.
_SHIFT = 2
# Spots less salient than this part of the usual contrast are noise.
_LEAST_SALIENCE = 0.5


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest training patch of each of N patches.

    Parameters
    ----------
    patches : Corners
        Where the N patches are.
    nearest : Corners
        Where their nearest training patches are.
    turns : int array of shape (N,)
        How the patches must be turned to lie like those; see `turn`.
    distance : float32 array of shape (N,)
        From 0 (a copy, up to brightness and contrast) to 2 (its negative).
    """

    patches: Corners
    nearest: Corners
    turns: Array
    distance: Floats

    def __len__(self) -> int:
        return len(self.patches)


@dataclass(frozen=True, slots=True)
class Training:
    """Patches of the training images, to be searched.

    Parameters
    ----------
    basis : Basis
    corners : Corners
    numbers : float32 array of shape (N, J)
    padded : list of float32 arrays
        The planes with a margin without data.
    """

    basis: Basis
    corners: Corners
    numbers: Floats
    padded: list[Floats]

    @classmethod
    def of(
        cls, planes: Sequence[Array], basis: Basis, rng: np.random.Generator
    ) -> "Training":
        """Take the patches about the spots of `planes`."""
        corners = spots(planes, basis, _TRAINING_PATCHES, rng)
        empty = np.zeros((0, basis.axes.shape[1]), np.float32)
        parts = [empty]
        for start in range(0, len(corners), 1000):
            part = corners[np.arange(start, min(start + 1000, len(corners)))]
            parts.append(
                _numbers(basis.normalised(cut(planes, part, basis.patch_px)), basis)
            )
        margin = ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT))
        padded = [
            np.pad(p.astype(np.float32), margin, constant_values=np.nan) for p in planes
        ]
        return cls(basis, corners, np.concatenate(parts), padded)

    def __len__(self) -> int:
        return len(self.corners)

    def neighbours_steps(
        self, planes: Sequence[Array], n: int, rng: np.random.Generator
    ) -> Steps[Neighbours]:
        """Find the neighbours of the patches about `n` spots; none without spots."""
        where = spots(planes, self.basis, n, rng)
        if not len(where) or not len(self.corners):
            none = np.zeros(0, int)
            nowhere = Corners(none, none, none)
            return Neighbours(nowhere, nowhere, none, np.zeros(0, np.float32))
        patches = self.basis.normalised(cut(planes, where, self.basis.patch_px))
        found = []
        for start in range(0, len(where), _CHUNK):
            yield Step(start, len(where), "Looking for copies")
            part = patches[start : start + _CHUNK]
            turns, index = self._candidates(part)
            found.append(self._refined(part, turns, index))
        plane, y, x, turned, distance = (
            np.concatenate(v) for v in zip(*found, strict=True)
        )
        return Neighbours(where, Corners(plane, y, x), turned, distance)

    def _candidates(self, patches: Floats) -> tuple[Array, Array]:
        """Choose the K nearest training patches by J: turns and places, ``(N, K)``."""
        k = min(_CANDIDATES, len(self.numbers))
        half_square = (self.numbers**2).sum(axis=1) / 2
        values, places = [], []
        for t in range(N_TURNS):
            rows = _numbers(turn(patches, t), self.basis)
            nearness = rows @ self.numbers.T - half_square
            # The components hold more of a patch in some turns than in others.
            nearness -= (rows**2).sum(axis=1, keepdims=True) / 2
            best = _largest(nearness, k)
            values.append(np.take_along_axis(nearness, best, axis=1))
            places.append(best)
        best = _largest(np.concatenate(values, axis=1), k)
        index = np.take_along_axis(np.concatenate(places, axis=1), best, axis=1)
        return best // k, index

    def _refined(
        self, patches: Floats, turns: Array, index: Array
    ) -> tuple[Array, ...]:
        """Find the best place near each: plane, row, column, turn and distance."""
        p, reach = self.basis.patch_px, 2 * _SHIFT + 1
        best = np.full(len(patches), -np.inf, np.float32)
        found = np.zeros((4, len(patches)), int)
        for t, k in zip(turns.T, index.T, strict=True):
            corners = self.corners[k]
            areas = cut(self.padded, corners, p + 2 * _SHIFT)
            areas = (areas - self.basis.mean) / self.basis.spread
            wanted = np.stack(
                [turn(q, int(w)) for q, w in zip(patches, t, strict=True)]
            )
            for dy, dx in np.ndindex(reach, reach):
                part = areas[..., dy : dy + p, dx : dx + p]
                likeness = _correlation(part, wanted)
                better = likeness > best
                best[better] = likeness[better]
                y, x = corners.y + dy - _SHIFT, corners.x + dx - _SHIFT
                place = np.stack([corners.plane, y, x, t])
                found[:, better] = place[:, better]
        return (*found, np.sqrt(np.maximum(2 - 2 * best, 0)))


def spots(
    planes: Sequence[Array], basis: Basis, n: int, rng: np.random.Generator
) -> Corners:
    """Find patches about the spots of planes ``(C, H, W)``; draws `n` at most."""
    p = basis.patch_px
    salience = [_salience(plane, basis) for plane in planes]
    usual = np.sqrt(np.mean([np.mean(s**2) for s in salience]))
    found = []
    for i, (plane, s) in enumerate(zip(planes, salience, strict=True)):
        is_spot = (s == ndimage.maximum_filter(s, size=p // 4 * 2 + 1)) & (s > 0)
        inner = is_spot[p // 2 :, p // 2 :][: s.shape[0] - p + 1, : s.shape[1] - p + 1]
        strong = s[p // 2 :, p // 2 :][: inner.shape[0], : inner.shape[1]]
        free = free_corners(plane, (p, p)) & inner & (strong > _LEAST_SALIENCE * usual)
        y, x = np.nonzero(free)
        found.append((np.full(len(y), i), y, x))
    corners = Corners(*(np.concatenate(part) for part in zip(*found, strict=True)))
    return corners[np.sort(rng.permutation(len(corners))[:n])]


def _salience(plane: Array, basis: Basis) -> Floats:
    """How much brighter or darker a blurred plane ``(C, H, W)`` is than around."""
    known = np.isfinite(plane).all(axis=0)
    scaled = (plane.astype(np.float32) - basis.mean[0]) / basis.spread[0]
    mean = np.where(known, scaled.mean(axis=0), 0)
    sigma = basis.patch_px / 8
    narrow = ndimage.gaussian_filter(mean, sigma)
    wide = ndimage.gaussian_filter(mean, 1.6 * sigma)
    return np.asarray(np.abs(narrow - wide), np.float32)


def _numbers(patches: Floats, basis: Basis) -> Floats:
    return np.asarray(patches.reshape(len(patches), -1) @ basis.axes, np.float32)


def _largest(values: Floats, k: int) -> Array:
    """Return the places of the k largest values in each row, in any order."""
    return np.argpartition(values, -k, axis=1)[:, -k:]


def _correlation(patches: Floats, wanted: Floats) -> Floats:
    """Correlation of patches with others of mean 0 and length 1, both ``(N, C, P, P)``.

    -1 where there is no data, or no contrast.
    """
    n_pixels = wanted[0, 0].size
    product = np.einsum("ncij,ncij->n", patches, wanted)
    power = np.einsum("ncij,ncij->n", patches, patches)
    power -= n_pixels * (patches.mean(axis=(2, 3)) ** 2).sum(axis=1)
    has_contrast = power > 1e-6  # False for NaN
    root = np.sqrt(np.where(has_contrast, power, 1))
    return np.asarray(np.where(has_contrast, product / root, -1), np.float32)
