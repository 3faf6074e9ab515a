"""Small problems that a small network learns within seconds."""

import numpy as np

TINY = {
    "unet": {"params": {"filters": 16, "depth": 1}, "patch_px": 32, "batch_size": 4},
    "patch": {
        "params": {"filters": (8, 8), "dense_units": 16},
        "patch_px": 12,
        "batch_size": 64,
    },
}
# Steps after which the bright half is told from the dark one.
STEPS = {"unet": 100, "patch": 80}


def halves(shape=(48, 56), seed=0):
    """A dark and a bright half with noise; the truth is 3 (dark) and 7 (bright)."""
    rng = np.random.default_rng(seed)
    truth = np.full(shape, 3)
    truth[:, shape[1] // 2 :] = 7
    image = 40 + 100 * (truth == 7) + rng.normal(0, 10, shape)
    return image.astype(np.uint8), truth


def two_strokes(truth):
    """One horizontal stroke in each half."""
    scribbles = np.zeros_like(truth)
    scribbles[20:23, 5:20] = truth[20:23, 5:20]
    scribbles[20:23, -20:-5] = truth[20:23, -20:-5]
    return scribbles
