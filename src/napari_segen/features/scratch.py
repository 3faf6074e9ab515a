"""Working memory that is used again: fresh memory costs more than the filters do."""

import math
import threading

import numpy as np
import numpy.typing as npt

_LINE = 16  # float32 values in a cache line, where vector loads are fastest


class Scratch(threading.local):
    """Hands out uninitialised float32 arrays, to each thread from its own memory.

    They are valid until the same thread calls `clear`; then their memory is handed
    out again.
    """

    def __init__(self) -> None:
        self._memory = np.empty(0, np.float32)
        self._used = 0

    def clear(self) -> None:
        """Take back all arrays of this thread."""
        self._used = 0

    def empty(self, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Return an array of `shape` with arbitrary content."""
        size = math.prod(shape)
        if self._used + size > self._memory.size:
            # Arrays that were handed out keep the old memory alive.
            self._memory = _aligned(max(self._used + size, 2 * self._memory.size))
            self._used = 0
        start = self._used
        self._used += -(-size // _LINE) * _LINE
        return self._memory[start : start + size].reshape(shape)


def _aligned(size: int) -> npt.NDArray[np.float32]:
    memory = np.empty(size + _LINE, np.float32)
    skip = -(memory.ctypes.data // memory.itemsize) % _LINE
    return memory[skip : skip + size]
