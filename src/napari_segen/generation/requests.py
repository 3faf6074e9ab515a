"""Checks of what a generator is asked for."""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec

MAX_PIXELS = 2**27
MAX_BYTES = 4 * 2**30
_SEEDS = 2**63


def _integer(value: Any, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}.")
    return int(value)


def _real(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    return float(value)


def check_count(n: Any) -> int:
    """Return the number of images asked for, at least 1."""
    return _integer(n, "n", 1)


def check_first(first: Any) -> int:
    """Return the number of the first image asked for, from 0."""
    return _integer(first, "first", 0)


def check_seed(seed: Any) -> int:
    """Return a seed from 0 to 2**63 - 1."""
    number = _integer(seed, "seed", 0)
    if number >= _SEEDS:
        raise ValueError(f"seed must be below 2**63, got {seed}.")
    return number


def check_strength(strength: Any) -> float:
    """Return a strength from 0 to 1."""
    number = _real(strength, "strength")
    if not 0 <= number <= 1:
        raise ValueError(f"strength must be from 0 to 1, got {strength}.")
    return number


def check_sizes(shape: Any) -> tuple[int, ...]:
    """Return a shape of any number of axes, each of at least one pixel."""
    if isinstance(shape, str) or not isinstance(shape, Sequence):
        raise TypeError(f"shape must be a sequence of integers, got {shape!r}.")
    return tuple(_integer(s, "each entry of shape", 1) for s in shape)


def check_shape(
    shape: Any, spec: ImageSpec, n: int, n_channels: int, itemsize: int
) -> tuple[int, ...]:
    """Return a spatial shape that has the right axes and fits into memory."""
    sizes = check_sizes(shape)
    if len(sizes) != spec.n_space:
        raise ValueError(
            f"shape needs {spec.n_space} entries, one for each of the axes "
            f"{spec.space_axes!r}, got {sizes}."
        )
    pixels = math.prod(sizes) * n_channels
    if pixels > MAX_PIXELS:
        raise ValueError(
            f"shape {sizes} has {pixels} values an image; at most {MAX_PIXELS} are "
            "possible. Ask for smaller images."
        )
    if n * pixels * itemsize > MAX_BYTES:
        raise ValueError(
            f"{n} images of shape {sizes} would take {n * pixels * itemsize} bytes, "
            f"over {MAX_BYTES}. Ask for fewer at a time."
        )
    return sizes


def check_painted(labels: Array, n_space: int) -> Array:
    """Return label maps to make images for as ``(n, *S)``."""
    if labels.ndim not in (n_space, n_space + 1):
        raise ValueError(
            f"labels must have {n_space} axes, or {n_space + 1} for several label "
            f"maps, got shape {labels.shape}."
        )
    if labels.size == 0:
        raise ValueError(f"labels is empty: its shape is {labels.shape}.")
    return labels if labels.ndim == n_space + 1 else labels[np.newaxis]


def check_budget(epochs: Any, max_steps: Any, time_limit_s: Any) -> None:
    """Raise unless training is limited, by positive numbers."""
    for name, value in (("epochs", epochs), ("max_steps", max_steps)):
        if value is not None:
            _integer(value, name, 1)
    if time_limit_s is not None and not _real(time_limit_s, "time_limit_s") > 0:
        raise ValueError(f"time_limit_s must be positive, got {time_limit_s}.")
    if epochs is None and max_steps is None and time_limit_s is None:
        raise ValueError(
            "training would never end: give epochs, max_steps or time_limit_s."
        )
