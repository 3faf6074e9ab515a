"""Where the next strokes would teach most.

A place is worth the more

* the less sure its class is (uncertainty sampling: Lewis and Gale, "A sequential
  algorithm for training text classifiers", SIGIR 1994),
* the more novel it is: where nothing labelled is near, the posterior is a guess,
* the farther it is from all that is labelled or suggested already.

A stroke covers more than a pixel, so all this is asked of cells as wide as the widest
filter, each with those around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_segen.core.imagespec import FRAME, Array, ImageSpec

# Distances are in widths of the widest filter.
APART = 3.0  # nearer places look at much the same
REACH = 22.0  # farther does not count for more
TIME_STEP = 1.5  # how far neighbouring time points count as apart
UNRELATED = 1e6  # separate images


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of an array of labels, and how far apart they are.

    Parameters
    ----------
    cell : tuple of int
        Pixels along each axis.
    step : tuple of float
        Distance of neighbouring cells along each axis, in widths of the widest filter.
    """

    cell: tuple[int, ...]
    step: tuple[float, ...]

    @classmethod
    def of(cls, spec: ImageSpec, sigmas_px: Sequence[Sequence[float]]) -> "Grid":
        """Lay a grid over labels of `spec`, for filters of these widths in pixels."""
        widest = iter(np.max(sigmas_px, axis=0).tolist())
        cells, steps = [], []
        for axis in spec.label_axes:
            if axis in FRAME:
                cells.append(1)
                steps.append(TIME_STEP if axis == "t" else UNRELATED)
            else:
                width = next(widest)
                cells.append(max(round(width), 1))
                steps.append(cells[-1] / width)
        return cls(tuple(cells), tuple(steps))

    def shape(self, pixels: tuple[int, ...]) -> tuple[int, ...]:
        """Count the cells along each axis of an array of a shape in pixels."""
        return tuple(-(-n // c) for n, c in zip(pixels, self.cell, strict=True))

    def sums(self, values: Array) -> npt.NDArray[np.float32]:
        """Sum an array ``(*L)`` over each cell; cells at the end may be cut."""
        result = values
        for axis, c in enumerate(self.cell):
            starts = np.arange(0, values.shape[axis], c)
            result = np.add.reduceat(result, starts, axis=axis, dtype=np.float32)
        return np.asarray(result, np.float32)

    def far_from(self, taken: Array) -> npt.NDArray[np.float32]:
        """Return each cell's distance to the nearest taken one, at most `REACH`."""
        if not taken.any():
            return np.full(taken.shape, REACH, np.float32)
        found = ndimage.distance_transform_edt(~taken, sampling=self.step)
        return np.asarray(np.minimum(found, REACH), np.float32)

    def from_cell(
        self, at: Sequence[int], shape: tuple[int, ...]
    ) -> npt.NDArray[np.float32]:
        """Return each cell's distance to one of them."""
        lines = np.ogrid[tuple(slice(0, n) for n in shape)]
        squares = [
            ((line - i) * s) ** 2
            for line, i, s in zip(lines, at, self.step, strict=True)
        ]
        return np.asarray(np.sqrt(sum(squares)), np.float32)


def teaching_value(uncertainty: Array, novelty: Array) -> npt.NDArray[np.float32]:
    """Return how much a label of each pixel would teach: the product of both."""
    return np.asarray(uncertainty * novelty, np.float32)


def suggested_places(
    value: Array,
    n: int,
    grid: Grid,
    *,
    usable: Array | None = None,
    labelled: Array | None = None,
    avoid: Array | None = None,
) -> npt.NDArray[np.intp]:
    """Choose up to `n` pixels where a stroke would teach most, the best first.

    Fewer where no other place is far enough from what is labelled or suggested.

    Parameters
    ----------
    value : float32 array of shape (*L)
        `teaching_value`.
    n : int
    grid : Grid
    usable : bool array of shape (*L), optional
        Pixels that may be suggested: those with data.
    labelled : array of shape (*L), optional
        Scribbles; 0 = unlabelled.
    avoid : int array of shape (M, len(L)), optional
        Pixels that were suggested before.

    Returns
    -------
    int array of shape (m, len(L))
    """
    free = np.ones(value.shape, bool) if usable is None else usable.copy()
    shape = grid.shape(value.shape)
    taken = np.zeros(shape, bool)
    if labelled is not None:
        free &= labelled == 0
        taken |= grid.sums(labelled != 0) > 0
    if avoid is not None and len(avoid):
        taken[tuple((np.asarray(avoid) // grid.cell).T)] = True
    size = float(np.prod(grid.cell))
    worth = grid.sums(np.where(free, value, 0)) / size
    around = [1 if step >= TIME_STEP else 3 for step in grid.step]
    worth = ndimage.uniform_filter(worth, around, mode="constant")
    possible = grid.sums(free) > 0
    far = grid.far_from(taken)
    places: list[tuple[int, ...]] = []
    while len(places) < n:
        score = np.where(possible & (far >= APART), worth * far, -1)
        best = tuple(map(int, np.unravel_index(score.argmax(), shape)))
        if score[best] < 0:
            break
        places.append(_pixel(grid, best, value, free))
        far = np.minimum(far, grid.from_cell(best, shape))
    return np.array(places, np.intp).reshape(-1, value.ndim)


def _pixel(grid: Grid, at: Sequence[int], value: Array, free: Array) -> tuple[int, ...]:
    """Return the cell's free pixel of the highest value."""
    corner = [i * c for i, c in zip(at, grid.cell, strict=True)]
    box = tuple(slice(i, i + c) for i, c in zip(corner, grid.cell, strict=True))
    inside = np.where(free[box], value[box], -1)
    found = np.unravel_index(inside.argmax(), inside.shape)
    return tuple(i + int(j) for i, j in zip(corner, found, strict=True))


def check_count(n: object) -> None:
    """Raise TypeError or ValueError unless `n` is a number of places."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(f"n must be an integer, got {n!r}.")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}.")


def checked_places(avoid: object, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Return positions as ``(M, len(shape))``; ValueError unless within `shape`."""
    places = np.asarray([] if avoid is None else avoid)
    if places.size == 0:
        return np.zeros((0, len(shape)), np.intp)
    fits = places.ndim == 2 and places.shape[1] == len(shape)
    if not fits or (places < 0).any() or (places >= shape).any():
        raise ValueError(
            f"avoid must be pixels of labels of shape {shape}, one row each, got an "
            f"array of shape {places.shape}."
        )
    return places.astype(np.intp)
