"""Images of another pixel size: to the size that a network learned, and back."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.normalization import has_data

# Pixel sizes that differ by less than this factor look the same to a network.
SAME_SIZE = 1.2


def scale_factors(spec: ImageSpec, learned: ImageSpec) -> tuple[float, ...]:
    """Return by which factor to enlarge each spatial axis to the learned pixel size.

    1 along an axis that was not learned, and along all where either pixel size is
    unknown or in another unit.
    """
    known = spec.pixel_size is not None and learned.pixel_size is not None
    if not known or spec.unit != learned.unit:
        return (1.0,) * spec.n_space
    there = dict(zip(learned.space_axes, learned.sampling, strict=True))
    return tuple(
        size / there.get(axis, size)
        for axis, size in zip(spec.space_axes, spec.sampling, strict=True)
    )


def is_other_size(factors: Sequence[float]) -> bool:
    """Whether the pixel sizes differ enough to spoil the result."""
    return any(max(f, 1 / f) > SAME_SIZE for f in factors)


def rescaled_frames(frames: Array, factors: Sequence[float]) -> npt.NDArray[np.float32]:
    """Enlarge or shrink frames ``(N, C, *S)`` linearly; grey values stay as they are.

    Shrinking takes means, so that fine detail does not turn into false coarse detail.
    Pixels mostly of no-data become NaN.
    """
    shape = tuple(
        max(1, round(n * f)) for n, f in zip(frames.shape[2:], factors, strict=True)
    )
    result = np.empty((*frames.shape[:2], *shape), np.float32)
    usable = has_data(frames)
    for frame, there, made in zip(frames, usable, result, strict=True):
        if there.all():
            for plane, out in zip(frame, made, strict=True):
                out[...] = _resized(plane, shape)
            continue
        weight = _resized(there, shape)
        for plane, out in zip(frame, made, strict=True):
            total = _resized(np.where(there, plane, 0), shape)
            out[...] = total / np.maximum(weight, 0.5)
            out[weight < 0.5] = np.nan
    return result


def rescaled_posterior(
    posterior: npt.NDArray[np.float32], shape: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Bring a posterior ``(N, K, *S)`` to another size ``(*shape)``, linearly."""
    result = np.empty((*posterior.shape[:2], *shape), np.float32)
    for frame, made in zip(posterior, result, strict=True):
        for part, out in zip(frame, made, strict=True):
            out[...] = _resized(part, tuple(shape))
        made /= made.sum(axis=0)
    return result


def _resized(part: Array, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    from skimage.transform import resize

    values = part.astype(np.float32)
    shrinks = any(n > m for n, m in zip(part.shape, shape, strict=True))
    result: npt.NDArray[np.float32] = resize(
        values, shape, order=1, mode="edge", anti_aliasing=shrinks, preserve_range=True
    )
    return result
