"""How two label images of the same pixels differ: two results, or result and truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.checks import check_labels
from napari_segen.core.imagespec import Array
from napari_segen.core.metrics import confusion


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of pixels by what one image says of them and what the other.

    Parameters
    ----------
    classes : int array of shape (K,)
        All values that occur in either, ascending.
    table : int array of shape (K, K)
        Pixels of each value in the first image (rows) and in the second (columns).
    """

    classes: Array
    table: npt.NDArray[np.int64]

    @property
    def changed(self) -> float:
        """Share of the pixels whose values differ."""
        return 1 - float(np.trace(self.table)) / float(self.table.sum())

    @property
    def dice(self) -> npt.NDArray[np.float64]:
        """Twice the common pixels over the sum of both, each class ``(K,)``."""
        return 2 * np.diag(self.table) / self._in_both

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """Common pixels over those that either image has, each class ``(K,)``."""
        hit = np.diag(self.table)
        return np.asarray(hit / (self._in_both - hit))

    @property
    def kappa(self) -> float:
        """Agreement beyond chance (Cohen 1960): 1 in all, 0 as much as by chance.

        1 where both images have one and the same value everywhere.
        """
        n = float(self.table.sum())
        by_chance = float(self.table.sum(axis=0) @ self.table.sum(axis=1).astype(float))
        by_chance /= n * n
        return 1.0 if by_chance == 1 else 1 - self.changed / (1 - by_chance)

    @property
    def _in_both(self) -> npt.NDArray[np.int64]:
        sums: npt.NDArray[np.int64] = self.table.sum(axis=0) + self.table.sum(axis=1)
        return sums


def agreement(first: Any, second: Any, *, unlabelled: int | None = None) -> Agreement:
    """Compare two label images pixel by pixel.

    Parameters
    ----------
    first, second : integer arrays of the same shape
    unlabelled : int, optional
        Pixels that have this value in either image do not count; None: all count.
    """
    one, other = _same_pixels(first, second)
    counts = np.ones(one.shape, bool)
    if unlabelled is not None:
        counts = (one != unlabelled) & (other != unlabelled)
    if not counts.any():
        raise ValueError(
            f"first and second have no pixel that is labelled in both (not "
            f"{unlabelled}). Compare images that overlap."
        )
    one, other = one[counts], other[counts]
    classes = np.union1d(np.unique(one), np.unique(other)).astype(np.int64)
    return Agreement(classes, confusion(other, one, classes)[:, :-1])


def difference(first: Any, second: Any) -> Array:
    """Return the second image where it differs from the first, 0 elsewhere."""
    one, other = _same_pixels(first, second)
    return np.where(one != other, other, 0).astype(other.dtype)


def _same_pixels(first: Any, second: Any) -> tuple[Array, Array]:
    one, other = check_labels(first, "first"), check_labels(second, "second")
    if one.shape != other.shape:
        raise ValueError(
            f"first has shape {one.shape}, but second {other.shape}. Compare labels of "
            "the same image."
        )
    if one.size == 0:
        raise ValueError("first and second are empty: there is nothing to compare.")
    return one, other
