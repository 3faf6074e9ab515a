"""Bytes read as a series of choices, so that a fuzzer's bytes steer what is forged."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Choices that bytes make; after their end every choice is the first.

    Parameters
    ----------
    data : bytes
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, n: int) -> int:
        """Return a number from 0 to n - 1; n is at most 65 536."""
        taken = self._data[self._at : self._at + 2]
        self._at += 2
        return int.from_bytes(taken, "little") % n

    def of(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.number(len(options))]
