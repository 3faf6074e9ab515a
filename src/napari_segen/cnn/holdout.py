"""Which labels to keep from training, to see how well the rest teaches.

Whole strokes or whole blocks are held out: a pixel's neighbour in the same stroke is
nearly its copy, and would make any network look good.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.planes import UNLABELLED, Plane
from napari_segen.core.scribbles import number_strokes

# Above this share of labelled pixels, labels are areas and not strokes.
DENSE_SHARE = 0.2
BLOCK_PX = (16, 128)
TRIES = 50


@dataclass(frozen=True, slots=True)
class Holdout:
    """Planes for training and for validation: the same images, other labels.

    Parameters
    ----------
    training : list of Plane
    validation : list of Plane, or None
    note : str
        What was held out, or why nothing was.
    """

    training: list[Plane]
    validation: list[Plane] | None
    note: str


def hold_out(
    planes: Sequence[Plane], share: float, n_classes: int, rng: np.random.Generator
) -> Holdout:
    """Hold out a share of the strokes, or of blocks where most pixels are labelled."""
    if share == 0:
        return Holdout(list(planes), None, "no validation: validation_split is 0")
    dense = is_dense(planes)
    word = "blocks" if dense else "strokes"
    units = _numbered(planes, dense)
    table = _count(planes, units, n_classes)
    held = _draw(table, share, rng)
    if held is None:
        note = f"no validation: too few {word} to hold any out"
        return Holdout(list(planes), None, note)
    chosen = np.zeros(len(table) + 1, bool)
    chosen[held] = True
    kept = [_only(p, ~chosen[u]) for p, u in zip(planes, units, strict=True)]
    out = [_only(p, chosen[u]) for p, u in zip(planes, units, strict=True)]
    n_units = int((table.sum(axis=1) > 0).sum())
    return Holdout(kept, out, f"validation on {len(held)} of {n_units} {word}")


def is_dense(planes: Sequence[Plane]) -> bool:
    """Whether the labels are areas or masks, and not strokes."""
    labelled = sum(int((p.index != UNLABELLED).sum()) for p in planes)
    return labelled > DENSE_SHARE * sum(p.index.size for p in planes)


def _numbered(planes: Sequence[Plane], dense: bool) -> list[npt.NDArray[np.int64]]:
    """Give strokes or blocks of all planes numbers from 1; 0 = unlabelled."""
    numbered, n = [], 0
    for plane in planes:
        marks = plane.index + np.int16(1)
        ids, found = _blocks(marks.shape) if dense else number_strokes(marks)
        numbered.append(np.where(marks > 0, ids + n, 0))
        n += found
    return numbered


def _blocks(shape: tuple[int, int]) -> tuple[npt.NDArray[np.int64], int]:
    side = int(np.clip(min(shape) // 4, *BLOCK_PX))
    rows, columns = (np.arange(n) // side for n in shape)
    per_row = int(columns[-1]) + 1
    ids = rows[:, np.newaxis] * per_row + columns + 1
    return ids, int(ids.max())


def _count(
    planes: Sequence[Plane], units: Sequence[npt.NDArray[np.int64]], n_classes: int
) -> npt.NDArray[np.int64]:
    """Count the pixels of each class in each unit ``(units, K)``."""
    n = max(int(u.max()) for u in units)
    table = np.zeros((n, n_classes), np.int64)
    for plane, ids in zip(planes, units, strict=True):
        at = ids > 0
        np.add.at(table, (ids[at] - 1, plane.index[at]), 1)
    return table


def _draw(
    table: npt.NDArray[np.int64], share: float, rng: np.random.Generator
) -> npt.NDArray[np.int64] | None:
    """Choose units (numbers from 1) that hold as many classes as possible.

    Training must keep every class, and validation needs two to tell apart.
    """
    filled = np.flatnonzero(table.sum(axis=1))
    n_out = round(share * len(filled))
    best, best_classes = None, 1
    for _ in range(TRIES):
        held = rng.choice(filled, n_out, replace=False)
        rest = np.delete(table, held, axis=0)
        n_held_classes = int((table[held].sum(axis=0) > 0).sum())
        if (rest.sum(axis=0) > 0).all() and n_held_classes > best_classes:
            best, best_classes = held + 1, n_held_classes
    return best


def _only(plane: Plane, keep: npt.NDArray[np.bool_]) -> Plane:
    index = np.where(keep, plane.index, np.int16(UNLABELLED))
    return Plane(plane.image, index)
