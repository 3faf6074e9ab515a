"""A map from output pixels to source positions, for images and labels alike.

Beyond its border a source goes on as its mirror image (the edge pixel twice).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_segen.core.imagespec import Array

SLAB_PIXELS = 2**17
_SPLINE_ORDER = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Warp:
    """Output pixel p comes from source position ``matrix @ p + offset + elastic(p)``.

    Parameters
    ----------
    shape : tuple of int
        Of the output (*T).
    matrix : array of shape (ndim, ndim)
    offset : array of shape (ndim,)
    elastic : array of shape (ndim, *G), or None
        Displacement in source pixels: cubic B-spline coefficients on a coarse grid.
    spacing : float array of shape (ndim,)
        Output pixels between grid points.
    """

    shape: tuple[int, ...]
    matrix: Floats
    offset: Floats
    elastic: Floats | None
    spacing: Floats

    @property
    def is_shift(self) -> bool:
        """Whether pixels move by whole pixels only, so that values are copied."""
        return (
            self.elastic is None
            and bool(np.array_equal(self.matrix, np.eye(len(self.shape))))
            and bool(np.all(self.offset == np.rint(self.offset)))
        )

    def bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest source position ``(ndim,)`` that may be asked for."""
        ends = self.matrix * (np.array(self.shape) - 1)
        low = self.offset + np.minimum(ends, 0).sum(axis=1)
        high = self.offset + np.maximum(ends, 0).sum(axis=1)
        if self.elastic is None:
            return low, high
        # A B-spline stays between the least and the greatest of its coefficients.
        axes = tuple(range(1, self.elastic.ndim))
        return low + self.elastic.min(axis=axes), high + self.elastic.max(axis=axes)

    def slabs(self) -> Iterator[slice]:
        """Cut the output's first axis into parts of about `SLAB_PIXELS` pixels."""
        rows = max(1, SLAB_PIXELS // max(1, int(np.prod(self.shape[1:]))))
        for start in range(0, self.shape[0], rows):
            yield slice(start, min(start + rows, self.shape[0]))

    def positions(self, rows: slice) -> Floats:
        """Source positions ``(ndim, rows, *T[1:])`` of a slab of output pixels."""
        sizes = (rows.stop - rows.start, *self.shape[1:])
        starts = (rows.start, *(0 for _ in self.shape[1:]))
        grid = [
            (np.arange(n, dtype=float) + s).reshape([-1 if i == j else 1 for j in axes])
            for i, (n, s) in enumerate(zip(sizes, starts, strict=True))
            for axes in [range(len(sizes))]
        ]
        found = np.empty((len(sizes), *sizes))
        for i, row in enumerate(self.matrix):
            found[i] = self.offset[i] + sum(
                a * g for a, g in zip(row, grid, strict=True)
            )
            if self.elastic is not None:
                found[i] += _spline(self.elastic[i], starts, sizes, self.spacing)
        return found


def _spline(
    coefficients: Floats,
    starts: tuple[int, ...],
    sizes: tuple[int, ...],
    spacing: Floats,
) -> Floats:
    """Evaluate a B-spline whose grid begins one point before the output."""
    values = coefficients
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        along = (np.arange(size) + start) / spacing[axis]
        first = along.astype(np.intp)
        shape = [-1 if i == axis else 1 for i in range(len(sizes))]
        parts = [
            weights.reshape(shape) * np.take(values, first + k, axis)
            for k, weights in enumerate(_cubic_weights(along - first))
        ]
        values = parts[0] + parts[1] + parts[2] + parts[3]
    return values


def _cubic_weights(t: Floats) -> Floats:
    """Cubic B-spline weights (4, n) of the grid points about a position between two.

    Parameters
    ----------
    t : array of shape (n,)
        From 0 to 1, from the second of the four points on.
    """
    u = 1 - t
    inner = [(4 - 6 * x**2 + 3 * x**3) / 6 for x in (t, u)]
    return np.stack([u**3 / 6, *inner, t**3 / 6])


def elastic_grid(
    shape: tuple[int, ...],
    amplitude: Floats,
    spacing: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Draw a smooth random displacement ``(ndim, *G)`` for an output of `shape`.

    Parameters
    ----------
    amplitude : array of shape (ndim,)
        Root mean square displacement along each axis, in pixels.
    spacing : array of shape (ndim,)
        Pixels between grid points.
    """
    sizes = [int(np.ceil((n - 1) / s)) + 4 for n, s in zip(shape, spacing, strict=True)]
    # A cubic B-spline of white coefficients keeps 0.50 of their variance at the grid
    # points and 0.46 between them, along each axis.
    scale = amplitude / np.sqrt(0.48 ** len(shape))
    noise = rng.standard_normal((len(shape), *sizes))
    grid: Floats = noise * scale.reshape(-1, *(1 for _ in shape))
    return grid


def nearest_index(positions: Floats) -> tuple[Array, ...]:
    """Index of the pixel nearest to each of `positions`, along each axis."""
    return tuple(np.floor(p + 0.5).astype(np.intp) for p in positions)


def mirrored(index: Sequence[Array], shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Fold indices along each axis: ``... 1 0 | 0 1 ... n-1 | n-1 ...``."""
    return tuple(_folded(i % (2 * n), n) for i, n in zip(index, shape, strict=True))


def _folded(index: Array, n: int) -> Array:
    return np.where(index < n, index, 2 * n - 1 - index)


def spline_coefficients(plane: Array) -> Floats:
    """Prepare a plane ``(*S)`` without missing values for `interpolate`."""
    coefficients: Floats = ndimage.spline_filter(
        plane.astype(np.float64), order=_SPLINE_ORDER, mode="reflect"
    )
    return coefficients


def interpolate(coefficients: Floats, positions: Floats) -> Floats:
    """Cubic spline through a plane's pixels, at `positions` (ndim, ...)."""
    values: Floats = ndimage.map_coordinates(
        coefficients, positions, order=_SPLINE_ORDER, mode="reflect", prefilter=False
    )
    return values
