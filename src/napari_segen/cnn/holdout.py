"""Which labels to keep from training, to see how well the rest teaches.

Whole strokes, blocks or images are held out: a pixel's neighbour in the same stroke is
nearly its copy, and would make any network look good. For the same reason the rim of a
held-out block is not trained on, and planes of one volume are held out together.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.core.imagespec import Array
from napari_segen.core.scribbles import number_strokes

# Above this share of labelled pixels, labels are areas and not strokes.
DENSE_SHARE = 0.2
# So many densely labelled images are enough to hold out whole ones.
MANY_IMAGES = 4
BLOCK_PX = (16, 128)
BLOCKS_PER_SIDE = 4
# Pixels around a held-out block that are not trained on: this share of its side.
RIM_SHARE = 1 / 16
# The least to hold out: one stroke alone has no second class to tell apart.
LEAST_HELD = {"images": 1, "blocks": 1, "strokes": 2}
MOST_SHARE = 0.25
TRIES = 50

Box = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Holdout:
    """Images for training and for validation: the same images, other labels.

    Parameters
    ----------
    training : list of LabelledImage
    validation : list of LabelledImage, or None
    unit : {"images", "blocks", "strokes"}
        What was held out, or would have been.
    n_held, n_units : int
        How many units were held out, of how many.
    note : str
        The same in words, or why nothing was held out.
    """

    training: list[LabelledImage]
    validation: list[LabelledImage] | None
    unit: str
    n_held: int
    n_units: int
    note: str


def hold_out(
    images: Sequence[LabelledImage],
    share: float,
    n_classes: int,
    rng: np.random.Generator,
) -> Holdout:
    """Hold out a share of the labels.

    Whole images where at least four are densely labelled, blocks of few dense ones,
    and strokes else. Training keeps every class, and validation holds at least two.
    """
    images = list(images)
    units = _units_of(images, n_classes)
    n_units = len(units.table)
    if share == 0:
        note = "no validation: validation_split is 0"
        return Holdout(images, None, units.word, 0, n_units, note)
    everything = units.table.sum(axis=0) > 0
    for held in _candidates(units.table, share, LEAST_HELD[units.word], rng):
        training, validation = units.split(held)
        if (_count(training, n_classes)[everything] > 0).all():
            note = f"validation on {len(held)} of {n_units} {units.word}"
            return Holdout(training, validation, units.word, len(held), n_units, note)
    note = f"no validation: too few {units.word} to hold any out"
    return Holdout(images, None, units.word, 0, n_units, note)


def is_dense(images: Sequence[LabelledImage]) -> bool:
    """Whether the labels are areas or masks, and not strokes."""
    labelled = [i for i in images if (i.index != UNLABELLED).any()]
    n = sum(int((i.index != UNLABELLED).sum()) for i in labelled)
    return n > DENSE_SHARE * sum(i.index.size for i in labelled)


def _units_of(images: list[LabelledImage], n_classes: int) -> "_Units":
    groups = _groups(images)
    dense = [g for g in groups if is_dense([images[i] for i in g])]
    if len(dense) >= MANY_IMAGES:
        return _Wholes(images, dense, n_classes)
    if is_dense(images):
        return _Blocks(images, groups, n_classes)
    return _Strokes(images, groups, n_classes)


def _groups(images: Sequence[LabelledImage]) -> list[list[int]]:
    """Numbers of the images of each source, in the order of their places in it."""
    groups: dict[int, list[int]] = {}
    for i, image in enumerate(images):
        groups.setdefault(i if image.source is None else id(image.source), []).append(i)
    return [sorted(g, key=lambda i: images[i].place) for g in groups.values()]


def _count(images: Sequence[LabelledImage], n_classes: int) -> npt.NDArray[np.int64]:
    """Count the labelled pixels of each class ``(K,)``."""
    return _count_indices([i.index for i in images], n_classes)


def _count_indices(parts: Iterable[Array], n_classes: int) -> npt.NDArray[np.int64]:
    counts = np.zeros(n_classes, np.int64)
    for part in parts:
        counts += np.bincount(part[part != UNLABELLED], minlength=n_classes)
    return counts


def _candidates(
    table: npt.NDArray[np.int64], share: float, least: int, rng: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Draw sets of units that may be held out, the fairest first.

    Each must leave every class for training and hold two to tell apart. The fairest
    hold as many classes as possible, and as nearly `share` of each as possible.
    """
    n = len(table)
    n_out = max(least, round(share * n))
    if n_out > max(share, MOST_SHARE) * n:
        return []
    total = table.sum(axis=0)
    exists = total > 0
    found = []
    for i in range(TRIES):
        held = np.sort(rng.choice(n, n_out, replace=False))
        part = table[held].sum(axis=0)[exists] / total[exists]
        n_classes = int((part > 0).sum())
        if n_classes >= 2 and (part < 1).all():
            # Sorted before it is summed: the order of the classes changes no digit.
            unfair = float(np.sort(np.abs(part - share)).sum())
            found.append((-n_classes, unfair, i, held))
    return [held for *_, held in sorted(found, key=lambda f: f[:3])]


