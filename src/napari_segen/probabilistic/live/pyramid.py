"""The preview as arrays that a viewer can show: reading them computes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import FRAME
from napari_segen.core.lazyview import LazyView, Span, halved_shapes
from napari_segen.probabilistic.live.store import (
    FIRST_CLASS,
    LABELS,
    SIDE,
    Place,
    TileStore,
    Written,
)

LEAST_SIDE = 256  # of the smallest level


@dataclass(slots=True)
class Wanted:
    """What is to be seen: class values, the uncertainty, or one class's probability.

    Parameters
    ----------
    plane : int
        `LABELS` or `UNCERTAINTY`.
    value : int, optional
        A class value: its probability.
    """

    plane: int = LABELS
    value: int | None = None

    def of(self, tile: Written) -> npt.NDArray[np.uint8] | None:
        """Return what is wanted of a tile; None if it does not know the class."""
        at = self.plane
        if self.value is not None:
            if self.value not in tile.classes:
                return None
            at = FIRST_CLASS + tile.classes.index(self.value)
        plane: npt.NDArray[np.uint8] = tile.planes[at]
        return plane


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the preview. Where it has no tile, one of another level stands in.

    Elsewhere it is 0.

    Parameters
    ----------
    store : TileStore
    wanted : Wanted
        May change: the next reading follows.
    level : int
        How often y and x are halved.
    axes : str
        Letters of the axes; y and x are the last.
    shape : tuple of int
        Shape of all of it.
    """

    store: TileStore
    wanted: Wanted
    level: int
    axes: str
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Type of the values."""
        return np.dtype(np.uint8)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the tiles."""
        return (1,) * (len(self.shape) - 2) + (SIDE, SIDE)

    def read(self, spans: Sequence[Span]) -> npt.NDArray[np.uint8]:
        """Read the pixels within one span of each axis."""
        out = np.zeros([stop - start for start, stop in spans], np.uint8)
        lead = [range(*span) for span in spans[:-2]]
        for place, at in zip(product(*lead), np.ndindex(out.shape[:-2]), strict=True):
            self._read_plane(place, (spans[-2], spans[-1]), out[at])
        return out

    def _read_plane(
        self, lead: tuple[int, ...], spans: tuple[Any, Any], out: npt.NDArray[np.uint8]
    ) -> None:
        prefix = self._prefix(lead)
        found = []
        for place in self.store.places():
            if place[1:-2] != prefix:
                continue
            region = _overlap(place, self.level, spans)
            if region is not None and (tile := self.store.get(place)) is not None:
                found.append((place, tile, region))
        # The newest answer comes last, on top; of that what is nearest to this level.
        found.sort(key=lambda f: (f[1].version, *self._fitness(f[0][0])))
        for place, tile, region in found:
            self._copy(place, tile, spans, region, out)

    def _prefix(self, lead: tuple[int, ...]) -> tuple[int, ...]:
        """Turn indices of the leading axes to a tile's frame and plane."""
        letters = self.axes[:-2]
        frame = [i for i, a in enumerate(letters) if a in FRAME]
        lengths = [self.shape[i] for i in frame]
        number = np.ravel_multi_index([lead[i] for i in frame], lengths) if frame else 0
        planes = (lead[i] for i, a in enumerate(letters) if a not in FRAME)
        return (int(number), *planes)

    def _fitness(self, level: int) -> tuple[bool, int]:
        # Finer ones hold what this one would, coarser ones are guesses.
        return level <= self.level, level if level <= self.level else -level

    def _copy(
        self,
        place: Place,
        tile: Written,
        spans: tuple[Any, Any],
        region: tuple[slice, slice],
        out: npt.NDArray[np.uint8],
    ) -> None:
        plane = self.wanted.of(tile)
        if plane is None:
            return
        shift = place[0] - self.level
        corner = [n * SIDE for n in place[-2:]]
        index = []
        for (start, _), part, first, n in zip(
            spans, region, corner, plane.shape, strict=True
        ):
            at = np.arange(part.start + start, part.stop + start)
            at = (at >> shift if shift >= 0 else at << -shift) - first
            index.append(np.minimum(at, n - 1))
        out[region] = (
            plane[np.ix_(*index)]
            if shift
            else plane[index[0][0] : index[0][-1] + 1, index[1][0] : index[1][-1] + 1]
        )


def _overlap(
    place: Place, level: int, spans: tuple[Any, Any]
) -> tuple[slice, slice] | None:
    """Where in `spans` of a level a tile lies; None where it does not."""
    shift = place[0] - level
    region = []
    for n, (start, stop) in zip(place[-2:], spans, strict=True):
        first, last = n * SIDE, (n + 1) * SIDE
        if shift >= 0:
            first, last = first << shift, last << shift
        else:
            first, last = -(-first >> -shift), -(-last >> -shift)
        first, last = max(first, start), min(last, stop)
        if first >= last:
            return None
        region.append(slice(first - start, last - start))
    return region[0], region[1]


def levels(
    store: TileStore, wanted: Wanted, axes: str, shape: Sequence[int]
) -> list[LazyView]:
    """Return the levels of a preview of labels of `shape`, the finest first.

    At least two, down to one that is small. Reading them computes nothing.
    """
    shapes = halved_shapes(shape, LEAST_SIDE)
    return [
        LazyView.of(Level(store, wanted, level, axes, now))
        for level, now in enumerate(shapes)
    ]
