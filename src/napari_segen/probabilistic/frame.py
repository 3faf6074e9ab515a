"""One frame, seen through the filter bank: features where they are wanted."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from threading import Event
from typing import Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.lazyview import Sliced
from napari_segen.core.normalization import Normalization, Range, has_data, scaled
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.core.tiles import Slices, Tile, tile_grid
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.features.compiling import compile_steps
from napari_segen.features.parallel import side_by_side_steps
from napari_segen.features.scratch import Scratch

# Of the tile that a thread works on: many channels make it smaller.
MAX_FEATURE_BYTES = 2**26
LEAST_TILE_SIDE = 32


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of an image and how its features are made.

    Parameters
    ----------
    values : array of shape (C, *S), or what is sliced like one
        Only the channels that are used.
    low, span : array of shape (C,)
        What normalisation subtracts and divides by.
    bank : FilterBank
    cache : FeatureCache, optional
        Keeps features of tiles from one call to the next.
    """

    values: Sliced
    low: Array
    span: Array
    bank: FilterBank
    cache: FeatureCache | None

    @classmethod
    def of(
        cls,
        values: Sliced,
        scale: Normalization,
        bank: FilterBank,
        cache: FeatureCache | None,
        known: Range | None = None,
    ) -> Self:
        """Look at a frame's values ``(C, *S)`` as a normalisation scales them.

        `known` is their `channel_range`, where that was computed before.
        """
        return cls(values, *scale.scale_of(values, known), bank, cache)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(*S)``."""
        return self.values.shape[1:]

    @property
    def n_features(self) -> int:
        """Number of features F."""
        return len(self.bank.names(len(self.values)))

    def no_data(self, region: Slices) -> npt.NDArray[np.bool_] | None:
        """Return which pixels of a region hold no data; None if all do."""
        if self.values.dtype.kind != "f":
            return None  # a lazy frame need not be read
        missing = ~has_data(self.values[:, *region][np.newaxis])[0]
        return missing if missing.any() else None

    def tiles(self) -> list[Tile]:
        """Cut the frame so that a tile's features stay within `MAX_FEATURE_BYTES`.

        The cut depends on shape and bank alone, so that results do as well.
        """
        return list(tile_grid(self.shape, self._tile_shape(), self.bank.halo))

    def _tile_shape(self) -> tuple[int, ...]:
        tile = [
            min(t, n) for t, n in zip(self.bank.tile_shape, self.shape, strict=True)
        ]
        while 4 * self.n_features * math.prod(tile) > MAX_FEATURE_BYTES:
            longest = int(np.argmax(tile))
            if tile[longest] <= LEAST_TILE_SIDE:
                break
            tile[longest] = -(-tile[longest] // 2)
        return tuple(tile)

    def features_steps(
        self,
        use: Callable[[Tile, Array], None],
        text: str,
        tiles: Sequence[Tile] | None = None,
        *,
        keep_all: bool = False,
    ) -> Steps[None]:
        """Compute features tile by tile, and use them before the next ones come.

        Parameters
        ----------
        use : callable
            Takes a tile and its core's features ``(F, *core)``, which are only valid
            within the call. Called from several threads.
        text : str
            Says in the steps what is done.
        tiles : sequence of Tile, optional
            Which; None: all of `tiles`.
        keep_all : bool
            Whether the cache gets each of them; otherwise as many as stay in it.
        """
        yield from stretch_steps(compile_steps(len(self.shape)), 0, 0)
        stop, scratch, memory = Event(), Scratch(), Scratch()
        kept = set() if keep_all else self._kept()

        def job(tile: Tile) -> None:
            keep = self.cache if keep_all or tile.corner in kept else None
            features = self._features(tile, keep, scratch, memory, stop)
            if not stop.is_set():
                use(tile, features)

        jobs = [partial(job, t) for t in (self.tiles() if tiles is None else tiles)]
        yield from side_by_side_steps(jobs, text, stop=stop)

    def _kept(self) -> set[tuple[int, ...]]:
        """Corners of the first tiles, as many as have room in the cache.

        More would push one another out before they are wanted again.
        """
        if self.cache is None:
            return set()
        shape = self._tile_shape()
        room = self.cache.max_bytes // (4 * self.n_features * math.prod(shape))
        # Not all of a huge frame's: listing them would take longer than an answer.
        first = islice(tile_grid(self.shape, shape, self.bank.halo), room)
        return {tile.corner for tile in first}

    def _features(
        self,
        tile: Tile,
        cache: FeatureCache | None,
        scratch: Scratch,
        memory: Scratch,
        stop: Event,
    ) -> Array:
        """Compute the features ``(F, *core)``, or find them in the cache."""
        part = scaled(self.values[:, *tile.padded], self.low, self.span)
        core = tuple((s.start, s.stop) for s in tile.inner)
        if cache is not None:
            return cache.compute(self.bank, part, core, scratch, stop)
        memory.clear()
        out = memory.empty((self.n_features, *(stop - start for start, stop in core)))
        self.bank.fill(part, core, (0,) * len(core), out, scratch, stop)
        return out

    def features_at_steps(
        self,
        positions: npt.NDArray[np.intp],
        tiles: Sequence[Tile] | None = None,
        *,
        keep_all: bool = False,
    ) -> Steps[npt.NDArray[np.float32]]:
        """Compute the features ``(M, F)`` of the pixels at ``(M, ndim)``.

        They lie in `tiles`; None: in any of the frame's. `keep_all` is that of
        `features_steps`.
        """
        result = np.empty((len(positions), self.n_features), np.float32)

        def pick(tile: Tile, features: Array) -> None:
            at = _within(tile, positions)
            local = positions[at] - tile.corner
            result[at] = features[:, *local.T].T

        if tiles is None:
            tiles = self.tiles()
        tiles = [t for t in tiles if len(_within(t, positions))]
        text = "Computing features"
        yield from self.features_steps(pick, text, tiles, keep_all=keep_all)
        return result


def _within(tile: Tile, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Find out which positions ``(M, ndim)`` lie in the tile's core."""
    low, high = tile.corner, [part.stop for part in tile.core]
    return np.flatnonzero(((positions >= low) & (positions < high)).all(axis=1))
