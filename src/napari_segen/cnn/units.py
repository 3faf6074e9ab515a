"""What can be held out of the labels: whole images, blocks or strokes."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.core.imagespec import Array
from napari_segen.core.scribbles import number_strokes

BLOCK_PX = (16, 128)
BLOCKS_PER_SIDE = 4
# Pixels around a held-out block that are not trained on: this share of its side.
RIM_SHARE = 1 / 16

Box = tuple[slice, ...]
# The labelled pixels of an image in raster order, and the stroke of each.
Marked = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def groups_of(images: Sequence[LabelledImage]) -> list[list[int]]:
    """Numbers of the images of each source, in the order of their places in it."""
    groups: dict[int, list[int]] = {}
    for i, image in enumerate(images):
        groups.setdefault(i if image.source is None else id(image.source), []).append(i)
    return [sorted(g, key=lambda i: images[i].place) for g in groups.values()]


def count_labels(
    images: Sequence[LabelledImage], n_classes: int
) -> npt.NDArray[np.int64]:
    """Count the labelled pixels of each class ``(K,)``."""
    return _count_indices([i.index for i in images], n_classes)


def _count_indices(parts: Iterable[Array], n_classes: int) -> npt.NDArray[np.int64]:
    counts = np.zeros(n_classes, np.int64)
    for part in parts:
        # Unlabelled pixels are counted too, as the first entry: faster than leaving
        # them out.
        counts += np.bincount(part.ravel() + 1, minlength=n_classes + 1)[1:]
    return counts


class Units(ABC):
    """What can be held out: `table` ``(units, K)`` counts the pixels of each unit."""

    word: ClassVar[str]
    table: npt.NDArray[np.int64]

    def __init__(
        self, images: list[LabelledImage], groups: list[list[int]], n_classes: int
    ) -> None:
        self._images = images
        self._groups = groups
        self.table = self._counted(n_classes)

    @abstractmethod
    def _counted(self, n_classes: int) -> npt.NDArray[np.int64]:
        """Find the units that hold labels, and count their pixels."""

    @abstractmethod
    def split(
        self, held: npt.NDArray[np.int64]
    ) -> tuple[list[LabelledImage], list[LabelledImage]]:
        """Divide the labels between training and validation."""


class Wholes(Units):
    """Whole images, or volumes."""

    word = "images"

    def _counted(self, n_classes: int) -> npt.NDArray[np.int64]:
        return np.stack(
            [
                count_labels([self._images[i] for i in g], n_classes)
                for g in self._groups
            ]
        )

    def split(
        self, held: npt.NDArray[np.int64]
    ) -> tuple[list[LabelledImage], list[LabelledImage]]:
        """Keep the held-out images, teacher and all, from training."""
        out = {i for h in held for i in self._groups[h]}
        blank = [replace(m, index=_nothing(m), teacher=None) for m in self._images]
        training, validation = list(self._images), list(blank)
        for i in out:
            training[i] = blank[i]
            validation[i] = replace(self._images[i], teacher=None)
        return training, validation


class Blocks(Units):
    """Blocks of a grid, the same in all planes of a volume or times of a scene."""

    word = "blocks"

    def _counted(self, n_classes: int) -> npt.NDArray[np.int64]:
        self._boxes: list[tuple[list[int], Box]] = []
        rows: list[npt.NDArray[np.int64]] = []
        for group in self._groups:
            for box in _grid(self._images[group[0]].index.shape):
                parts = (self._images[i].index[box] for i in group)
                counts = _count_indices(parts, n_classes)
                if counts.any():
                    rows.append(counts)
                    self._boxes.append((group, box))
        return np.array(rows)

    def split(
        self, held: npt.NDArray[np.int64]
    ) -> tuple[list[LabelledImage], list[LabelledImage]]:
        """Keep the held-out blocks and their rims from training."""
        hidden = [np.zeros(m.index.shape, bool) for m in self._images]
        shown = [_nothing(m) for m in self._images]
        for group, box in (self._boxes[h] for h in held):
            for i in group:
                hidden[i][_with_rim(box, hidden[i].shape)] = True
                shown[i][box] = self._images[i].index[box]
        return _divided(self._images, hidden, shown)


class Strokes(Units):
    """Whole strokes; one that goes on in the next plane or time point is one."""

    word = "strokes"

    def _counted(self, n_classes: int) -> npt.NDArray[np.int64]:
        self._marked: dict[int, Marked] = {}
        rows: list[npt.NDArray[np.int64]] = []
        for group in self._groups:
            marked, n = _numbered([self._images[i] for i in group])
            table = np.zeros((n, n_classes), np.int64)
            for i, (places, strokes) in zip(group, marked, strict=True):
                cell = strokes * n_classes + self._images[i].index.reshape(-1)[places]
                table += np.bincount(cell, minlength=table.size).reshape(table.shape)
                self._marked[i] = places, strokes + len(rows)
            rows.extend(table)
        return np.array(rows, np.int64).reshape(-1, n_classes)

    def split(
        self, held: npt.NDArray[np.int64]
    ) -> tuple[list[LabelledImage], list[LabelledImage]]:
        """Keep the held-out strokes from training."""
        chosen = np.zeros(len(self.table), bool)
        chosen[held] = True
        hidden, shown = [], []
        for i, image in enumerate(self._images):
            places, strokes = self._marked[i]
            hide = np.zeros(image.index.shape, bool)
            hide.reshape(-1)[places] = chosen[strokes]
            hidden.append(hide)
            shown.append(np.where(hide, image.index, np.int16(UNLABELLED)))
        return _divided(self._images, hidden, shown)


def _divided(
    images: Sequence[LabelledImage],
    hidden: Sequence[npt.NDArray[np.bool_]],
    shown: Sequence[npt.NDArray[np.int16]],
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """Hide pixels from training, teacher and all, and show labels for validation."""
    training, validation = [], []
    for image, hide, index in zip(images, hidden, shown, strict=True):
        validation.append(replace(image, index=index, teacher=None))
        if not hide.any():
            training.append(image)
            continue
        rest = np.where(hide, np.int16(UNLABELLED), image.index)
        teacher = image.teacher
        if teacher is not None:
            teacher = np.where(hide, np.float32(0), teacher)
        training.append(replace(image, index=rest, teacher=teacher))
    return training, validation


def _nothing(image: LabelledImage) -> npt.NDArray[np.int16]:
    return np.full(image.index.shape, UNLABELLED, np.int16)


def _grid(shape: tuple[int, ...]) -> Iterator[Box]:
    """Cut an image into blocks, a few along each side."""
    sides = [int(np.clip(n // BLOCKS_PER_SIDE, *BLOCK_PX)) for n in shape]
    starts = [range(0, n, side) for n, side in zip(shape, sides, strict=True)]
    for corner in product(*starts):
        yield tuple(slice(c, c + s) for c, s in zip(corner, sides, strict=True))


def _with_rim(box: Box, shape: tuple[int, ...]) -> Box:
    """Widen a block by the pixels that are too near to it to train on."""
    wide = []
    for along, n in zip(box, shape, strict=True):
        rim = max(1, math.floor(RIM_SHARE * (along.stop - along.start)))
        wide.append(slice(max(0, along.start - rim), min(n, along.stop + rim)))
    return tuple(wide)


def _numbered(group: Sequence[LabelledImage]) -> tuple[list[Marked], int]:
    """Give numbers from 0 to the strokes of a source, as they first appear."""
    marks, rows = [], []
    for image, before in zip(group, [None, *group], strict=False):
        if before is not None and image.place != before.place + 1:
            marks.append(np.zeros_like(image.index))  # a gap: no strokes go through
        rows.append(len(marks))
        marks.append(image.index + np.int16(1))
    alone = len(group) == 1
    ids, n = number_strokes(marks[0] if alone else np.stack(marks))
    lines = ids.reshape(len(marks), -1)
    places = np.flatnonzero(lines)
    first = np.zeros(n + 1, np.int64)
    # Backwards: the first pixel of each is written last.
    first[lines.reshape(-1)[places[::-1]]] = places[::-1] + 1
    rank = np.argsort(np.argsort(first)) - 1
    marked = []
    for row in rows:
        at = np.flatnonzero(lines[row])
        marked.append((at, rank[lines[row, at]]))
    return marked, n
