"""Grey values that new images take over from an image that is not learnt from."""

from typing import Any

import numpy as np

from napari_segen.core.checks import check_image
from napari_segen.core.imagespec import Array, ImageSpec

MOST_PIXELS = 2**16


def pattern_of(match: float, match_to: Any, spec: ImageSpec, n_channels: int) -> Array:
    """Return grey values ``(C, P)`` of some of the pixels with data.

    Parameters
    ----------
    match : float
        Share of the images that take them over.
    match_to : array of any shape
        If the images have channels, so has this, as its last axis.
    spec : ImageSpec
        Of the images.
    n_channels : int
    """
    if match == 0:
        raise ValueError(
            "match_to has no effect with match=0. Set the parameter match to the share "
            "of the images that take over its grey values, such as 1."
        )
    pixels = check_image(match_to, "match_to")
    if spec.channel_axis is None:
        values = pixels.reshape(1, -1)
    else:
        values = pixels.reshape(-1, pixels.shape[-1]).T
    if len(values) != n_channels:
        raise ValueError(
            f"match_to needs {n_channels} channels, as its last axis, got shape "
            f"{pixels.shape}."
        )
    values = values[:, np.isfinite(values).all(axis=0)]
    if values.size == 0:
        raise ValueError("match_to has no pixel with data.")
    n = values.shape[1]
    if n > MOST_PIXELS:
        rng = np.random.default_rng(0)  # the same pixels every time
        return values[:, rng.integers(n, size=MOST_PIXELS)]
    return values.copy()


def restored_pattern(pattern: Array | None, n_channels: int) -> Array | None:
    """Check the grey values of a model file, if it has some."""
    if pattern is None:
        return None
    is_number = pattern.dtype.kind in "buif"
    if pattern.ndim != 2 or len(pattern) != n_channels or not is_number:
        raise ValueError("the grey values to take over are damaged.")
    if not pattern.size or not np.isfinite(pattern).all():
        raise ValueError("the grey values to take over are not finite.")
    return pattern
