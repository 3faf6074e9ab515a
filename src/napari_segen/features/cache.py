"""Features that were computed before, found again by the content of their frame."""

import hashlib
from collections import OrderedDict
from threading import Lock

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Steps, run
from napari_segen.features.bank import Features, FilterBank

_Key = tuple[FilterBank, bytes]


class FeatureCache:
    """Remembers features by the content of the frame and the bank that made them.

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

    def get(self, bank: FilterBank, frame: Array) -> Features | None:
        """Return the features of a normalised frame ``(C, *S)``, or None."""
        return self._find(_key(bank, frame))

    def put(self, bank: FilterBank, frame: Array, features: Features) -> None:
        """Remember `features`, which from now on cannot be written to."""
        self._keep(_key(bank, frame), features)

    def compute_steps(self, bank: FilterBank, frame: Array) -> Steps[Features]:
        """Return the features of a frame, computing them only where they are new.

        Parameters
        ----------
        bank : FilterBank
        frame : float32 array of shape (C, *S)
            Normalised; no-data is 0.

        Returns
        -------
        float32 array of shape (F, *S), read-only
        """
        key = _key(bank, frame)
        features = self._find(key)
        if features is None:
            features = yield from bank.compute_steps(frame)
            self._keep(key, features)
        return features

    def compute(self, bank: FilterBank, frame: Array) -> Features:
        """Return what `compute_steps` returns."""
        return run(self.compute_steps(bank, frame))

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
        features.flags.writeable = False
        if features.nbytes > self.max_bytes:
            return
        with self._lock:
            self._kept[key] = features
            self._kept.move_to_end(key)
            total = sum(f.nbytes for f in self._kept.values())
            while total > self.max_bytes:
                _, oldest = self._kept.popitem(last=False)
                total -= oldest.nbytes


def _key(bank: FilterBank, frame: Array) -> _Key:
    content = np.ascontiguousarray(frame, np.float32)
    digest = hashlib.blake2b(repr(content.shape).encode(), digest_size=32)
    digest.update(content.data)
    return bank, digest.digest()
