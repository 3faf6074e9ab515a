"""A frame too large to be read whole: read in blocks, where it is looked at."""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import CHANNEL, FRAME, Array, ImageSpec
from napari_segen.core.lazyview import Sliced
from napari_segen.core.normalization import Range, channel_range
from napari_segen.core.tiles import Slices
from napari_segen.probabilistic.channels import Channels, looked_at, used_channels

BLOCK_PX = 2**18  # that are read together, or a chunk if that is larger
SAMPLED_BLOCKS = 64  # from which grey values are learnt
WHOLE_BYTES = 2**26  # of a frame that is read whole


@dataclass(slots=True)
class Blocks:
    """What was read last, within `max_bytes`. Several threads may use one."""

    max_bytes: int = 2**28
    _kept: "OrderedDict[Any, Array]" = field(default_factory=OrderedDict)
    _n_bytes: int = 0
    # Around reading too: threads that wait for one block must not all read it.
    _lock: Any = field(default_factory=Lock)

    def get(self, key: Any, read: Any) -> Array:
        """Return the block of a key; ``read()`` if it is not at hand."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            found: Array = read()
            self._kept[key] = found
            self._n_bytes += found.nbytes
            while self._n_bytes > self.max_bytes and len(self._kept) > 1:
                self._n_bytes -= self._kept.popitem(last=False)[1].nbytes
            return found


def reads_whole(data: Any, spec: ImageSpec) -> bool:
    """Tell whether frames of an image are in memory, or small enough to be read."""
    if isinstance(data, np.ndarray) and not isinstance(data, np.memmap):
        return True
    return _frame_bytes(data, spec) <= WHOLE_BYTES


def _frame_bytes(data: Any, spec: ImageSpec) -> int:
    lengths = zip(spec.axes, data.shape, strict=True)
    pixels = math.prod(int(n) for a, n in lengths if a not in FRAME)
    return int(pixels * np.dtype(data.dtype).itemsize)


@dataclass(frozen=True)
class LazyFrame:
    """The channels that are looked at of one frame, as an array that is sliced.

    Slices of the axes ``(C, *S)`` without gaps, and positions, are read at once.

    Parameters
    ----------
    data : array-like
        The image; it can be sliced, and has a shape and a dtype.
    spec : ImageSpec
        Its axes.
    number : int
        Which frame.
    channels : tuple of int, optional
    is_colour : bool
        See `looked_at`.
    blocks : Blocks
        May be shared with other frames of the image.
    """

    data: Any
    spec: ImageSpec
    number: int
    channels: Channels
    is_colour: bool
    blocks: Blocks

    @cached_property
    def _lengths(self) -> dict[str, int]:
        return dict(zip(self.spec.axes, map(int, self.data.shape), strict=True))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(C, *S)``."""
        n = len(used_channels(self.channels, self._lengths.get(CHANNEL, 1)))
        return (
            n + self.is_colour,
            *(self._lengths[a] for a in self.spec.space_axes),
        )

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(np.float32 if self.is_colour else self.data.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: tuple[Any, ...]) -> Array:
        channels, *rest = key
        if all(isinstance(part, slice) for part in rest):
            window = tuple(
                slice(*part.indices(n)[:2])
                for part, n in zip(rest, self.shape[1:], strict=True)
            )
            return np.asarray(self._window(window)[channels])
        return np.asarray(self._at(np.stack(rest, axis=1))[channels])

    def _window(self, window: Slices) -> Array:
        """Put blocks together."""
        shape = [part.stop - part.start for part in window]
        out = np.empty((len(self), *shape), self.dtype)
        ranges = [
            range(part.start // side, -(-part.stop // side))
            for part, side in zip(window, self._sides, strict=True)
        ]
        for place in product(*ranges):
            block = self._block(place)
            into, part = [], []
            for i, side, n, w in zip(
                place, self._sides, block.shape[1:], window, strict=True
            ):
                first = max(w.start, i * side)
                last = min(w.stop, i * side + n)
                into.append(slice(first - w.start, last - w.start))
                part.append(slice(first - i * side, last - i * side))
            out[:, *into] = block[:, *part]
        return out

    def _at(self, positions: npt.NDArray[np.intp]) -> Array:
        """Read pixels at ``(M, ndim)``; returns ``(C, M)``."""
        out = np.empty((len(self), len(positions)), self.dtype)
        places = positions // self._sides
        found, which = np.unique(places, axis=0, return_inverse=True)
        for i, place in enumerate(found.tolist()):
            own = which.reshape(-1) == i
            local = positions[own] - np.multiply(place, self._sides)
            out[:, own] = self._block(tuple(place))[:, *local.T]
        return out

    @cached_property
    def _sides(self) -> tuple[int, ...]:
        """Shape of the blocks: whole chunks of the image, as far as it has any."""
        n_space = self.spec.n_space
        shape = self.shape[1:]
        side = round(BLOCK_PX ** (1 / n_space))
        chunks = self._chunks()
        return tuple(
            min(max(-(-side // c) * c, c), n)
            for c, n in zip(chunks, shape, strict=True)
        )

    def _chunks(self) -> tuple[int, ...]:
        chunks = getattr(self.data, "chunks", None) or (1,) * len(self.spec.axes)
        # Dask lists the lengths of all of them.
        sides = [int(max(c)) if isinstance(c, tuple) else int(c) for c in chunks]
        along = dict(zip(self.spec.axes, sides, strict=True))
        return tuple(along[a] for a in self.spec.space_axes)

    def _block(self, place: tuple[int, ...]) -> Array:
        """Return block ``(C, *S)``, the places counted in blocks."""
        window = self._window_of(place)
        return self.blocks.get((self.number, place), lambda: self.read(window))

    def _window_of(self, place: Sequence[int]) -> Slices:
        return tuple(
            slice(i * side, min((i + 1) * side, n))
            for i, side, n in zip(place, self._sides, self.shape[1:], strict=True)
        )

    def read(self, window: Slices) -> Array:
        """Read a part ``(C, *window)``, without remembering it."""
        axes = self.spec.axes
        lengths = [self._lengths[a] for a in axes if a in FRAME]
        frame = iter(np.unravel_index(self.number, lengths) if lengths else ())
        along = dict(zip(self.spec.space_axes, window, strict=True))
        index = tuple(
            int(next(frame)) if a in FRAME else along.get(a, slice(None)) for a in axes
        )
        own = ImageSpec("".join(a for a in axes if a not in FRAME))
        frames = own.frames(np.asarray(self.data[index]))
        values: Array = looked_at(frames, self.channels, self.is_colour)[0]
        return values

    # -- what is known of it without reading it whole ------------------------

    def sample(self) -> Array:
        """Read an even sample ``(C, M)`` of the pixels: blocks all over the frame.

        Of a frame that is small enough, all of them.
        """
        if _frame_bytes(self.data, self.spec) <= WHOLE_BYTES:
            whole = self.read(tuple(slice(0, n) for n in self.shape[1:]))
            return whole.reshape(len(whole), -1)
        counts = [
            -(-n // side) for n, side in zip(self.shape[1:], self._sides, strict=True)
        ]
        n_all = math.prod(counts)
        n = min(SAMPLED_BLOCKS, n_all)
        # One out of each of n equal shares of the blocks, and not all in one column.
        steps = (np.arange(n) + np.random.default_rng(0).random(n)) * n_all / n
        picked = np.unravel_index(steps.astype(np.intp), counts)
        places: list[list[int]] = np.stack(picked, axis=1).tolist()
        # Of large chunks a part is enough.
        every = max(math.prod(self._sides) // BLOCK_PX, 1)
        rows = [
            # Not remembered: they are all over the frame.
            self.read(self._window_of(place)).reshape(len(self), -1)[:, ::every].copy()
            for place in places
        ]
        return np.concatenate(rows, axis=1)

    @cached_property
    def range(self) -> Range:
        """The `channel_range` of the sample."""
        return channel_range(self.sample())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape and sample."""
        digest = hashlib.sha256(f"sample of {self.shape}".encode())
        digest.update(self.sample().astype(np.float32, order="C").data)
        return digest.hexdigest()


def range_of(values: Sliced) -> Range:
    """Return the `channel_range` of a frame, or of a sample of a lazy one."""
    if isinstance(values, LazyFrame):
        return values.range
    return channel_range(np.asarray(values))
