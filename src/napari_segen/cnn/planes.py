"""Frames as 2D planes, read in windows that may reach beyond the border."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization, has_data, scaled

UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class Plane:
    """One 2D image with its labels.

    Parameters
    ----------
    image : float32 array of shape (C, H, W)
        Normalised.
    index : int16 array of shape (H, W)
        Which class each pixel is; -1 where unlabelled or without data.
    """

    image: npt.NDArray[np.float32]
    index: npt.NDArray[np.int16]


def split_planes(frame: Array) -> Array:
    """Bring a frame ``(C, *S)`` to planes ``(P, C, H, W)``: depth is not looked at."""
    if frame.ndim == 3:
        return frame[np.newaxis]
    return frame.transpose(1, 0, 2, 3)


def labelled_planes(
    frames: Array, index: Array, normalization: Normalization
) -> list[Plane]:
    """Normalise frames ``(N, C, *S)`` and keep the planes that hold labels.

    `index` has shape ``(N, *S)``. A volume is scaled as a whole.
    """
    planes = []
    for frame, marks in zip(frames, index, strict=True):
        if (marks == UNLABELLED).all():
            continue
        low, span = normalization.scale_of(frame)
        marked = marks.reshape(-1, *marks.shape[-2:])
        for image, plane_marks in zip(split_planes(frame), marked, strict=True):
            if (plane_marks != UNLABELLED).any():
                planes.append(Plane(scaled(image, low, span), plane_marks))
    return planes


def class_index(
    frames: Array, labels: Array, classes: Array, unlabelled: int | None
) -> npt.NDArray[np.int16]:
    """Return the class index ``(N, *S)`` of each pixel, -1 where it has none."""
    usable = has_data(frames)
    if unlabelled is not None:
        usable = usable & (labels != unlabelled)
    found = np.searchsorted(classes, labels).astype(np.int16)
    return np.where(usable, found, np.int16(UNLABELLED))


def mirrored(start: int, size: int, n: int) -> npt.NDArray[np.intp]:
    """Return `size` indices from `start` on, mirrored at the borders of ``0..n-1``."""
    if n == 1:
        return np.zeros(size, np.intp)
    period = 2 * (n - 1)
    at = np.arange(start, start + size) % period
    return np.where(at < n, at, period - at)


def read_window(
    image: Array, corner: Sequence[int], shape: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Read a window ``(C, h, w)`` of an image ``(C, H, W)``; mirrored beyond it."""
    rows, columns = (
        mirrored(c, s, n)
        for c, s, n in zip(corner, shape, image.shape[1:], strict=True)
    )
    window: Array = image[:, rows[:, np.newaxis], columns]
    return window


def read_index(
    index: npt.NDArray[np.int16], corner: Sequence[int], shape: Sequence[int]
) -> npt.NDArray[np.int16]:
    """Read a window of class indices; nothing is labelled beyond the border."""
    window = np.full(tuple(shape), UNLABELLED, np.int16)
    inside, source = [], []
    for c, s, n in zip(corner, shape, index.shape, strict=True):
        first, last = max(c, 0), min(c + s, n)
        inside.append(slice(first - c, max(first, last) - c))
        source.append(slice(first, max(first, last)))
    window[tuple(inside)] = index[tuple(source)]
    return window
