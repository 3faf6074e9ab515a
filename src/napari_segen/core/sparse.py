"""Scribbles on an image of any size: tiles that exist only where something is painted.

An array to those who slice it, at full resolution and at coarser ones.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.lazyview import LazyView, Span, halved_shapes, is_plain

SIDE = 256  # of a tile along the last two axes
LEAST_SIDE = 256  # of the coarsest level
MOST_AT_ONCE = 2**28  # pixels that are read into one array
Place = tuple[int, ...]  # leading indices, row and column of tiles
Values = npt.NDArray[np.uint8]


class SparseLabels:
    """Labels of at most 255 classes that take memory only where they are not 0.

    Slicing gives a part that is read when NumPy asks for it; a window's thread may
    write while another reads.

    Parameters
    ----------
    shape : tuple of int
        At least two axes; the last two are cut into tiles.
    """

    dtype: np.dtype[np.uint8] = np.dtype(np.uint8)

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(int(n) for n in shape)
        if len(self.shape) < 2 or min(self.shape) < 1:
            raise ValueError(
                f"shape needs two or more axes, none of them empty, got {self.shape}."
            )
        self._tiles: dict[Place, Values] = {}
        self._shapes = halved_shapes(self.shape, LEAST_SIDE)
        # Of each coarser level: how many tiles each of its own stands for, and those
        # that were pooled.
        self._under: list[Counter[Place]] = [Counter() for _ in self._shapes]
        self._pooled: dict[tuple[int, Place], Values] = {}

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the tiles."""
        return (1,) * (self.ndim - 2) + (SIDE, SIDE)

    @property
    def n_bytes(self) -> int:
        """Memory that the tiles take, those of coarser levels among them."""
        return SIDE * SIDE * (len(self._tiles) + len(self._pooled))

    @property
    def tiles(self) -> Mapping[Place, Values]:
        """The tiles as they are now, each of 256 x 256 pixels; 0 beyond the border."""
        return dict(self._tiles)

    @classmethod
    def from_tiles(
        cls, shape: Sequence[int], tiles: Mapping[Place, Values]
    ) -> "SparseLabels":
        """Build what has these `tiles`."""
        made = cls(shape)
        for place, tile in tiles.items():
            spans = made._spans(place)
            rows, columns = (stop - start for start, stop in spans[-2:])
            inside = tile[:rows, :columns]
            made.write(spans, inside.reshape([stop - start for start, stop in spans]))
        return made

    def levels(self) -> list[Any]:
        """Return it and coarser ones, the last two axes halved from each to the next.

        A coarser pixel has the greatest of the values that it stands for.
        """
        coarse = range(1, len(self._shapes))
        return [self, *(LazyView.of(_Coarse(self, level)) for level in coarse)]

    # -- reading --------------------------------------------------------------

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        if _is_fancy(key):
            return self._values_at(key)
        return LazyView.of(self)[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(LazyView.of(self), dtype)

    def read(self, spans: Sequence[Span], level: int = 0) -> Values:
        """Read the pixels within one span of each axis."""
        shape = [stop - start for start, stop in spans]
        if np.prod(shape, dtype=np.float64) > MOST_AT_ONCE:
            raise ValueError(
                f"{' x '.join(map(str, shape))} pixels of sparse labels would be read "
                "at once. Slice a smaller part."
            )
        out = np.zeros(shape, np.uint8)
        for place, inside, part in _overlaps(spans):
            tile = self._tile(level, place)
            if tile is not None:
                out[inside] = tile[part]
        return out

    def _tile(self, level: int, place: Place) -> Values | None:
        if level == 0:
            return self._tiles.get(place)
        if not self._under[level][place]:
            return None
        key = level, place
        if (known := self._pooled.get(key)) is not None:
            return known
        found = np.zeros((SIDE, SIDE), np.uint8)
        half = SIDE // 2
        for dy, dx in product((0, 1), repeat=2):
            finer = (*place[:-2], 2 * place[-2] + dy, 2 * place[-1] + dx)
            tile = self._tile(level - 1, finer)
            if tile is not None:
                quarter = tile.reshape(half, 2, half, 2).max(axis=(1, 3))
                found[dy * half : (dy + 1) * half, dx * half : (dx + 1) * half] = (
                    quarter
                )
        self._pooled[key] = found
        return found

    def labelled(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
        """List what is painted.

        Returns
        -------
        positions : int array of shape (M, ndim)
            In raster order.
        values : int array of shape (M,)
        """
        positions = [np.zeros((0, self.ndim), np.intp)]
        values = [np.zeros(0, np.int64)]
        for place, tile in self.tiles.items():
            # A copy: it may be painted on between finding pixels and reading them.
            now = tile.copy()
            y, x = np.nonzero(now)
            at = np.empty((len(y), self.ndim), np.intp)
            at[:, :-2] = place[:-2]
            at[:, -2], at[:, -1] = y + SIDE * place[-2], x + SIDE * place[-1]
            positions.append(at)
            values.append(now[y, x].astype(np.int64))
        found = np.concatenate(positions)
        order = np.lexsort(found.T[::-1])
        return found[order], np.concatenate(values)[order]

    def _values_at(self, index: tuple[Any, ...]) -> Values:
        at = [np.asarray(i) for i in np.broadcast_arrays(*index)]
        out = np.zeros(at[0].shape, np.uint8)
        for place, own in self._by_tile(at):
            tile = self._tiles.get(place)
            if tile is not None:
                y, x = (a[own] % SIDE for a in at[-2:])
                out[own] = tile[y, x]
        return out

    # -- writing --------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        if _is_fancy(key):
            self._set_at(key, value)
            return
        view = LazyView.of(self)[key]
        if not isinstance(view, LazyView):
            self._set_at(key, value)
            return
        spans = [p if isinstance(p, tuple) else (p, p + 1) for p in view.parts]
        shape = [stop - start for start, stop in spans]
        self.write(spans, np.broadcast_to(value, view.shape).reshape(shape))

    def write(self, spans: Sequence[Span], values: npt.ArrayLike) -> None:
        """Write values of the shape of one span of each axis."""
        given = np.asarray(values, np.uint8)
        for place, inside, part in _overlaps(spans):
            self._write_tile(place, part, given[inside])

    def _set_at(self, index: tuple[Any, ...], value: Any) -> None:
        at = [np.asarray(i) for i in np.broadcast_arrays(*index)]
        values = np.broadcast_to(np.asarray(value, np.uint8), at[0].shape)
        for place, own in self._by_tile(at):
            y, x = (a[own] % SIDE for a in at[-2:])
            self._write_tile(place, (y, x), values[own])

    def _by_tile(self, at: Sequence[npt.NDArray[Any]]) -> Iterator[tuple[Place, Any]]:
        """Go through the tiles that indices touch, and which of the indices do."""
        self._check_inside(at)
        places = [*at[:-2], at[-2] // SIDE, at[-1] // SIDE]
        rows = np.stack([p.reshape(-1) for p in places], axis=1)
        tiles, which = np.unique(rows, axis=0, return_inverse=True)
        which = which.reshape(at[0].shape)
        for i, place in enumerate(tiles.tolist()):
            yield tuple(place), which == i

    def _check_inside(self, at: Sequence[npt.NDArray[Any]]) -> None:
        for axis, (a, n) in enumerate(zip(at, self.shape, strict=True)):
            if a.size and (a.min() < 0 or a.max() >= n):
                raise IndexError(f"an index is out of bounds for axis {axis} of {n}.")

    def _write_tile(self, place: Place, part: Any, new: Values) -> None:
        tile = self._tiles.get(place)
        if tile is None:
            if not new.any():
                return
            tile = np.zeros((SIDE, SIDE), np.uint8)
            tile[part] = new
            self._tiles[place] = tile
            self._count(place, 1)
        else:
            tile[part] = new
            if not new.any() and not tile.any():
                del self._tiles[place]
                self._count(place, -1)
        for level, above in self._above(place):
            self._pooled.pop((level, above), None)

    def _count(self, place: Place, change: int) -> None:
        for level, above in self._above(place):
            self._under[level][above] += change

    def _above(self, place: Place) -> Iterator[tuple[int, Place]]:
        for level in range(1, len(self._shapes)):
            yield level, (*place[:-2], place[-2] >> level, place[-1] >> level)

    def _spans(self, place: Place) -> list[Span]:
        lead = [(i, i + 1) for i in place[:-2]]
        sides = [
            (i * SIDE, min((i + 1) * SIDE, n))
            for i, n in zip(place[-2:], self.shape[-2:], strict=True)
        ]
        return [*lead, *sides]


@dataclass(frozen=True, slots=True)
class _Coarse:
    """A coarser level, to be read only."""

    labels: SparseLabels
    level: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.labels._shapes[self.level]

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        return SparseLabels.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        return self.labels.chunks

    def read(self, spans: Sequence[Span]) -> Values:
        return self.labels.read(spans, self.level)


def _is_fancy(key: Any) -> bool:
    keys = key if isinstance(key, tuple) else (key,)
    return not all(k is Ellipsis or is_plain(k) for k in keys)


def _overlaps(
    spans: Sequence[Span],
) -> Iterator[tuple[Place, tuple[Any, ...], tuple[slice, slice]]]:
    """Go through the tiles that spans touch: where in the spans, where in the tile."""
    lead = [range(*span) for span in spans[:-2]]
    rows, columns = (range(a // SIDE, -(-b // SIDE)) for a, b in spans[-2:])
    for place in product(*lead, rows, columns):
        inside: list[Any] = [
            i - a for i, (a, _) in zip(place[:-2], spans[:-2], strict=True)
        ]
        part = []
        for i, (a, b) in zip(place[-2:], spans[-2:], strict=True):
            first, last = max(a, i * SIDE), min(b, (i + 1) * SIDE)
            inside.append(slice(first - a, last - a))
            part.append(slice(first - i * SIDE, last - i * SIDE))
        yield place, tuple(inside), (part[0], part[1])
