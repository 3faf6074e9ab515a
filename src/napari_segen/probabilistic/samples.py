"""Which labelled pixels a classifier learns from, in which order, and how they count.

The unit of sampling is the stroke, not the pixel: pixels of one stroke are nearly
copies of one another. A stroke counts by its pixels, but no more than a long stroke of
the brush, so that a filled region cannot outvote the rest. How many pixels a class has
says how frequent it is: strokes on thin or small things are small.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.scribbles import Samples
from napari_segen.core.steps import Steps

MAX_SAMPLES = 20_000
LEAST_SAMPLES_PER_CLASS = 100
MOST_PIXELS_OF_A_STROKE = 256


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled pixels as a classifier sees them.

    Parameters
    ----------
    features : float32 array of shape (M, F)
    class_index : int array of shape (M,)
        Class of each pixel, 0 to K - 1; each class occurs.
    strokes : int array of shape (M,)
        Stroke of each pixel; any numbers, equal within a stroke.
    n_classes : int
        K.
    brightness : array of shape (M,), optional
        The first channel, for methods that find and order the classes themselves.
    texture_steps : callable, optional
        Computes the texture energy ``(M, T)`` of the pixels, for methods that find
        that their features do not suffice; None where it is not to be had. So is what
        it computes, where it is not known of all of them.
    places : int array of shape (M, 2 + ndim), optional
        Image, frame and position of each pixel, where it has any; image -1 where that
        is not at hand.
    """

    features: Array
    class_index: npt.NDArray[np.int64]
    strokes: npt.NDArray[np.int64]
    n_classes: int
    brightness: Array | None = None
    texture_steps: Callable[[], Steps[Array | None]] | None = None
    places: npt.NDArray[np.intp] | None = None

    def weights(self) -> npt.NDArray[np.float64]:
        """Weight of each pixel ``(M,)``; they sum to 1."""
        _, stroke, pixels = np.unique(
            self.strokes, return_inverse=True, return_counts=True
        )
        weight = np.minimum(1, MOST_PIXELS_OF_A_STROKE / pixels)[stroke]
        return np.asarray(weight / weight.sum())

    def class_shares(self) -> npt.NDArray[np.float64]:
        """How frequent each class is among the labelled pixels, by weight ``(K,)``."""
        return np.asarray(
            np.bincount(self.class_index, self.weights(), minlength=self.n_classes),
            np.float64,
        )

    def part(self, chosen: npt.NDArray[np.bool_]) -> "TrainingSet":
        """Keep the chosen pixels ``(M,)``."""
        return TrainingSet(
            self.features[chosen],
            self.class_index[chosen],
            self.strokes[chosen],
            self.n_classes,
        )

    def strokes_per_class(self) -> npt.NDArray[np.int64]:
        """Count the strokes of each class ``(K,)``."""
        pairs = np.unique(np.stack([self.class_index, self.strokes]), axis=1)
        return np.bincount(pairs[0], minlength=self.n_classes)


def thinned(samples: TrainingSet, most: int) -> TrainingSet:
    """Keep at most `most` pixels of each stroke, evenly spread in their order."""
    order = np.argsort(samples.strokes, kind="stable")
    _, first, pixels = np.unique(
        samples.strokes[order], return_index=True, return_counts=True
    )
    rank = np.arange(len(order)) - np.repeat(first, pixels)
    every = np.repeat(-(-pixels // most), pixels)
    keep = np.zeros(len(order), bool)
    keep[order[rank % every == 0]] = True
    return samples.part(keep)


def symmetric_key(
    positions: npt.NDArray[np.intp], shape: tuple[int, ...], frame: int
) -> npt.NDArray[np.uint64]:
    """Give each position a pseudo-random number that flips and transposes keep.

    Positions that a flip or transpose exchanges have the same number.

    Parameters
    ----------
    positions : int array of shape (M, ndim)
    shape : tuple of int
        Shape of the frame.
    frame : int
        Which frame it is; each has numbers of its own.
    """
    from_centre = np.abs(2 * positions - (np.array(shape) - 1))
    key = np.full(len(positions), frame, np.uint64)
    for distance in np.sort(from_centre, axis=1).T:
        key = _mix(key * np.uint64(0x9E3779B97F4A7C15) + distance.astype(np.uint64))
    return key


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scramble 64-bit numbers (the finaliser of MurmurHash3)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = (x ^ (x >> np.uint64(33))) * np.uint64(factor)
    return x ^ (x >> np.uint64(33))


def choose_samples(
    frames: Sequence[Samples], shapes: Sequence[tuple[int, ...]]
) -> list[Samples]:
    """Thin out the labelled pixels of several frames and put them in canonical order.

    Few strokes are all kept. Of finished masks each class keeps an even share of
    every stroke, at most `MAX_SAMPLES` pixels in all (`LEAST_SAMPLES_PER_CLASS` of
    each class are always allowed). Neither choice nor order depends on the raster
    order or on the class values. Strokes get numbers that differ between frames.
    """
    keys = [
        symmetric_key(s.positions, shape, i)
        for i, (s, shape) in enumerate(zip(frames, shapes, strict=True))
    ]
    first = np.cumsum([0, *(int(s.strokes.max(initial=-1)) + 1 for s in frames)])
    strokes = [s.strokes + n for s, n in zip(frames, first[:-1], strict=True)]
    kept = _keep(
        np.concatenate([s.values for s in frames]),
        np.concatenate(strokes),
        np.concatenate(keys),
    )
    ends = np.cumsum([len(s.values) for s in frames])[:-1]
    chosen = []
    for s, number, key, keep in zip(
        frames, strokes, keys, np.split(kept, ends), strict=True
    ):
        at = np.flatnonzero(keep)
        at = at[np.argsort(key[at], kind="stable")]
        chosen.append(Samples(s.positions[at], s.values[at], number[at]))
    return chosen


def _keep(
    values: Array, strokes: npt.NDArray[np.int64], keys: npt.NDArray[np.uint64]
) -> npt.NDArray[np.bool_]:
    classes = np.unique(values)
    limit = max(MAX_SAMPLES // max(len(classes), 1), LEAST_SAMPLES_PER_CLASS)
    keep = np.ones(len(values), bool)
    for value in classes:
        at = np.flatnonzero(values == value)
        if len(at) > limit:
            ranks = _rank_in_group(strokes[at], keys[at])
            # Every stroke's first pixels come before any stroke's later ones.
            order = np.lexsort((keys[at], ranks))
            last = order[limit]
            # Pixels that mirror one another stay or go together.
            tied = (ranks == ranks[last]) & (keys[at] == keys[at][last])
            keep[at[order[limit:]]] = False
            keep[at[tied]] = False
    return keep


def _rank_in_group(
    groups: npt.NDArray[np.int64], keys: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Rank of each entry by its key in its group, from 0; equal keys, equal rank."""
    order = np.lexsort((keys, groups))
    group, key = groups[order], keys[order]
    new_group = np.diff(group, prepend=group[0] - 1) != 0
    new_key = new_group | (np.diff(key, prepend=key[0]) != 0)
    place = np.arange(len(order))
    start, first = (
        np.maximum.accumulate(np.where(new, place, 0)) for new in (new_group, new_key)
    )
    ranks = np.empty(len(order), np.int64)
    ranks[order] = first - start
    return ranks
