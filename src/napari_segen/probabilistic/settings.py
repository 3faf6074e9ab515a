"""Checks of the plain numbers among a segmenter's settings."""

from numbers import Real
from typing import Any

import numpy as np

MAX_SMOOTHING = 100.0


def check_strength_and_seed(smoothing: Any, seed: Any) -> None:
    """Raise TypeError or ValueError unless both are numbers within their limits."""
    if isinstance(smoothing, bool) or not isinstance(smoothing, Real):
        raise TypeError(f"smoothing must be a number, got {smoothing!r}.")
    if not 0 <= float(smoothing) <= MAX_SMOOTHING:  # also refuses NaN
        raise ValueError(
            f"smoothing must be from 0 to {MAX_SMOOTHING:g}, got {smoothing}."
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be an integer, got {seed!r}.")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}.")
