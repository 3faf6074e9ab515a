"""Images of squares, with the truth."""

import numpy as np


def field(seed, shape=(40, 44), n=3):
    """Bright squares on a dark noisy ground, and where they are."""
    rng = np.random.default_rng(seed)
    image, truth = rng.normal(60, 6, shape), np.zeros(shape, np.uint8)
    for i in range(n):
        y, x = 4 + 12 * i, rng.integers(4, shape[1] - 12)
        truth[y : y + 8, x : x + 8] = i + 1
    image[truth > 0] += 90
    return image.clip(0, 255).astype(np.uint8), truth
