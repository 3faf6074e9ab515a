"""Bending an image by the definition: each output pixel, one at a time."""

import numpy as np


def mirror(i: int, n: int) -> int:
    """Walk back at the borders; the edge pixel counts twice."""
    while not 0 <= i < n:
        i = -1 - i if i < 0 else 2 * n - 1 - i
    return i


def nearest_labels(labels, positions):
    """Value of the pixel nearest to each of the positions (2, H, W)."""
    result = np.empty(positions.shape[1:], labels.dtype)
    for y, x in np.ndindex(*result.shape):
        py, px = positions[:, y, x]
        at = mirror(int(np.floor(py + 0.5)), labels.shape[0])
        result[y, x] = labels[at, mirror(int(np.floor(px + 0.5)), labels.shape[1])]
    return result


def cubic_weights(t: float) -> np.ndarray:
    """Uniform cubic B-spline at t in 0..1 between the middle two of four knots."""
    return (
        np.array(
            [
                (1 - t) ** 3,
                3 * t**3 - 6 * t**2 + 4,
                -3 * t**3 + 3 * t**2 + 3 * t + 1,
                t**3,
            ]
        )
        / 6
    )


def displacement(grid, y: float, x: float, spacing) -> float:
    """Bending at output pixel (y, x); the grid begins one knot before the output."""
    u, v = y / spacing[0], x / spacing[1]
    i, j = int(u), int(v)
    block = grid[i : i + 4, j : j + 4]
    return float(cubic_weights(u - i) @ block @ cubic_weights(v - j))
