"""Arrays of which parts are taken for free, and read when NumPy asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

Span = tuple[int, int]  # from one index to another
Part = int | Span


class Sliced(Protocol):
    """What is sliced as an array is: an array, or what reads one part by part."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all of it."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def __len__(self) -> int:
        """Length of the first axis."""

    def __getitem__(self, key: Any) -> Any:
        """Return a part."""


class Reader(Protocol):
    """What the pixels come from."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all of it."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """What is best read together."""

    def read(self, spans: Sequence[Span]) -> Array:
        """Read the pixels within one span of each axis, into a new array."""


@dataclass(frozen=True, slots=True)
class LazyView:
    """An array, or a part of one, that has not been read.

    Indexing by numbers and slices gives a smaller part; `numpy.asarray` reads it.
    Viewers slice a stack axis by axis: read at the first, it would be read whole.

    Parameters
    ----------
    reader : Reader
    parts : tuple
        For each of its axes one index, or from where to where.
    """

    reader: Reader
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, reader: Reader) -> "LazyView":
        """Look at all of it."""
        return cls(reader, tuple((0, n) for n in reader.shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the part."""
        return tuple(p[1] - p[0] for p in self.parts if isinstance(p, tuple))

    @property
    def ndim(self) -> int:
        """Number of axes of the part."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels of the part."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.reader.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """What a viewer best reads together."""
        pairs = zip(self.reader.chunks, self.parts, strict=True)
        return tuple(c for c, p in pairs if isinstance(p, tuple))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        keys = list(key) if isinstance(key, tuple) else [key]
        if any(k is Ellipsis for k in keys):
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            missing = self.ndim - (len(keys) - 1)
            keys[at : at + 1] = [slice(None)] * missing
        keys += [slice(None)] * (self.ndim - len(keys))
        if not all(is_plain(k) for k in keys):
            return np.asarray(self)[key]
        left = iter(keys)
        parts = [
            p if isinstance(p, int) else _within(p, next(left)) for p in self.parts
        ]
        found = replace(self, parts=tuple(parts))
        return found if found.shape else np.asarray(found)[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        spans = [p if isinstance(p, tuple) else (p, p + 1) for p in self.parts]
        found = self.reader.read(spans).reshape(self.shape)
        return found.astype(dtype or found.dtype, copy=False)


def is_plain(key: Any) -> bool:
    """Tell whether a key of one axis is a number, or a slice without gaps."""
    if isinstance(key, slice):
        return key.step in (None, 1)
    return isinstance(key, int | np.integer) and not isinstance(key, bool)


def _within(part: Span, key: Any) -> Part:
    start, stop = part
    if isinstance(key, slice):
        first, last, _ = key.indices(stop - start)
        return start + first, start + max(first, last)
    n = stop - start
    if not -n <= key < n:
        raise IndexError(f"index {key} is out of bounds for an axis of length {n}.")
    return start + int(key) % n


def halved_shapes(shape: Sequence[int], least_side: int) -> list[tuple[int, ...]]:
    """Halve the last two axes, rounding up, at least once and until both are small."""
    shapes = [tuple(int(n) for n in shape)]
    while len(shapes) < 2 or max(shapes[-1][-2:]) > least_side:
        last = shapes[-1]
        shapes.append((*last[:-2], *(-(-n // 2) for n in last[-2:])))
    return shapes


@dataclass(frozen=True, slots=True)
class ArrayReader:
    """Reads an array that is sliced at once, such as one of Zarr.

    Parameters
    ----------
    array : array-like
    """

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of its chunks."""
        return tuple(int(n) for n in self.array.chunks)

    def read(self, spans: Sequence[Span]) -> npt.NDArray[Any]:
        """Read the pixels within the spans."""
        return np.asarray(self.array[tuple(slice(*s) for s in spans)])
