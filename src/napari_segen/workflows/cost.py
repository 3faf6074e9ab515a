"""How large and how long work is, in words."""

import math
from collections.abc import Sequence

_SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def in_bytes(size: float) -> str:
    """Write a number of bytes for a person."""
    for unit, factor in _SIZES:
        if size >= factor:
            number = size / factor
            return f"{number:.2g} {unit}" if number < 99.5 else f"{number:.0f} {unit}"
    return f"{size:.0f} B"


def in_time(seconds: float) -> str:
    """Write a time for a person."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 129_600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def said_of_size(n: int, shape: Sequence[int], size: int, seconds: float | None) -> str:
    """Say how many images of what size are wanted, and what they take.

    Parameters
    ----------
    n : int
    shape : sequence of int
        Of each.
    size : int
        Bytes of all.
    seconds : float, optional
        For all, where that is known.
    """
    count = f"{n:,} images".replace(",", " ") if n > 1 else "1 image"
    takes = "" if seconds is None else f" and {in_time(seconds)}"
    extents = " x ".join(map(str, shape))
    return f"{count} of {extents}: about {in_bytes(size)}{takes}."


def n_bytes(n: int, shape: Sequence[int], itemsize: int, label_size: int) -> int:
    """Return how many bytes images and labels take.

    Parameters
    ----------
    n : int
    shape : sequence of int
        Of each image without channels.
    itemsize, label_size : int
        Bytes of one pixel (all channels), and of its label.
    """
    return n * math.prod(shape) * (itemsize + label_size)
