"""The periodic part of an image, straight from its definition."""

import numpy as np


def periodic_part(u: np.ndarray) -> np.ndarray:
    """Solve: Laplacian on the torus of p = Laplacian of u that stops at borders.

    Of the solutions it is the one with the mean of `u` (Moisan 2011).
    """
    shape = u.shape
    index = np.arange(u.size).reshape(shape)
    torus = np.zeros((u.size, u.size))
    inside = np.zeros(u.size)
    flat = u.ravel().astype(float)
    for place in np.ndindex(*shape):
        here = index[place]
        for axis in range(u.ndim):
            for step in (-1, 1):
                other = list(place)
                other[axis] += step
                is_inside = 0 <= other[axis] < shape[axis]
                other[axis] %= shape[axis]
                there = index[tuple(other)]
                torus[here, there] += 1
                torus[here, here] -= 1
                if is_inside:
                    inside[here] += flat[there] - flat[here]
    # The mean is free: one more equation fixes it.
    system = np.vstack([torus, np.ones(u.size)])
    right = np.append(inside, flat.sum())
    return np.linalg.lstsq(system, right, rcond=None)[0].reshape(shape)
