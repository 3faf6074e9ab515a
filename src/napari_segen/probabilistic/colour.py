"""Colour images: grey values for edges and textures, colours for what they are."""

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec

N_COLOURS = 3


def is_colour_image(spec: ImageSpec, n_channels: int) -> bool:
    """Tell whether images of these axes are red, green and blue."""
    return spec.axes.endswith("c") and n_channels == N_COLOURS


def with_grey(frames: Array) -> Array:
    """Put the mean of the channels of ``(N, C, *S)`` in front of them, float32."""
    grey = frames.mean(axis=1, keepdims=True, dtype=np.float64)
    return np.concatenate([grey, frames], axis=1, dtype=np.float32, casting="unsafe")
