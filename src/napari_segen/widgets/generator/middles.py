"""The middle of images that may be large and lazy."""

from typing import Any

import numpy as np

from napari_segen.core.imagespec import FRAME, SPACE, Array

# What a method without training gets to see for a preview, along y and x, and z.
FIT_PX, FIT_DEPTH_PX, FIT_FRAMES = 1024, 32, 4


def middle_to_learn(array: Any, axes: str) -> Array:
    """Load as much of the middle as a preview learns from."""
    return middle(array, axes, FIT_PX, FIT_DEPTH_PX, FIT_FRAMES)


def middle(array: Any, axes: str, edge: int, depth: int, n_frames: int) -> Array:
    """Load the middle of an array that may be large and lazy."""
    return np.asarray(array[middle_slices(array.shape, axes, edge, depth, n_frames)])


def middle_slices(
    shape: tuple[int, ...], axes: str, edge: int, depth: int, n_frames: int
) -> tuple[slice, ...]:
    """Return where the middle of an array is; of the frames the first."""
    most = (
        dict.fromkeys(SPACE[1:], edge) | {"z": depth} | dict.fromkeys(FRAME, n_frames)
    )
    slices = []
    for letter, n in zip(axes, shape, strict=True):
        kept = min(n, most.get(letter, n))
        start = 0 if letter in FRAME else (n - kept) // 2
        slices.append(slice(start, start + kept))
    return tuple(slices)
