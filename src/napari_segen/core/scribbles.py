"""From painted scribbles to samples: which pixels, of which class, in which stroke."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_segen.core.imagespec import Array


@dataclass(frozen=True, slots=True)
class Samples:
    """The labelled pixels of one frame.

    Parameters
    ----------
    positions : int array of shape (M, ndim)
        Pixel indices in raster order.
    values : array of shape (M,)
        The class value of each.
    strokes : int array of shape (M,)
        The stroke of each, numbered from 0.
    """

    positions: npt.NDArray[np.intp]
    values: Array
    strokes: npt.NDArray[np.int64]


def classes_in(label_frames: list[Array]) -> npt.NDArray[np.int64]:
    """Return the class values that occur, ascending; 0 is unlabelled."""
    found = [np.unique(labels) for labels in label_frames]
    values = np.unique(np.concatenate(found)) if found else np.zeros(0)
    return values[values > 0].astype(np.int64)


def number_strokes(labels: Array) -> tuple[npt.NDArray[np.int64], int]:
    """Give a number to each connected group of equal values of a frame ``(*S)``.

    Pixels that touch at a corner are connected. Returns ids from 1 (0 =
    unlabelled) and how many there are.
    """
    ids = np.zeros(labels.shape, np.int64)
    touching = np.ones((3,) * labels.ndim, bool)
    n = 0
    for box, value in _value_boxes(labels):
        part, found = ndimage.label(labels[box] == value, structure=touching)
        ids[box][part > 0] = part[part > 0] + n
        n += found
    return ids, n


def _value_boxes(labels: Array) -> list[tuple[tuple[slice, ...], int]]:
    """Bounding box of each class value: strokes are few, the image is large."""
    flat = np.flatnonzero(labels)
    positions = np.unravel_index(flat, labels.shape)
    values = labels.ravel()[flat]
    boxes = []
    for value in np.unique(values):
        inside = values == value
        box = tuple(slice(p[inside].min(), p[inside].max() + 1) for p in positions)
        boxes.append((box, int(value)))
    return boxes


def samples_of(labels: Array, usable: Array | None = None) -> Samples:
    """List the labelled pixels of one frame of scribbles ``(*S)``.

    Parameters
    ----------
    labels : array of shape (*S)
    usable : bool array of shape (*S), optional
        Pixels that hold data; the others are left out.
    """
    ids, _ = number_strokes(labels)
    flat = np.flatnonzero(labels)
    if usable is not None:
        flat = flat[usable.ravel()[flat]]
    positions = np.stack(np.unravel_index(flat, labels.shape), axis=1)
    values = labels.ravel()[flat].astype(np.int64)
    return Samples(positions, values, ids.ravel()[flat] - 1)
