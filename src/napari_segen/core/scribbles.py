"""From painted scribbles to samples: which pixels, of which class, in which stroke."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_segen.core.imagespec import FRAME, Array, ImageSpec
from napari_segen.core.sparse import SparseLabels

_BLOCK = 2**14  # pixels that are looked at together
_FEW = 1 / 16  # of all pixels: up to so many are compared one by one


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

    def at(self, chosen: npt.NDArray[np.intp]) -> "Samples":
        """Return the chosen of them, in that order."""
        return Samples(
            self.positions[chosen], self.values[chosen], self.strokes[chosen]
        )


def classes_in(frames: Sequence[Samples]) -> npt.NDArray[np.int64]:
    """Return the class values that occur, ascending."""
    values = [np.unique(s.values) for s in frames]
    return np.unique(np.concatenate([np.zeros(0, np.int64), *values]))


def labelled_at(labels: Array) -> npt.NDArray[np.intp]:
    """Return where an array is not 0: indices into it as one row, ascending."""
    flat = labels.reshape(-1)
    # Most of a large image has no strokes, which the blocks' maxima tell much faster.
    whole = flat.size // _BLOCK * _BLOCK
    blocks = flat[:whole].reshape(-1, _BLOCK)
    painted = np.flatnonzero(blocks.max(axis=1)) if whole else ()
    parts = [np.flatnonzero(blocks[i]) + i * _BLOCK for i in painted]
    return np.concatenate([*parts, np.flatnonzero(flat[whole:]) + whole])


def number_strokes(labels: Array) -> tuple[npt.NDArray[np.int64], int]:
    """Give a number to each connected group of equal values of a frame ``(*S)``.

    Pixels that touch at a corner are connected. Returns ids from 1 (0 =
    unlabelled) and how many there are.
    """
    ids = np.zeros(labels.shape, np.int64)
    flat = labelled_at(labels)
    numbers, n = _strokes_at(labels, flat)
    ids.reshape(-1)[flat] = numbers + 1
    return ids, n


def samples_of(labels: Array | SparseLabels) -> Samples:
    """List the labelled pixels of one frame of scribbles ``(*S)``."""
    if isinstance(labels, SparseLabels):
        return _sparse_samples(*labels.labelled(), labels.shape)
    flat = labelled_at(labels)
    numbers, _ = _strokes_at(labels, flat)
    positions = np.stack(np.unravel_index(flat, labels.shape), axis=1)
    return Samples(positions, labels.reshape(-1)[flat].astype(np.int64), numbers)


def framed_samples(labels: Array | SparseLabels, spec: ImageSpec) -> dict[int, Samples]:
    """List the labelled pixels of those frames that have any, by the frame's number.

    The labels have the axes of `spec` but channels.
    """
    if not isinstance(labels, SparseLabels):
        found = enumerate(map(samples_of, spec.label_frames(np.asarray(labels))))
        return {number: samples for number, samples in found if len(samples.values)}
    axes = spec.label_axes
    lengths = dict(zip(axes, labels.shape, strict=True))
    positions, values = labels.labelled()
    numbers = np.zeros(len(values), np.intp)
    for i, letter in enumerate(axes):
        if letter in FRAME:
            numbers = numbers * lengths[letter] + positions[:, i]
    letters = spec.space_axes
    order = [axes.index(letter) for letter in letters]
    shape = tuple(lengths[letter] for letter in letters)
    return {
        int(number): _sparse_samples(positions[own][:, order], values[own], shape)
        for number in np.unique(numbers)
        for own in [np.flatnonzero(numbers == number)]
    }


def _sparse_samples(
    positions: npt.NDArray[np.intp],
    values: npt.NDArray[np.int64],
    shape: tuple[int, ...],
) -> Samples:
    """Tell the strokes of a frame's labelled pixels apart."""
    order = np.lexsort(positions.T[::-1])
    positions, values = positions[order], values[order]
    if not len(values):
        return Samples(positions, values, np.zeros(0, np.int64))
    numbers, _ = _numbered_one_by_one(values, tuple(positions.T), shape)
    return Samples(positions, values, numbers)


def stroke_at(
    labels: Array | SparseLabels, spec: ImageSpec, position: Sequence[int]
) -> tuple[npt.NDArray[np.intp], ...]:
    """Find the pixels of the stroke at a position: an index into all labels.

    Nothing where nothing is painted there.
    """
    number, pixel = spec.frame_position(position, labels.shape)
    found: list[tuple[int, ...]] = []
    if (samples := framed_samples(labels, spec).get(number)) is not None:
        here = (samples.positions == pixel).all(axis=1)
        own = np.isin(samples.strokes, samples.strokes[here])
        found = [
            spec.label_position(number, at, labels.shape)
            for at in samples.positions[own].tolist()
        ]
    return tuple(np.array(found, np.intp).reshape(-1, len(labels.shape)).T)


def _strokes_at(
    labels: Array, flat: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.int64], int]:
    """Give numbers from 0 to the strokes of the labelled pixels."""
    values = labels.reshape(-1)[flat]
    at = np.unravel_index(flat, labels.shape)
    if flat.size > _FEW * labels.size:
        return _numbered_in_boxes(labels, values, at)
    return _numbered_one_by_one(values, at, labels.shape)


def _numbered_in_boxes(
    labels: Array, values: Array, at: tuple[Array, ...]
) -> tuple[npt.NDArray[np.int64], int]:
    """Go class by class, each in its box: for finished masks."""
    numbers, n = np.empty(values.size, np.int64), 0
    touching = np.ones((3,) * labels.ndim, bool)
    for value in np.unique(values):
        own = values == value
        first = [int(a[own].min()) for a in at]
        box = tuple(
            slice(f, int(a[own].max()) + 1) for f, a in zip(first, at, strict=True)
        )
        part, found = ndimage.label(labels[box] == value, structure=touching)
        inside = tuple(a[own] - f for f, a in zip(first, at, strict=True))
        numbers[own] = part[inside] + (n - 1)
        n += found
    return numbers, n


def _numbered_one_by_one(
    values: Array, at: tuple[Array, ...], shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], int]:
    """Look for the neighbours of each pixel: for few pixels."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # A border of one pixel all around: no neighbour is on the far side of the frame.
    wide = tuple(n + 2 for n in shape)
    place = np.ravel_multi_index(tuple(a + 1 for a in at), wide)
    pairs = [_equal_pairs(values, place, step) for step in _steps_ahead(wide)]
    pair = np.concatenate([np.zeros((2, 0), np.intp), *pairs], axis=1)
    links = coo_array((np.ones(pair.shape[1], bool), pair), shape=(values.size,) * 2)
    n, numbers = connected_components(links, directed=False)
    return numbers.astype(np.int64), int(n)


def _steps_ahead(wide: tuple[int, ...]) -> Iterator[int]:
    """Go from a pixel to each touching one behind it in the raster."""
    strides = np.cumprod([1, *wide[:0:-1]])[::-1]
    for step in product((-1, 0, 1), repeat=len(wide)):
        if step > (0,) * len(wide):
            yield int(np.dot(step, strides))


def _equal_pairs(
    values: Array, place: npt.NDArray[np.intp], step: int
) -> npt.NDArray[np.intp]:
    """Return pixels ``(2, n)`` a step apart that have equal values."""
    other = np.minimum(np.searchsorted(place, place + step), place.size - 1)
    alike = (place[other] == place + step) & (values[other] == values)
    first = np.flatnonzero(alike)
    return np.stack([first, other[first]])