class _Units(ABC):
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


class _Wholes(_Units):
    """Whole images, or volumes."""

    word = "images"

    def _counted(self, n_classes: int) -> npt.NDArray[np.int64]:
        return np.stack(
            [_count([self._images[i] for i in g], n_classes) for g in self._groups]
        )

    def split(
        self, held: npt.NDArray[np.int64]
    ) -> tuple[list[LabelledImage], list[LabelledImage]]:
        out = {i for h in held for i in self._groups[h]}
        blank = [replace(m, index=_nothing(m), teacher=None) for m in self._images]
        training, validation = list(self._images), list(blank)
        for i in out:
            training[i] = blank[i]
            validation[i] = replace(self._images[i], teacher=None)
        return training, validation


class _Blocks(_Units):
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
        hidden = [np.zeros(m.index.shape, bool) for m in self._images]
        shown = [_nothing(m) for m in self._images]
        for group, box in (self._boxes[h] for h in held):
            for i in group:
                hidden[i][_with_rim(box, hidden[i].shape)] = True
                shown[i][box] = self._images[i].index[box]
        return _divided(self._images, hidden, shown)


class _Strokes(_Units):
    """Whole strokes; one that goes on in the next plane or time point is one."""

    word = "strokes"

    def _counted(self, n_classes: int) -> npt.NDArray[np.int64]:
        self._ids = [np.zeros(0, np.int64)] * len(self._images)
        rows: list[npt.NDArray[np.int64]] = []
        for group in self._groups:
            ids, n = _numbered([self._images[i] for i in group])
            table = np.zeros((n, n_classes), np.int64)
            for i, part in zip(group, ids, strict=True):
                at = part > 0
                cell = (part[at] - 1) * n_classes + self._images[i].index[at]
                table += np.bincount(cell, minlength=table.size).reshape(table.shape)
                self._ids[i] = np.where(at, part + len(rows), 0)
            rows.extend(table)
        return np.array(rows, np.int64).reshape(-1, n_classes)

    def split(
        self, held: npt.NDArray[np.int64]
    ) -> tuple[list[LabelledImage], list[LabelledImage]]:
        chosen = np.zeros(len(self.table) + 1, bool)
        chosen[held + 1] = True
        hidden = [chosen[ids] for ids in self._ids]
        shown = [
            np.where(h, m.index, np.int16(UNLABELLED))
            for h, m in zip(hidden, self._images, strict=True)
        ]
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


def _numbered(
    group: Sequence[LabelledImage],
) -> tuple[list[npt.NDArray[np.int64]], int]:
    """Give numbers from 1 to the strokes of a source, as they first appear."""
    marks, rows = [], []
    for image, before in zip(group, [None, *group], strict=False):
        if before is not None and image.place != before.place + 1:
            marks.append(np.zeros_like(image.index))  # a gap: no strokes go through
        rows.append(len(marks))
        marks.append(image.index + np.int16(1))
    ids, n = number_strokes(np.stack(marks) if len(group) > 1 else marks[0])
    places = np.flatnonzero(ids)
    first = np.zeros(n + 1, np.int64)
    # Backwards: the first pixel of each is written last.
    first[ids.reshape(-1)[places[::-1]]] = places[::-1] + 1
    rank = np.argsort(np.argsort(first))
    ids = rank[ids]
    return [ids[r] for r in rows] if len(group) > 1 else [ids], n
