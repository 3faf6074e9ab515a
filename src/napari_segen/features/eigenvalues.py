"""Eigenvalues of symmetric matrices, compiled by Numba; see `compiled`."""

import numpy as np
from numba import njit

from napari_segen.core.imagespec import Array

# cos(2/3 arccos t) on 0 <= t <= 1 to 4e-9, lowest power first: Chebyshev's expansion.
_THIRD = (
    0.500000003258,
    0.577349719823,
    -0.111095683296,
    0.053288656001,
    -0.031961295456,
    0.019675718198,
    -0.010325493063,
    0.003707686472,
    -0.000639314366,
)

_TINY = 1e-300  # a matrix with three equal eigenvalues has no cube to divide by

_options = {"nogil": True, "cache": True, "fastmath": {"contract"}}


@njit(**_options)  # type: ignore[untyped-decorator]
def eigenvalues_2(aa: Array, ab: Array, bb: Array, high: Array, low: Array) -> None:
    """Eigenvalues of symmetric 2 x 2 matrices, all arrays float32 of shape (n,)."""
    half = np.float32(0.5)
    for i in range(aa.size):
        mean, difference = half * (aa[i] + bb[i]), half * (aa[i] - bb[i])
        spread = np.sqrt(difference * difference + ab[i] * ab[i])
        high[i] = mean + spread
        low[i] = mean - spread


@njit(**_options)  # type: ignore[untyped-decorator]
def _cosine_of_third(cosine: float) -> float:
    """Return cos(angle / 3) for the cosine of an angle from 0 to pi."""
    # In the cosine of half the angle this has no singularity.
    t = np.sqrt(max(0.5 + 0.5 * cosine, 0.0))
    value = 0.0
    for coefficient in _THIRD[::-1]:
        value = value * t + coefficient
    return value


@njit(**_options)  # type: ignore[untyped-decorator]
def eigenvalues_3(
    upper: tuple[Array, Array, Array, Array, Array, Array],
    high: Array,
    middle: Array,
    low: Array,
) -> None:
    """Eigenvalues of symmetric 3 x 3 matrices, all arrays float32 of shape (n,).

    Parameters
    ----------
    upper : six arrays
        The upper triangle, row by row.

    Notes
    -----
    Trigonometric solution of the characteristic cubic (O. K. Smith, 1961), in
    float64: in float32 its cancellation would reach 1e-3 of the largest eigenvalue.
    Its cosines are polynomials, which run at the full width of the processor's vectors.
    """
    aa, ab, ac, bb, bc, cc = upper
    for i in range(aa.size):
        a, b, c = np.float64(aa[i]), np.float64(bb[i]), np.float64(cc[i])
        d, e, f = np.float64(bc[i]), np.float64(ac[i]), np.float64(ab[i])
        mean = (a + b + c) / 3.0
        a, b, c = a - mean, b - mean, c - mean
        squares = a * a + b * b + c * c + 2.0 * (d * d + e * e + f * f)
        radius = np.sqrt(squares / 6.0)
        determinant = a * (b * c - d * d) - f * (f * c - d * e) + e * (f * d - b * e)
        cube = 2.0 * radius * radius * radius
        ratio = min(max(determinant / max(cube, _TINY), -1.0), 1.0)
        largest = 2.0 * radius * _cosine_of_third(ratio)
        smallest = -2.0 * radius * _cosine_of_third(-ratio)
        high[i] = mean + largest
        middle[i] = mean - min(max(largest + smallest, -largest), -smallest)
        low[i] = mean + smallest
