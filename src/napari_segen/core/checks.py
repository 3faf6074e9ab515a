"""Checks at the door, with one wording: which argument, what is wrong, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array, ImageSpec, infer_spec

MAX_CLASSES = 255
MAX_LABEL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Pair:
    """One image and its labels in canonical form.

    Parameters
    ----------
    frames : array of shape (N, C, *S)
        The image, N frames of C channels.
    labels : array of shape (N, *S), or None
        Its scribbles or labels.
    """

    frames: Array
    labels: Array | None


def check_image(image: Any, name: str = "image") -> Array:
    """Return `image` as an array of real numbers with at least one pixel."""
    if isinstance(image, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array. Say what has no data by NaN instead: "
            "image.astype(float).filled(np.nan)."
        )
    array = np.asarray(image)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"{name} must hold real numbers, got dtype {array.dtype}. "
            "Convert it, for instance with abs() for complex values."
        )
    if array.ndim < 2:
        raise ValueError(f"{name} needs at least two axes, got shape {array.shape}.")
    if array.size == 0:
        raise ValueError(f"{name} is empty: its shape is {array.shape}.")
    return array


def check_labels(labels: Any, name: str = "scribbles") -> Array:
    """Return `labels` as an array of integers that are not negative."""
    array = np.asarray(labels)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind not in "ui":
        raise TypeError(
            f"{name} must be integers, got dtype {array.dtype}. "
            "Use a Labels layer, or convert with astype(int)."
        )
    if array.size and array.min() < 0:
        raise ValueError(f"{name} must not be negative, got {array.min()}.")
    if array.dtype == np.uint64 and array.size and array.max() > MAX_LABEL:
        raise ValueError(
            f"{name} must be at most {MAX_LABEL}, got {array.max()}. "
            "Number the classes or objects from 1."
        )
    return array


def check_spec(spec: Any) -> None:
    """Raise TypeError unless `spec` is an ImageSpec, or None."""
    if spec is not None and not isinstance(spec, ImageSpec):
        raise TypeError(
            f"spec must be an ImageSpec, such as ImageSpec('zyx'), got {spec!r}."
        )


def as_list(value: Any) -> list[Any]:
    """Wrap a single image in a list; lists and tuples are several images."""
    return list(value) if isinstance(value, list | tuple) else [value]


def check_pairs(
    images: Any,
    labels: Any,
    spec: ImageSpec | None,
    *,
    labels_name: str = "scribbles",
) -> tuple[ImageSpec, list[Pair]]:
    """Check images with their labels and bring them to canonical form.

    Parameters
    ----------
    images, labels : array or list of arrays
        As many labels as images; `labels` None where there are none.
    spec : ImageSpec, optional
        The axes of each image; inferred from the first pair if None.
    labels_name : str
        What the caller calls the labels.
    """
    check_spec(spec)
    arrays = [check_image(i) for i in as_list(images)]
    if not arrays:
        raise ValueError("image is an empty list.")
    painted = _matching_labels(arrays, labels, labels_name)
    if spec is None:
        spec = infer_spec(
            arrays[0].shape, None if painted[0] is None else painted[0].shape
        )
    pairs = []
    for array, marks in zip(arrays, painted, strict=True):
        spec.check_shape(array.shape)
        if marks is not None and marks.shape != spec.label_shape(array.shape):
            raise ValueError(
                f"{labels_name} must have shape {spec.label_shape(array.shape)} to "
                f"match the image of shape {array.shape}, got {marks.shape}."
            )
        pairs.append(
            Pair(
                spec.frames(array), None if marks is None else spec.label_frames(marks)
            )
        )
    check_same_channels([p.frames.shape[1] for p in pairs])
    return spec, pairs


def _matching_labels(
    arrays: Sequence[Array], labels: Any, name: str
) -> list[Array | None]:
    if labels is None:
        return [None] * len(arrays)
    given = as_list(labels)
    n_given = sum(x is not None for x in given)
    if not len(arrays) == len(given) == n_given:
        raise ValueError(
            f"{name} must be given for each image: {len(arrays)} images, "
            f"{n_given} {name}."
        )
    return [check_labels(x, name) for x in given]


def check_same_channels(counts: Sequence[int]) -> None:
    """Raise ValueError unless all images have as many channels as the first."""
    for i, count in enumerate(counts):
        if count != counts[0]:
            raise ValueError(
                f"image {i} has {count} channels, but image 0 has {counts[0]}. "
                "All images of a fit must have the same channels."
            )


def check_new_image(image: Any, spec: ImageSpec, n_channels: int) -> Array:
    """Check an image against what a model was fitted on; return its array."""
    check_spec(spec)
    array = check_image(image)
    check_axes_and_channels(array.shape, spec, n_channels)
    return array


def check_axes_and_channels(
    shape: tuple[int, ...], spec: ImageSpec, n_channels: int
) -> None:
    """Raise ValueError unless an image of `shape` has these axes and channels."""
    spec.check_shape(shape)
    if (got := spec.n_channels(shape)) != n_channels:
        raise ValueError(
            f"image has {got} channels, but the model was fitted on {n_channels}. "
            "Choose an image with the same channels, or fit on this one."
        )


def check_class_values(values: Array, name: str = "scribbles") -> None:
    """Raise ValueError unless there are from 2 to `MAX_CLASSES` classes."""
    if len(values) == 0:
        raise ValueError(
            f"{name} is empty: no pixel is labelled. Paint strokes of two classes."
        )
    if len(values) == 1:
        raise ValueError(
            f"{name} needs at least two classes, got only {values.tolist()}. "
            "Paint a second label value and run again."
        )
    if len(values) > MAX_CLASSES:
        raise ValueError(
            f"{name} has {len(values)} classes; at most {MAX_CLASSES} are possible. "
            "Object ids are not classes: give every object of a class the same value."
        )


def warn_if_flat(frames: Array) -> None:
    """Warn about images in which every pixel has the same value, or none has any."""
    for i, frame in enumerate(frames):
        finite = frame[np.isfinite(frame)] if frame.dtype.kind == "f" else frame
        if finite.size == 0:
            doubt(f"image {i} has no finite pixel: it is all no-data.", stacklevel=3)
        elif finite.min() == finite.max():
            doubt(
                f"image {i} is constant ({finite.flat[0]}): nothing in it can tell "
                "classes apart.",
                stacklevel=3,
            )
