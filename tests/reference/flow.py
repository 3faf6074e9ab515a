"""Flow matching on a straight path, straight from the formulas."""

import numpy as np


def pixels_at(noise, image, t):
    """Go straight from noise at t = 0 to the image at t = 1."""
    return np.array([(1 - t) * n + t * x for n, x in zip(noise, image, strict=True)])


def best_guess(mean, std, pixels, t):
    """E[image - noise | pixels at t], for images N(mean, std**2) and noise N(0, 1).

    Both are normal, so it is linear: the mean of image - noise, and its covariance
    with the pixels, (t std**2 - (1 - t)), over their variance.
    """
    variance = (t * std) ** 2 + (1 - t) ** 2
    slope = (t * std**2 - (1 - t)) / variance
    return mean + slope * (pixels - t * mean)


def arrival(mean, std, start):
    """Where the best guess carries a start from N(0, 1): to the same quantile."""
    return mean + std * start
