"""Tiles of the preview: written by a worker, read by the window."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.labels import best_class, entropy_over_log_k

SIDE = 256  # of a tile along y and x

Planes = npt.NDArray[np.uint8]
Place = tuple[int, ...]  # level, frame, plane of a volume, row and column of tiles

LABELS, UNCERTAINTY, FIRST_CLASS = range(3)  # of the planes of a tile


@dataclass(frozen=True, slots=True)
class Written:
    """One tile as it was written.

    Parameters
    ----------
    planes : uint8 array of shape (2 + K, h, w)
        Class values, uncertainty, probability of each class; 255 stands for 1.
    classes : tuple of int
        The class values.
    version : int
        Which answer it is a part of.
    is_final : bool
        Whether no better one of this version will come.
    """

    planes: Planes
    classes: tuple[int, ...]
    version: int
    is_final: bool


def planes_of(posterior: Array, classes: Array, no_data: Array | None) -> Planes:
    """Make a tile's planes from its posterior ``(K, h, w)``."""
    uncertainty = entropy_over_log_k(posterior)
    if no_data is not None:
        uncertainty[no_data] = 1
    planes = np.empty((FIRST_CLASS + len(posterior), *posterior.shape[1:]), np.uint8)
    planes[LABELS] = best_class(posterior, classes, no_data)
    planes[UNCERTAINTY] = np.rint(255 * uncertainty)
    planes[FIRST_CLASS:] = np.rint(255 * posterior)
    return planes


class TileStore:
    """Remembers tiles, the most recently used within `max_bytes`."""

    def __init__(self, max_bytes: int = 2**28) -> None:
        self.max_bytes = max_bytes
        self._tiles: OrderedDict[Place, Written] = OrderedDict()
        self._n_bytes = 0
        self._lock = Lock()

    @property
    def n_bytes(self) -> int:
        """Memory that the tiles take."""
        return self._n_bytes

    def put(self, place: Place, tile: Written) -> None:
        """Remember a tile in the place of what is there."""
        with self._lock:
            self._drop(place)
            self._tiles[place] = tile
            self._n_bytes += tile.planes.nbytes
            while self._n_bytes > self.max_bytes and len(self._tiles) > 1:
                self._drop(next(iter(self._tiles)))

    def get(self, place: Place) -> Written | None:
        """Return the tile at a place, or None."""
        with self._lock:
            if place in self._tiles:
                self._tiles.move_to_end(place)
            return self._tiles.get(place)

    def has(self, place: Place, version: int, is_final: bool) -> bool:
        """Whether what is there is of a version, and final if that is asked for."""
        tile = self.get(place)
        return (
            tile is not None
            and tile.version == version
            and (tile.is_final or not is_final)
        )

    def places(self) -> list[Place]:
        """List where there are tiles."""
        with self._lock:
            return list(self._tiles)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._tiles.clear()
            self._n_bytes = 0

    def _drop(self, place: Place) -> None:
        old = self._tiles.pop(place, None)
        if old is not None:
            self._n_bytes -= old.planes.nbytes
