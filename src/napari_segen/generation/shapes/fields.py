"""Smooth random fields, made on a coarse grid so that their size costs little."""

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.generation.shapes.canvas import Canvas, Floats

# Variance that a cubic B-spline of white coefficients keeps along an axis, on average.
_KEPT = 0.479


def smooth_field(canvas: Canvas, scale: float, rng: np.random.Generator) -> Floats:
    """Draw a field ``(*S)``, mean 0, variance 1, that varies over `scale` pixels.

    It is no finer than the pixels are.
    """
    steps = [max(scale / v, 1.0) for v in canvas.voxel]
    sizes = [int(n / s) + 5 for n, s in zip(canvas.shape, steps, strict=True)]
    field = rng.standard_normal(sizes, np.float32)
    # The last axis first, while the others are short: it is the slow one to index.
    for axis in reversed(range(canvas.ndim)):
        field = _spread(field, axis, canvas.shape[axis], steps[axis])
    field *= np.float32(_KEPT ** (-canvas.ndim / 2))
    return field


def _spread(coarse: Floats, axis: int, n: int, step: float) -> Floats:
    """Evaluate a cubic B-spline at n pixels of an axis, `step` pixels a coefficient."""
    place = (np.arange(n) + 0.5) / step
    first = place.astype(np.intp)
    shape = [-1 if i == axis else 1 for i in range(coarse.ndim)]
    result = None
    for k, weight in enumerate(_weights(place - first)):
        part: Floats = np.take(coarse, first + k, axis=axis)
        part *= weight.astype(np.float32).reshape(shape)
        result = part if result is None else np.add(result, part, out=result)
    assert result is not None
    return result


def _weights(t: Array) -> list[Array]:
    """Cubic B-spline weights of the four coefficients around a place."""
    return [
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    ]
