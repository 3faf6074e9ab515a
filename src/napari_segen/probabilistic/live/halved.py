"""Frames with y and x halved, at once or where they are looked at."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.lazyview import Sliced


@dataclass(frozen=True)
class HalvedFrame:
    """A lazy frame with y and x halved, again and again: averages of 2 x 2 pixels.

    Parameters
    ----------
    finer : LazyFrame, or HalvedFrame
    """

    finer: Sliced

    dtype = np.dtype(np.float32)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(C, *S)``."""
        shape = self.finer.shape
        return (*shape[:-2], *(-(-n // 2) for n in shape[-2:]))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: tuple[Any, ...]) -> Array:
        channels, *rest = key
        if not all(isinstance(part, slice) for part in rest):
            return np.asarray(self._at(np.stack(rest, axis=1))[channels])
        window = [
            slice(*part.indices(n)[:2])
            for part, n in zip(rest, self.shape[1:], strict=True)
        ]
        sides = [
            slice(2 * part.start, min(2 * part.stop, n))
            for part, n in zip(window[-2:], self.finer.shape[-2:], strict=True)
        ]
        finer = self.finer[slice(None), *window[:-2], *sides]
        return np.asarray(halved(finer)[channels])

    def _at(self, positions: npt.NDArray[np.intp]) -> Array:
        """Average pixels at ``(M, ndim)``; returns ``(C, M)``."""
        corner = positions * (*(1,) * (positions.shape[1] - 2), 2, 2)
        out = np.zeros((len(self), len(positions)), np.float32)
        last = np.array(self.finer.shape[1:]) - 1
        for y, x in product((0, 1), repeat=2):
            step = (*(0,) * (positions.shape[1] - 2), y, x)
            at = np.minimum(corner + step, last)
            out += self.finer[slice(None), *at.T].astype(np.float32)
        out *= np.float32(0.25)
        return out


def halved(values: Array) -> npt.NDArray[np.float32]:
    """Average squares of 2 x 2 pixels of ``(..., H, W)``; odd ends stand for two."""
    pads = [(0, 0)] * (values.ndim - 2) + [(0, n % 2) for n in values.shape[-2:]]
    even = np.pad(values, pads, "edge") if any(p != (0, 0) for p in pads) else values
    result = even[..., ::2, ::2].astype(np.float32)
    for y, x in ((0, 1), (1, 0), (1, 1)):
        result += even[..., y::2, x::2]
    result *= np.float32(0.25)
    return result
