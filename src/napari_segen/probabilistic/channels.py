"""Which channels are looked at, and how colours are: beside their grey values."""

from collections.abc import Iterable, Sequence

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec

N_COLOURS = 3

Channels = tuple[int, ...] | None  # numbers from 0; None: all


def is_colour_image(spec: ImageSpec, n_channels: int) -> bool:
    """Tell whether images of these axes are red, green and blue."""
    return spec.axes.endswith("c") and n_channels == N_COLOURS


def check_channels(channels: Sequence[int] | None) -> Channels:
    """Return which channels to use, from 0; None: all."""
    if channels is None:
        return None
    chosen = tuple(channels) if isinstance(channels, Iterable) else (None,)
    if not all(isinstance(c, int | np.integer) for c in chosen):
        raise TypeError(f"channels must be integers, got {channels!r}.")
    if not chosen or min(chosen) < 0 or len(set(chosen)) != len(chosen):
        raise ValueError(
            f"channels must be different numbers from 0, got {channels!r}."
        )
    return tuple(int(c) for c in chosen)


def used_channels(channels: Channels, n_channels: int) -> list[int]:
    """List the channels used of images that have `n_channels`."""
    if channels is None:
        return list(range(n_channels))
    if max(channels) >= n_channels:
        raise ValueError(
            f"channels {channels} must be below the image's {n_channels} "
            "channels; the first is 0."
        )
    return list(channels)


def looked_at(frames: Array, channels: Channels, is_colour: bool) -> Array:
    """Pick the channels of ``(N, C, *S)``; colours get their mean in front."""
    used = used_channels(channels, frames.shape[1])
    if not is_colour:
        return frames if channels is None else frames[:, used]
    grey = frames.mean(axis=1, keepdims=True, dtype=np.float64)
    return np.concatenate([grey, frames], axis=1, dtype=np.float32, casting="unsafe")
