"""What a network is told of labels: one map for each kind of pixel."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

# Background, inside of an object, border of an object.
N_OBJECT_KINDS = 3
MAX_CLASSES = 32
# The kind of a pixel whose label is not known: all its maps are 0.
UNKNOWN = 255


@dataclass(frozen=True, slots=True)
class Conditions:
    """Label maps as kinds of pixels.

    Parameters
    ----------
    task : str
        ``"classes"``: a kind for each value. ``"instances"``: background, inside and
        border of objects, so that ids of any number and order mean the same.
    values : array of shape (K,)
        The classes, ascending; empty without labels and for instances.
    n_kinds : int
        0 without labels.
    """

    task: str
    values: Array
    n_kinds: int

    @classmethod
    def of(cls, task: str, values: Array) -> "Conditions":
        """Take the label values of a fit, ascending."""
        if len(values) == 0:
            return cls(task, values, 0)
        if task == "instances":
            return cls(task, values[:0], N_OBJECT_KINDS)
        return cls(task, values, len(values))

    @classmethod
    def restored(cls, task: str, values: Array, n_kinds: Any) -> "Conditions":
        """Take what a model file says; ValueError unless it can be true."""
        wanted = len(values) if task == "classes" else N_OBJECT_KINDS
        if type(n_kinds) is not int or n_kinds not in (0, wanted):
            raise ValueError("the kinds of labels do not fit the label values.")
        is_rising = values.ndim == 1 and bool((values[1:] > values[:-1]).all())
        if not is_rising or values.dtype.kind != "u" or len(values) > MAX_CLASSES:
            raise ValueError("the label values are damaged.")
        return cls(task, values, n_kinds)

    def kinds(self, labels: Array) -> npt.NDArray[np.uint8]:
        """Say of which kind each pixel of ``(*S)`` is, from 0."""
        if self.task == "instances":
            inside = labels != 0
            kinds: npt.NDArray[np.uint8] = inside.astype(np.uint8)
            kinds[inside & is_border(labels)] = 2
            return kinds
        found = np.searchsorted(self.values, labels.astype(np.uint64))
        known: npt.NDArray[np.uint8] = np.minimum(found, self.n_kinds - 1).astype(
            np.uint8
        )
        return known

    def maps(self, kinds: Array) -> npt.NDArray[np.float32]:
        """Return a map of 0 and 1 for each kind, ``(*S, n_kinds)``."""
        one_hot: npt.NDArray[np.float32] = kinds[..., np.newaxis] == np.arange(
            self.n_kinds, dtype=np.uint8
        )
        return one_hot.astype(np.float32)


def is_border(labels: Array) -> npt.NDArray[np.bool_]:
    """Whether a neighbour along any axis has another label."""
    border = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        before = (slice(None),) * axis + (slice(None, -1),)
        after = (slice(None),) * axis + (slice(1, None),)
        differs = labels[before] != labels[after]
        border[before] |= differs
        border[after] |= differs
    return border
