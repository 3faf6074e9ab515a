"""Which labels to keep from training, to see how well the rest teaches.

Whole strokes, blocks or images are held out: a pixel's neighbour in the same stroke is
nearly its copy, and would make any network look good. For the same reason the rim of a
held-out block is not trained on, and planes of one volume are held out together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.cnn.units import (
    Blocks,
    Strokes,
    Units,
    Wholes,
    count_labels,
    groups_of,
)

# Above this share of labelled pixels, labels are areas and not strokes.
DENSE_SHARE = 0.2
# So many densely labelled images are enough to hold out whole ones.
MANY_IMAGES = 4
# The least to hold out: one stroke alone has no second class to tell apart.
LEAST_HELD = {"images": 1, "blocks": 1, "strokes": 2}
MOST_SHARE = 0.25
TRIES = 50


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
    first: Units | None = None
    for units in _kinds(images, n_classes):
        first = first or units
        if share == 0:
            break
        for held in _candidates(units.table, share, LEAST_HELD[units.word], rng):
            training, validation = units.split(held)
            left = count_labels(training, n_classes)
            if (left > 0)[units.table.any(axis=0)].all():
                n, n_units = len(held), len(units.table)
                note = f"validation on {n} of {n_units} {units.word}"
                return Holdout(training, validation, units.word, n, n_units, note)
    assert first is not None
    reason = f"too few {first.word} to hold any out"
    if share == 0:
        reason = "validation_split is 0"
    note = f"no validation: {reason}"
    return Holdout(images, None, first.word, 0, len(first.table), note)


def is_dense(images: Sequence[LabelledImage]) -> bool:
    """Whether the labels are areas or masks, and not strokes."""
    counts = [(np.count_nonzero(i.index != UNLABELLED), i.index.size) for i in images]
    n = sum(labelled for labelled, _ in counts)
    return bool(n > DENSE_SHARE * sum(size for labelled, size in counts if labelled))


def _kinds(images: list[LabelledImage], n_classes: int) -> Iterator[Units]:
    """List what may be held out, the best first."""
    groups = groups_of(images)
    dense = [g for g in groups if is_dense([images[i] for i in g])]
    if len(dense) >= MANY_IMAGES:
        yield Wholes(images, dense, n_classes)
    if len(dense) >= MANY_IMAGES or is_dense(images):
        yield Blocks(images, groups, n_classes)
    else:
        yield Strokes(images, groups, n_classes)


def _candidates(
    table: npt.NDArray[np.int64], share: float, least: int, rng: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Draw sets of units that may be held out, the fairest first.

    Each must leave every class for training and hold two to tell apart. The fairest
    hold as many classes as possible, and as nearly the same share of each.
    """
    n = len(table)
    n_out = max(least, round(share * n))
    if n_out > max(share, MOST_SHARE) * n:
        return []
    total = table.sum(axis=0)
    exists = total > 0
    found = []
    for i in range(TRIES):
        held = _dispensable(table, n_out, rng)
        part = table[held].sum(axis=0)[exists] / total[exists]
        n_classes = int((part > 0).sum())
        if n_classes >= 2:
            # Sorted before it is summed: the order of the classes changes no digit.
            unfair = float(np.sort(np.abs(part - n_out / n)).sum())
            found.append((-n_classes, unfair, i, held))
    return [held for *_, held in sorted(found, key=lambda f: f[:3])]


def _dispensable(
    table: npt.NDArray[np.int64], n_out: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw up to `n_out` units that leave some of every class."""
    left = table.sum(axis=0)
    exists = left > 0
    held: list[int] = []
    for unit in rng.permutation(len(table)):
        if len(held) == n_out:
            break
        if ((left - table[unit])[exists] > 0).all():
            left = left - table[unit]
            held.append(int(unit))
    return np.array(sorted(held), np.int64)
