"""Correct single objects: merge, split, renumber, remove.

Nothing is written to: each function returns what is to be changed, so that the caller
can do it in a way that can be undone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_segen.core.checks import check_labels
from napari_segen.core.imagespec import Array


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit makes of a part of the labels.

    Parameters
    ----------
    at : tuple of int arrays of shape (M,)
        Indices of the pixels that change, one array per axis.
    value : int
        The id that they get.
    """

    at: tuple[Array, ...]
    value: int


def merge(labels: Array, into: int, other: int) -> Change:
    """Give the pixels of object `other` to object `into`.

    Parameters
    ----------
    labels : integer array of shape (*S)
    into, other : int
        Ids of two objects; they need not touch.
    """
    labels = check_labels(labels, "labels")
    if into == other:
        raise ValueError(f"into and other are the same object, {into}.")
    _pixels_of(labels, into, "into")
    return Change(_pixels_of(labels, other, "other"), into)


def split(
    labels: Array,
    first: Sequence[int],
    second: Sequence[int],
    sampling: Sequence[float] | None = None,
) -> Change:
    """Cut an object in two between two of its pixels, where it is narrow.

    Watershed of the distance to the outside, from the two pixels. The part of `second`
    gets a new id. What is not connected to either stays as it is.

    Parameters
    ----------
    labels : integer array of shape (*S)
    first, second : sequence of int
        Index of a pixel on either side of the cut to be, both in one object.
    sampling : sequence of float, optional
        Pixel size along each axis.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    labels = check_labels(labels, "labels")
    seeds = _pixel(labels, first, "first"), _pixel(labels, second, "second")
    owners = [int(labels[seed]) for seed in seeds]
    if owners[0] != owners[1] or owners[0] == 0:
        raise ValueError(
            f"first and second must lie in one object, got those with the ids "
            f"{owners[0]} and {owners[1]} (0 is background)."
        )
    if seeds[0] == seeds[1]:
        raise ValueError("first and second are the same pixel: choose two.")
    new = free_id(labels)
    at = np.nonzero(labels == owners[0])
    start = [int(x.min()) for x in at]
    box = tuple(slice(s, int(x.max()) + 1) for s, x in zip(start, at, strict=True))
    # Background all around: the border of the box is one of the object.
    mask = np.pad(labels[box] == owners[0], 1)
    markers = np.zeros(mask.shape, np.int8)
    for number, seed in enumerate(seeds, start=1):
        markers[tuple(i - s + 1 for i, s in zip(seed, start, strict=True))] = number
    distance = ndimage.distance_transform_edt(mask, sampling)
    parts = watershed(-distance, markers, mask=mask)
    second_part = np.nonzero(parts == 2)
    moved = tuple(x + s - 1 for x, s in zip(second_part, start, strict=True))
    return Change(moved, new)


def renumber(labels: Array, label: int) -> Change:
    """Give an object an id that no other has."""
    labels = check_labels(labels, "labels")
    return Change(_pixels_of(labels, label, "label"), free_id(labels))


def remove(labels: Array, label: int) -> Change:
    """Make an object background."""
    labels = check_labels(labels, "labels")
    return Change(_pixels_of(labels, label, "label"), 0)


def free_id(labels: Array) -> int:
    """Return an id that no object has and that the type of `labels` can hold.

    One more than the largest, or the smallest free one where that is too large.
    """
    top, largest = int(labels.max(initial=0)), int(np.iinfo(labels.dtype).max)
    if top < largest:
        return top + 1
    found = np.unique(labels[labels > 0])
    gaps = np.flatnonzero(found != np.arange(1, len(found) + 1))
    if not gaps.size:
        raise ValueError(
            f"labels have used up all ids that the type {labels.dtype} can hold. "
            "Convert them to a larger type, such as int32."
        )
    return int(gaps[0]) + 1


def _pixels_of(labels: Array, label: int, name: str) -> tuple[Array, ...]:
    if label == 0:
        raise ValueError(f"{name} is 0, the background: choose an object.")
    at = np.nonzero(labels == label)
    if not at[0].size:
        raise ValueError(f"{name}: there is no object with the id {label}.")
    return at


def _pixel(labels: Array, at: Sequence[int], name: str) -> tuple[int, ...]:
    index = tuple(int(i) for i in at)
    if len(index) != labels.ndim or not all(
        0 <= i < n for i, n in zip(index, labels.shape, strict=True)
    ):
        raise ValueError(
            f"{name} must be a pixel of the labels of shape {labels.shape}, got "
            f"{index}."
        )
    return index
