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
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
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
_NUMBERS = 32
_CANDIDATES = 2
# How far a spot may move by noise, and by mirroring patches of even sides.
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


@dataclass(frozen=True, slots=True)
class Training:
    """Patches of the training images, to be searched.

    Parameters
    ----------
    planes : list of arrays of shape (C, H, W)
    basis : Basis
    corners : Corners
    numbers : float32 array of shape (N, J)
    """

    planes: Sequence[Array]
    basis: Basis
    corners: Corners
    numbers: Floats

    @classmethod
    def of(
        cls, planes: Sequence[Array], basis: Basis, rng: np.random.Generator
    ) -> "Training":
        """Take the patches about the spots of `planes`."""
        corners = spots(planes, basis, _TRAINING_PATCHES, rng)
        empty = np.zeros((0, min(_NUMBERS, basis.axes.shape[1])), np.float32)
        parts = [empty]
        for start in range(0, len(corners), 1000):
            part = corners[np.arange(start, min(start + 1000, len(corners)))]
            parts.append(
                _numbers(basis.normalised(cut(planes, part, basis.patch_px)), basis)
            )
        return cls(planes, basis, corners, np.concatenate(parts))

    def neighbours_steps(
        self, planes: Sequence[Array], n: int, rng: np.random.Generator
    ) -> Steps[Neighbours | None]:
        """Find the neighbours of the patches about `n` spots; None without spots."""
        where = spots(planes, self.basis, n, rng)
        if not len(where) or not len(self.corners):
            return None
        patches = self.basis.normalised(cut(planes, where, self.basis.patch_px))
        found = []
        for start in range(0, len(where), _CHUNK):
            yield Step(start, len(where), "Looking for copies")
            part = patches[start : start + _CHUNK]
            turns, index = self._candidates(part)
            found += [self._refined(*c) for c in zip(part, turns, index, strict=True)]
        plane, y, x, turns, distance = (np.array(v) for v in zip(*found, strict=True))
        return Neighbours(where, Corners(plane, y, x), turns, distance)

    def _candidates(self, patches: Floats) -> tuple[Array, Array]:
        """Choose the nearest training patches by J: turns and places, ``(N, K)``."""
        best = np.full((len(patches), _CANDIDATES), -np.inf, np.float32)
        turns = np.zeros(best.shape, int)
        index = np.zeros(best.shape, int)
        half_square = (self.numbers**2).sum(axis=1) / 2
        for t in range(N_TURNS):
            rows = _numbers(turn(patches, t), self.basis)
            nearness = rows @ self.numbers.T - half_square
            i = nearness.argmax(axis=1)
            value = nearness[np.arange(len(i)), i]
            worst = best.argmin(axis=1)
            better = np.flatnonzero(value > best[np.arange(len(i)), worst])
            at = (better, worst[better])
            best[at], turns[at], index[at] = value[better], t, i[better]
        return turns, index

    def _refined(
        self, patch: Floats, turns: Array, index: Array
    ) -> tuple[int, int, int, int, float]:
        """Find the best place near them: plane, row, column, turn, distance."""
        results = []
        p, s = self.basis.patch_px, _SHIFT
        for t, k in zip(turns, index, strict=True):
            plane = int(self.corners.plane[k])
            image = self.planes[plane]
            top, left = max(self.corners.y[k] - s, 0), max(self.corners.x[k] - s, 0)
            area = image[
                :, top : self.corners.y[k] + s + p, left : self.corners.x[k] + s + p
            ]
            likeness = _correlation(area / self.basis.spread[0], turn(patch, int(t)))
            y, x = np.unravel_index(likeness.argmax(), likeness.shape)
            distance = float(np.sqrt(max(2 - 2 * likeness[y, x], 0)))
            results.append((distance, plane, int(top + y), int(left + x), int(t)))
        distance, plane, row, column, t = min(results)
        return plane, row, column, t, distance


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
    rows = patches.reshape(len(patches), -1) @ basis.axes[:, :_NUMBERS]
    return np.asarray(rows, np.float32)


def _correlation(area: Array, patch: Floats) -> npt.NDArray[np.float64]:
    """Correlation with `patch`, of mean 0 and length 1, at all places of ``(C, H, W)``.

    -1 where there is no data, or no contrast.
    """
    p = patch.shape[-1]
    windows = sliding_window_view(area.astype(np.float32), (p, p), axis=(1, 2))
    product = np.einsum("cyxij,cij->yx", windows, patch, optimize=True)
    mean = windows.mean(axis=(3, 4))
    power = np.einsum("cyxij,cyxij->cyx", windows, windows) - p * p * mean**2
    power = power.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        result = np.where(power > 1e-6, product / np.sqrt(power), -1)
    return np.nan_to_num(result, nan=-1)
