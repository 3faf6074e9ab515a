"""Features that were computed before, found again by the content of their tile."""

import hashlib
from collections import OrderedDict
from threading import Event, Lock

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.features.bank import Core, Features, FilterBank
from napari_segen.features.scratch import Scratch

_Key = tuple[FilterBank, Core, bytes]


class FeatureCache:
    """Remembers features by the content of the tile and the bank that made them.

    What was used longest ago goes first. Several threads may use one cache. What is
    handed out cannot be written to, because others may hold it too.

    Parameters
    ----------
    max_bytes : int
        Memory of all remembered features together; larger features are not kept.
    """

    def __init__(self, max_bytes: int = 2 * 2**30) -> None:
        if isinstance(max_bytes, bool) or not isinstance(max_bytes, int):
            raise TypeError(f"max_bytes must be an integer, got {max_bytes!r}.")
        if max_bytes < 0:
            raise ValueError(f"max_bytes must not be negative, got {max_bytes}.")
        self.max_bytes = max_bytes
        self._kept: OrderedDict[_Key, Features] = OrderedDict()
        self._lock = Lock()

    @property
    def n_bytes(self) -> int:
        """Memory that the remembered features take."""
        with self._lock:
            return sum(f.nbytes for f in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def compute(
        self,
        bank: FilterBank,
        part: Array,
        core: Core,
        scratch: Scratch | None = None,
        stop: Event | None = None,
    ) -> Features:
        """Return the features of a tile's core, computing them only where they are new.

        Parameters
        ----------
        bank : FilterBank
        part : contiguous float32 array of shape (C, *S)
            The tile with its halo, normalised; no-data is 0.
        core : tuple of Span
            The pixels wanted, within `part`.
        scratch, stop
            See `FilterBank.fill`; unfinished results are not kept.

        Returns
        -------
        float32 array of shape (F, *core), read-only
        """
        key = _key(bank, part, core)
        if (known := self._find(key)) is not None:
            return known
        stop = stop or Event()
        shape = [last - first for first, last in core]
        features = np.empty((len(bank.names(len(part))), *shape), np.float32)
        corner = (0,) * len(core)
        bank.fill(part, core, corner, features, scratch or Scratch(), stop)
        features.flags.writeable = False
        if not stop.is_set():
            self._keep(key, features)
        return features

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def _find(self, key: _Key) -> Features | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: _Key, features: Features) -> None:
        if features.nbytes > self.max_bytes:
            return
        with self._lock:
            self._kept[key] = features
            self._kept.move_to_end(key)
            total = sum(f.nbytes for f in self._kept.values())
            while total > self.max_bytes:
                _, oldest = self._kept.popitem(last=False)
                total -= oldest.nbytes


def _key(bank: FilterBank, part: Array, core: Core) -> _Key:
    digest = hashlib.sha256(repr(part.shape).encode())
    digest.update(np.ascontiguousarray(part).data)
    return bank, core, digest.digest()
