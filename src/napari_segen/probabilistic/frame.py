"""One frame, seen through the filter bank: features where they are wanted."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import has_data, scaled
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.core.tiles import Slices, Tile, tile_grid
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache

MAX_FEATURE_BYTES = 2**29
LEAST_TILE_SIDE = 32


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of an image and how its features are made.

    Parameters
    ----------
    values : array of shape (C, *S)
        Only the channels that are used.
    low, span : array of shape (C,)
        What normalisation subtracts and divides by.
    bank : FilterBank
    cache : FeatureCache, optional
        Keeps the features of the whole frame from one call to the next.
    """

    values: Array
    low: Array
    span: Array
    bank: FilterBank
    cache: FeatureCache | None

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
        missing = ~has_data(self.values[np.newaxis, :, *region])[0]
        return missing if missing.any() else None

    def tiles(self, halo: int) -> list[Tile]:
        """Cut the frame so that a tile's features stay within `MAX_FEATURE_BYTES`.

        The features of the whole frame are one tile where the cache can keep them.
        """
        widths = tuple(h + halo for h in self.bank.halo)
        tile = list(self.shape)
        while self._kept_by is None and self._bytes(tile, widths) > MAX_FEATURE_BYTES:
            longest = int(np.argmax(tile))
            if tile[longest] <= LEAST_TILE_SIDE:
                break
            tile[longest] = -(-tile[longest] // 2)
        return list(tile_grid(self.shape, tuple(tile), (halo,) * len(tile)))

    def _bytes(self, tile: Sequence[int], halo: tuple[int, ...]) -> int:
        """Memory of the features of a tile with its halo."""
        sides = zip(tile, halo, self.shape, strict=True)
        pixels = math.prod(min(t + 2 * h, n) for t, h, n in sides)
        return 4 * self.n_features * pixels

    @property
    def _kept_by(self) -> FeatureCache | None:
        """The cache, where the features of the whole frame have room in it."""
        if self.cache is None:
            return None
        whole = self._bytes(self.shape, self.bank.halo)
        return self.cache if whole <= self.cache.max_bytes else None

    def features_steps(self, region: Slices) -> Steps[npt.NDArray[np.float32]]:
        """Compute the features ``(F, *region)``, equal to those of the whole frame."""
        if (cache := self._kept_by) is not None:
            whole = scaled(self.values, self.low, self.span)
            features = yield from cache.compute_steps(self.bank, whole)
            return features[:, *region]
        padded, inner = self._padded(region)
        part = scaled(self.values[:, *padded], self.low, self.span)
        features = yield from self.bank.compute_steps(part)
        return features[:, *inner]

    def _padded(self, region: Slices) -> tuple[Slices, Slices]:
        padded, inner = [], []
        for part, n, h in zip(region, self.shape, self.bank.halo, strict=True):
            first = max(part.start - h, 0)
            padded.append(slice(first, min(part.stop + h, n)))
            inner.append(slice(part.start - first, part.stop - first))
        return tuple(padded), tuple(inner)

    def features_at_steps(
        self, positions: npt.NDArray[np.intp]
    ) -> Steps[npt.NDArray[np.float32]]:
        """Compute the features ``(M, F)`` of the pixels at ``(M, ndim)``."""
        result = np.empty((len(positions), self.n_features), np.float32)
        wanted = [(t, at) for t, at in self._tiles_with(positions) if len(at)]
        for i, (tile, at) in enumerate(wanted):
            features = yield from stretch_steps(
                self.features_steps(tile.core), i / len(wanted), (i + 1) / len(wanted)
            )
            corner = [part.start for part in tile.core]
            local = tuple((positions[at] - corner).T)
            result[at] = features[:, *local].T
        return result

    def _tiles_with(
        self, positions: npt.NDArray[np.intp]
    ) -> Iterator[tuple[Tile, npt.NDArray[np.intp]]]:
        for tile in self.tiles(halo=0):
            low = [part.start for part in tile.core]
            high = [part.stop for part in tile.core]
            inside = ((positions >= low) & (positions < high)).all(axis=1)
            yield tile, np.flatnonzero(inside)
