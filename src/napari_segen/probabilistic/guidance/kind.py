"""Whether an image is of the kind that a model was trained on.

Novelty judges single pixels; here a whole frame is judged by the distribution of its
features. With ``Q`` the quantiles of a sample of pixels in the scaled features, the
distance of two samples is the mean of ``|Q - Q'|`` over quantiles and features: their
1-Wasserstein distances, in standard deviations of the labelled pixels. It is told in
units of what is usual: how far parts of the training images are from their whole. A
frame that is much farther is another kind of image; one whose features hardly vary is
empty.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import data_at
from napari_segen.core.steps import Steps, each_steps
from napari_segen.core.tiles import Slices, tile_at
from napari_segen.probabilistic.classifier import check_array
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.sampling import Positions, look_regions
from napari_segen.probabilistic.scaling import FeatureScaling

PREFIX = "kind_"
LEVELS = np.linspace(0.02, 0.98, 25)
PIXELS = 4096  # of all frames together, about
# Frames of so many pixels in all are looked at as a whole, where the cache may know
# them; of larger ones blocks, this many pixels in all.
MAX_WHOLE, MAX_LOOKED = 2**19, 2**17
MOST_FRAMES = 16  # of the training images: finding the range of each takes a while
PARTS = 3  # along each axis of a training frame
LEAST_PIXELS = 32  # of a part that counts
LEAST_USUAL = 0.1  # deviations, where all parts of the training images are alike
LEAST_SPREAD = 0.05
TOO_FAR = 1.75  # times the usual distance
TOO_FLAT = 0.25  # of the training images' deviations


@dataclass(frozen=True, slots=True)
class KindCheck:
    """What a frame is like beside the training images.

    Parameters
    ----------
    distance : float
        How far its features' distribution is from theirs: 1 is as far as a part of
        them is usually from the whole.
    contrast : float
        How much its features vary, as a part of how much theirs do.
    reason : str
        Why the frame is unlike them; empty where it is like them.
    """

    distance: float
    contrast: float
    reason: str

    @property
    def is_unlike(self) -> bool:
        """Whether the model was not trained on this kind of image."""
        return bool(self.reason)


@dataclass(frozen=True, slots=True)
class Kind:
    """The distribution of the training images' features.

    Parameters
    ----------
    scaling : FeatureScaling
    quantiles : float32 array of shape (25, F)
        Of the scaled features, at `LEVELS`.
    spread : float32 array of shape (F,)
        Their standard deviations.
    usual : float32 array of shape (1,)
        The usual distance of a part of the training images.
    """

    scaling: FeatureScaling
    quantiles: Array
    spread: Array
    usual: Array

    @classmethod
    def learnt_steps(
        cls, frames: Sequence[Frame], scaling: FeatureScaling
    ) -> Steps[Self | None]:
        """Learn from the training frames; None where no pixel looked at has data."""
        sampled = yield from _samples_steps(frames)
        samples = [(at, scaling.apply(rows.T)) for at, rows in sampled]
        z = np.concatenate([own for _, own in samples], axis=1)
        if z.shape[1] == 0:
            return None
        quantiles = np.quantile(z, LEVELS, axis=1)
        apart = [
            np.abs(np.quantile(part, LEVELS, axis=1) - quantiles).mean()
            for (at, own), frame in zip(samples, frames, strict=True)
            for part in _parts(at, own, frame.shape)
        ]
        usual = LEAST_USUAL + (float(np.mean(apart)) if apart else 0.0)
        spread = np.maximum(z.std(axis=1), LEAST_SPREAD)
        arrays = (np.asarray(a, np.float32) for a in (quantiles, spread, [usual]))
        return cls(scaling, *arrays)

    def check_steps(self, frames: Sequence[Frame]) -> Steps[tuple[KindCheck, ...]]:
        """Compare each frame with the training frames."""
        checks = []
        # One by one: what is found of a frame must not depend on the others.
        for (sample,) in (yield from each_steps(frames, lambda f: _samples_steps([f]))):
            # Texture, which `auto` may look at besides, comes last.
            rows = sample[1][:, : self.quantiles.shape[1]]
            checks.append(self._check(self.scaling.apply(rows.T)))
        return tuple(checks)

    def _check(self, z: Array) -> KindCheck:
        if z.shape[1] == 0:
            return KindCheck(0.0, 0.0, "it has no data")
        apart = np.abs(np.quantile(z, LEVELS, axis=1) - self.quantiles).mean()
        distance = float(apart / self.usual[0])
        contrast = float((z.std(axis=1) / self.spread).mean())
        reason = ""
        if contrast < TOO_FLAT:
            reason = f"it is nearly empty: {contrast:.0%} of the training contrast"
        elif distance > TOO_FAR:
            reason = (
                f"its features are distributed otherwise: {distance:.1f} times as far "
                "from the training images as parts of these are"
            )
        return KindCheck(distance, contrast, reason)

    def as_arrays(self) -> dict[str, Array]:
        """Return the arrays by name; `from_arrays` reads them back."""
        own = {
            "quantiles": self.quantiles,
            "spread": self.spread,
            "usual": self.usual,
        }
        return {PREFIX + name: array for name, array in own.items()}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, Array], scaling: FeatureScaling, n_features: int
    ) -> Self | None:
        """Read what `as_arrays` wrote; None from a file of before.

        Raises
        ------
        ValueError
            Where an array is missing, or has another shape or type than expected.
        """
        if not any(name.startswith(PREFIX) for name in arrays):
            return None
        shapes: dict[str, tuple[int | None, ...]] = {
            "quantiles": (len(LEVELS), n_features),
            "spread": (n_features,),
            "usual": (1,),
        }
        for name, shape in shapes.items():
            check_array(PREFIX + name, arrays.get(PREFIX + name), shape)
        own = [arrays[PREFIX + name] for name in shapes]
        if own[1].min() <= 0 or own[2][0] <= 0:
            raise ValueError("array 'kind_spread' or 'kind_usual' is not over 0.")
        return cls(scaling, *own)


def _samples_steps(
    frames: Sequence[Frame],
) -> Steps[list[tuple[Positions, npt.NDArray[np.float32]]]]:
    """Return positions ``(M, ndim)`` and features ``(M, F)``, for each frame."""
    shapes = [frame.shape for frame in frames]
    n_pixels = sum(math.prod(shape) for shape in shapes)
    is_whole = n_pixels <= MAX_WHOLE
    looked = n_pixels if is_whole else MAX_LOOKED
    step = max(round((looked / PIXELS) ** (1 / len(shapes[0]))), 1)
    jobs = []
    for frame, regions in zip(frames, look_regions(shapes, looked), strict=True):
        at = _lattice(regions, frame.shape, step)
        at = at[data_at(frame.values, at)]
        # Of a part no more is computed than that; the cache knows other tiles.
        parts = [tile_at(r, frame.shape, frame.bank.halo) for r in regions]
        jobs.append((frame, at, None if is_whole else parts))
    found = yield from each_steps(jobs, lambda j: j[0].features_at_steps(j[1], j[2]))
    return [(at, rows) for (_, at, _), rows in zip(jobs, found, strict=True)]


def _lattice(regions: Sequence[Slices], shape: tuple[int, ...], step: int) -> Positions:
    """Return every `step`-th pixel along each axis that lies within regions.

    Counted from the middle of the frame, so that flips keep the choice.
    """
    n_axes = len(shape)
    grids = [np.zeros((0, n_axes), np.intp)]
    for region in regions:
        lines = []
        for part, n in zip(region, shape, strict=True):
            line = np.arange(part.start, part.stop)
            stride = min(step, (n + 1) // 2)
            from_middle = np.abs(2 * line - (n - 1)) // 2
            lines.append(line[from_middle % stride == stride // 2])
        grid = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
        grids.append(grid.reshape(-1, n_axes))
    return np.concatenate(grids)


def _parts(at: Positions, z: Array, shape: tuple[int, ...]) -> list[Array]:
    """Cut features ``(F, M)`` of pixels at ``(M, ndim)`` by where in the frame."""
    middle = (np.array(shape) - 1) / 2
    cell = np.rint((at - middle) * PARTS / shape)  # about the middle, as flips need it
    _, number = np.unique(cell, axis=0, return_inverse=True)
    parts = [z[:, number.ravel() == i] for i in range(number.max(initial=-1) + 1)]
    return [part for part in parts if part.shape[1] >= LEAST_PIXELS]


def check_kind(kind: Kind | None) -> Kind:
    """Raise ValueError where it is not known of what kind the training images were."""
    if kind is None:
        raise ValueError(
            "this model cannot tell whether an image is like its training images: its "
            "file is from a version that did not store it, or some of them were not at "
            "hand (init_from). Fit a model to all of them."
        )
    return kind
