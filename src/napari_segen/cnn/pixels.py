"""Labelled pixels to draw from, without a list of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.labelled import UNLABELLED, LabelledImage

# Pixels are counted by chunks of so many; a drawn chunk is searched.
CHUNK = 4096
CHUNKS_AT_ONCE = 256


class LabelledPixels:
    """Draw pixels of a class, each as likely as any other, over several images.

    Parameters
    ----------
    images : list of LabelledImage
    n_classes : int

    Attributes
    ----------
    counts : int array of shape (n_classes,)
        Labelled pixels of each class.
    order : list of int
        The classes that occur, in the order in which they first do: what is drawn
        then does not depend on the classes' values.
    """

    def __init__(self, images: Sequence[LabelledImage], n_classes: int) -> None:
        self._images = images
        tables = [chunk_counts(i.index, n_classes) for i in images]
        # Which image a chunk belongs to, and its number there.
        self._image_of = np.repeat(np.arange(len(images)), [len(t) for t in tables])
        self._chunk_of = np.concatenate([np.arange(len(t)) for t in tables])
        self._up_to = np.concatenate(tables).cumsum(axis=0)
        self.counts = self._up_to[-1]
        first = {
            k: (*self._chunk_at(k, 0)[:2], *self.pixel(k, 0)[1])
            for k in range(n_classes)
            if self.counts[k]
        }
        self.order = sorted(first, key=lambda k: first[k])

    def draw(self, k: int, rng: np.random.Generator) -> tuple[int, tuple[int, ...]]:
        """Draw a pixel of class k: number of the image, and position in it."""
        return self.pixel(k, int(rng.integers(self.counts[k])))

    def pixel(self, k: int, i: int) -> tuple[int, tuple[int, ...]]:
        """Find pixel `i` of class k: number of the image, and position in it."""
        image, chunk, before = self._chunk_at(k, i)
        index = self._images[image].index
        start = chunk * CHUNK
        found = np.flatnonzero(index.reshape(-1)[start : start + CHUNK] == k)
        at = np.unravel_index(start + found[i - before], index.shape)
        return image, tuple(int(a) for a in at)

    def _chunk_at(self, k: int, i: int) -> tuple[int, int, int]:
        """Image and chunk of pixel `i` of class k, and how many come before it."""
        chunk = int(np.searchsorted(self._up_to[:, k], i, side="right"))
        before = int(self._up_to[chunk - 1, k]) if chunk else 0
        return int(self._image_of[chunk]), int(self._chunk_of[chunk]), before


def chunk_counts(index: npt.NDArray[np.int16], n_classes: int) -> npt.NDArray[np.int64]:
    """Count the pixels of each class in each chunk ``(chunks, n_classes)``."""
    flat = index.reshape(-1)
    n = -(-flat.size // CHUNK)
    counts = np.zeros((n, n_classes), np.int64)
    for first in range(0, n, CHUNKS_AT_ONCE):
        part = flat[first * CHUNK : (first + CHUNKS_AT_ONCE) * CHUNK]
        labelled = np.flatnonzero(part != UNLABELLED)
        if not labelled.size:
            continue
        cell = labelled // CHUNK * n_classes + part[labelled]
        n_here = -(-part.size // CHUNK)
        found = np.bincount(cell, minlength=n_here * n_classes)
        counts[first : first + n_here] = found.reshape(n_here, n_classes)
    return counts
