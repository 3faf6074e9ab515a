"""Mean field of the Potts model, pixel by pixel, from the formula."""

from itertools import product

import numpy as np

TAPS = np.array([1, 4, 6, 4, 1]) / 16


def smooth(posterior, smoothing, no_data=None, passes=3, coupling=4.0):
    """posterior (K, *S) -> (K, *S)."""
    shape = posterior.shape[1:]
    silent = np.zeros(shape, bool) if no_data is None else no_data
    belief = posterior.astype(float)
    for _ in range(passes):
        new = belief.copy()
        for pixel in np.ndindex(shape):
            if silent[pixel]:
                continue
            message = np.zeros(len(posterior))
            for step in product(range(-2, 3), repeat=len(shape)):
                other = tuple(np.add(pixel, step))
                outside = any(not 0 <= i < n for i, n in zip(other, shape, strict=True))
                if other == pixel or outside or silent[other]:
                    continue
                weight = np.prod([TAPS[s + 2] for s in step])
                message += weight * belief[(slice(None), *other)]
            message /= 1 - TAPS[2] ** len(shape)
            odds = posterior[(slice(None), *pixel)] * np.exp(
                smoothing * coupling * message
            )
            new[(slice(None), *pixel)] = odds / odds.sum()
        belief = new
    powers = belief ** (1 / (1 + smoothing))
    return np.where(silent, belief, powers / powers.sum(axis=0))
