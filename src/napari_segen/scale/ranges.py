"""The range of a frame's grey values, exactly, without holding the frame.

Grey values become whole numbers of the same order, whose binary digits are found 16 at
a time, the highest first, by counting: one pass over values of up to 16 bits, two over
32, four over 64. What is kept from block to block does not grow with the frame.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Range, percentile_ranks
from napari_segen.core.steps import Step, Steps, stretch_steps
from napari_segen.scale.tasks import each_task_steps

DIGIT_BITS = 16
# Blocks whose counts, 0.5 MB for each channel, travel together: one, or of many blocks
# as many as make so many batches, up to a limit.
BATCHES, LARGEST = 64, 16


Blocks = Sequence[Callable[[], Array]]
Counts = dict[int, npt.NDArray[np.int64]]


def range_steps(blocks: Blocks, client: Any = None) -> Steps[Range]:
    """Find the `channel_range` of a frame from its blocks.

    Parameters
    ----------
    blocks : sequence of callable
        Each returns a part ``(C, *S)``, all of one real type; together they return
        every pixel of the frame once. They are called once in each pass, the first once
        more.
    client : distributed.Client, optional
        Whose workers call the blocks.
    """
    first = blocks[0]()
    channels = [_Channel(first.dtype) for _ in first]
    size = min(-(-len(blocks) // BATCHES), LARGEST)
    batches = [blocks[i : i + size] for i in range(0, len(blocks), size)]
    text = "Measuring the range of grey values"
    n_passes = channels[0].n_passes
    for done in range(n_passes):
        totals = [channel.no_counts() for channel in channels]

        def add(i: int, counts: list[Counts], totals: list[Counts] = totals) -> None:
            for total, found in zip(totals, counts, strict=True):
                for key, values in found.items():
                    total[key] += values

        work = partial(_counted_steps, channels)
        steps = each_task_steps(work, batches, add, client=client, text=text)
        yield from stretch_steps(steps, done / n_passes, (done + 1) / n_passes)
        for channel, total in zip(channels, totals, strict=True):
            channel.settle(total)
    ranges = np.array([channel.low_and_high() for channel in channels])
    return ranges[:, 0], ranges[:, 1] - ranges[:, 0]


def _counted_steps(channels: "list[_Channel]", blocks: Blocks) -> Steps[list[Counts]]:
    """Count the next digits in some of the blocks."""
    totals = [channel.no_counts() for channel in channels]
    for i, read in enumerate(blocks):
        yield Step(i, len(blocks), "Measuring the range of grey values")
        for channel, plane, counts in zip(channels, read(), totals, strict=True):
            channel.count(plane, counts)
    return totals


class _Channel:
    """Finds four of a channel's finite values: least, low, high and greatest."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = np.dtype(dtype).newbyteorder("=")
        bits = 8 * self._dtype.itemsize
        self._digit = min(DIGIT_BITS, bits)
        self.n_passes, self._base = bits // self._digit, 2**self._digit
        self._shift = bits - self._digit  # of the digit that is being counted
        # Of each value the digits found, and how many are below it of those values
        # that share them.
        self._found = [0]
        self._below: list[int] | None = None

    def no_counts(self) -> Counts:
        """Return zeros to count in."""
        return {found: np.zeros(self._base, np.int64) for found in set(self._found)}

    def count(self, plane: Array, counts: Counts) -> None:
        """Count the next digit of the pixels that share the digits found."""
        keys = _keys(plane.astype(self._dtype, copy=False).ravel())
        rest = keys >> keys.dtype.type(self._shift)
        digits = rest & keys.dtype.type(self._base - 1)
        for found, n_of in counts.items():
            shared = digits
            if self._below is not None:
                shared = digits[rest >> keys.dtype.type(self._digit) == found]
            n_of += np.bincount(shared.astype(np.intp), minlength=self._base)

    def settle(self, counts: Counts) -> None:
        """Find the digit of each value that was counted."""
        up_to = {found: np.cumsum(n_of) for found, n_of in counts.items()}
        if self._below is None:
            n = int(up_to[0][-1])
            # Of no values, all are taken to be the lowest there could be.
            self._below = [0, *percentile_ranks(n), n - 1] if n else [-1] * 4
            self._found *= 4
        for i, (found, below) in enumerate(zip(self._found, self._below, strict=True)):
            digit = int(np.searchsorted(up_to[found], below, side="right"))
            if digit:
                self._below[i] -= int(up_to[found][digit - 1])
            self._found[i] = found * self._base + digit
        self._shift -= self._digit

    def low_and_high(self) -> tuple[float, float]:
        """Return both, as `channel_range` does; 0 and 0 where no pixel is finite."""
        assert self._below is not None
        if self._below[-1] < 0:
            return 0.0, 0.0
        least, low, high, greatest = _values(self._found, self._dtype)
        return (low, high) if high > low else (least, greatest)


def _keys(values: Array) -> Array:
    """Turn finite values into unsigned numbers of the same order; others are gone."""
    kind, unsigned = values.dtype.kind, np.dtype(f"u{values.dtype.itemsize}")
    top = unsigned.type(1 << (8 * unsigned.itemsize - 1))
    if kind == "f":
        bits = values[np.isfinite(values)].view(unsigned)
        # Negative numbers have their sign bit set, and grow away from zero.
        return np.where(bits & top, ~bits, bits | top)
    bits = values.view(unsigned)
    return bits ^ top if kind == "i" else bits


def _values(keys: Sequence[int], dtype: np.dtype[np.generic]) -> list[float]:
    """Undo `_keys`."""
    bits = np.array(keys, f"u{dtype.itemsize}")
    top = bits.dtype.type(1 << (8 * dtype.itemsize - 1))
    if dtype.kind == "f":
        bits = np.where(bits & top, bits ^ top, ~bits)
    elif dtype.kind == "i":
        bits ^= top
    return [float(value) for value in bits.view(dtype)]
