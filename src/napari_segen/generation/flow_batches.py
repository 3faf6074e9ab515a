"""Patches on their way from noise to image, for a network to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.conditions import UNKNOWN, Conditions
from napari_segen.generation.flow_path import mixture, time_maps, velocity

Floats = npt.NDArray[np.float32]

# Labels are withheld so often: images are also varied where no labels are known.
WITHHELD_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Example:
    """One frame to draw patches from, at least one patch in size.

    Parameters
    ----------
    values : float32 array of shape (*S, C)
        Scaled, 0 where there is no data.
    seen : float32 array of shape (*S, 1)
        0 where there is no data, else 1.
    kinds : uint8 array of shape (*S), or None
        See `Conditions.kinds`.
    """

    values: Floats
    seen: Floats
    kinds: Array | None

    def mirrored(self, least: Sequence[int]) -> "Example":
        """Continue a frame smaller than `least` by its mirror image."""
        shape = self.seen.shape[:-1]
        pad = [(0, max(0, m - n)) for m, n in zip(least, shape, strict=True)]
        if not any(after for _, after in pad):
            return self
        return Example(
            np.pad(self.values, [*pad, (0, 0)], mode="symmetric"),
            np.pad(self.seen, [*pad, (0, 0)], mode="symmetric"),
            None if self.kinds is None else np.pad(self.kinds, pad, mode="symmetric"),
        )


class Batch(NamedTuple):
    """What the network sees, and what it should answer.

    Parameters
    ----------
    x : float32 array of shape (B, *patch, C + n_kinds + N_TIME_MAPS)
        Pixels on their way, maps of the labels, maps of the time.
    velocity : float32 array of shape (B, *patch, C)
    seen : float32 array of shape (B, *patch, 1)
        0 where there is no data, and any answer is right; else 1.
    """

    x: Floats
    velocity: Floats
    seen: Floats


class FlowSampler:
    """Draws batches of patches.

    Parameters
    ----------
    examples : list of Example
    conditions : Conditions
    patch_shape : tuple of int
    batch_size : int
    flips : bool
        Mirror patches along each axis at random.
    turns : bool
        Exchange rows and columns at random.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        conditions: Conditions,
        patch_shape: tuple[int, ...],
        batch_size: int,
        *,
        flips: bool,
        turns: bool,
    ) -> None:
        self._examples = [e.mirrored(patch_shape) for e in examples]
        self._conditions, self._shape = conditions, patch_shape
        self._batch_size, self._flips, self._turns = batch_size, flips, turns
        areas = np.array([e.seen.size for e in self._examples], float)
        self._share = areas / areas.sum()

    def steps_per_epoch(self) -> int:
        """How many batches hold as many pixels as there are."""
        n_pixels = sum(e.seen.size for e in self._examples)
        in_batch = self._batch_size * int(np.prod(self._shape))
        return max(1, round(n_pixels / in_batch))

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return the next batch; a time from each equal part of 0 to 1."""
        n, ndim = self._batch_size, len(self._shape)
        patches = [self._patch(rng) for _ in range(n)]
        image, seen, maps = (np.stack(p) for p in zip(*patches, strict=True))
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        t = ((rng.permutation(n) + rng.random(n)) / n).astype(np.float32)
        at = t.reshape(n, *(1,) * (ndim + 1))
        maps_of_time = time_maps(t).reshape(n, *(1,) * ndim, -1)
        times = np.broadcast_to(
            maps_of_time, (*maps.shape[:-1], maps_of_time.shape[-1])
        )
        x = np.concatenate([mixture(noise, image, at), maps, times], axis=-1)
        return Batch(x, velocity(noise, image), seen)

    def _patch(self, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """Cut a patch: values, where there is data, and maps of the labels."""
        example = self._examples[rng.choice(len(self._examples), p=self._share)]
        box = tuple(
            slice(start := rng.integers(whole - n + 1), start + n)
            for whole, n in zip(example.seen.shape[:-1], self._shape, strict=True)
        )
        ndim = len(self._shape)
        flips = rng.integers(2, size=ndim).astype(bool)
        is_turned = bool(rng.integers(2)) and self._turns
        is_withheld = rng.random() < WITHHELD_SHARE
        axes = tuple(map(int, np.flatnonzero(flips))) if self._flips else ()

        def placed(array: Array) -> Array:
            turned = (
                array[box].swapaxes(ndim - 2, ndim - 1) if is_turned else array[box]
            )
            return np.flip(turned, axes)

        kinds = np.full(self._shape, UNKNOWN, np.uint8)
        if example.kinds is not None and not is_withheld:
            kinds = placed(example.kinds)
        maps = self._conditions.maps(kinds)
        return placed(example.values), placed(example.seen), maps
