"""Labelled images as a network sees them, and windows that may leave the border."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization, has_data, scaled

UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image of as many spatial axes S as the network looks at, with its labels.

    Parameters
    ----------
    image : float32 array of shape (C, *S)
        Normalised. Arrays in C order are the ones that patches are read from fast.
    index : int16 array of shape (*S)
        Which class each pixel is; -1 where unlabelled or without data.
    teacher : float32 array of shape (K, *S), optional
        Another method's posterior, to learn from where nothing is labelled; all 0
        where it says nothing.
    source : object, optional
        The same object for images that are nearly copies of their neighbours: planes
        of one volume, time points of one scene. None: an image by itself.
    place : int
        Where in its source this is: neighbours follow one another.
    """

    image: npt.NDArray[np.float32]
    index: npt.NDArray[np.int16]
    teacher: npt.NDArray[np.float32] | None = None
    source: object | None = None
    place: int = 0


def labelled_images(
    frames: Array,
    index: Array,
    normalization: Normalization,
    ndim: int,
    teacher: Array | None = None,
    *,
    series: bool = False,
) -> list[LabelledImage]:
    """Normalise frames and keep what holds labels, or has a teacher.

    Parameters
    ----------
    frames : array of shape (N, C, *S)
        A volume is scaled as a whole.
    index : int16 array of shape (N, *S)
        From `class_index`.
    normalization : Normalization
    ndim : {2, 3}
        Spatial axes that the network looks at. With 2, the planes of a volume
        become images.
    teacher : float32 array of shape (N, K, *S), optional
        See `LabelledImage`.
    series : bool
        The frames are time points of one scene, not separate images.
    """
    if frames.ndim - 2 < ndim:
        raise ValueError(
            "network looks at volumes, but an image has only two spatial axes. Choose "
            "a network for planes, such as 'unet', or say by spec where z is."
        )
    scene = object()
    images = []
    for n, (frame, marks) in enumerate(zip(frames, index, strict=True)):
        if teacher is None and (marks == UNLABELLED).all():
            continue
        learnt = None
        if teacher is not None:
            known = has_data(frame[np.newaxis])[0]
            learnt = np.where(known, teacher[n], 0).astype(np.float32, order="C")
        values = scaled(frame, *normalization.scale_of(frame))
        if frames.ndim - 2 == ndim:
            alone = scene if series else None
            values, marks = np.ascontiguousarray(values), np.ascontiguousarray(marks)
            images.append(LabelledImage(values, marks, learnt, alone, n))
        else:
            # Planes of other time points are not next to each other.
            first = n * (len(marks) + 1) if series else 0
            source = scene if series else object()
            images += _planes(values, marks, learnt, source, first)
    return images


def _planes(
    values: Array, marks: Array, teacher: Array | None, source: object, first: int
) -> list[LabelledImage]:
    """List the planes of a volume that hold labels, or have a teacher."""
    return [
        LabelledImage(
            np.ascontiguousarray(values[:, z]),
            np.ascontiguousarray(marks[z]),
            None if teacher is None else np.ascontiguousarray(teacher[:, z]),
            source,
            first + z,
        )
        for z in range(len(marks))
        if teacher is not None or (marks[z] != UNLABELLED).any()
    ]


def class_index(
    frames: Array, labels: Array, classes: Array, unlabelled: int | None
) -> npt.NDArray[np.int16]:
    """Return the class index ``(N, *S)`` of each pixel, -1 where it has none."""
    usable = has_data(frames)
    if unlabelled is not None:
        usable = usable & (labels != unlabelled)
    found = np.searchsorted(classes, labels).astype(np.int16)
    return np.where(usable, found, np.int16(UNLABELLED))


def mirror(at: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.intp]:
    """Mirror indices at the borders of ``0..n-1``, as often as it takes."""
    if n == 1:
        return np.zeros_like(at)
    period = 2 * (n - 1)
    at = at % period
    return np.where(at < n, at, period - at)


def read_window(
    image: Array, corner: Sequence[int], shape: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Read a window ``(C, *shape)`` of an image ``(C, *S)``; mirrored beyond it."""
    inside = zip(corner, shape, image.shape[1:], strict=True)
    if all(c >= 0 and c + s <= n for c, s, n in inside):
        window: Array = image[
            :, *(slice(c, c + s) for c, s in zip(corner, shape, strict=True))
        ].copy()
        return window
    at = [
        mirror(np.arange(c, c + s), n)
        for c, s, n in zip(corner, shape, image.shape[1:], strict=True)
    ]
    pixels: tuple[Any, ...] = (slice(None), *np.ix_(*at))
    window = image[pixels]
    return window
