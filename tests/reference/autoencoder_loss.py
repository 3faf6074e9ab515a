"""The autoencoder's loss by its formula, and its layers as sums over pixels."""

import numpy as np


def divergence(mean, log_variance, n_pixels: int) -> float:
    """KL of N(mean, variance) from N(0, 1), per pixel."""
    variance = np.exp(log_variance)
    return float(((mean**2 + variance - log_variance - 1) / 2).sum() / n_pixels)


def squared_error(x, y, seen) -> np.ndarray:
    """Mean over the seen pixels, for each channel; x, y (B, H, W, C)."""
    return ((x - y) ** 2 * seen).sum(axis=(0, 1, 2)) / seen.sum()


def autocovariance(sample, dy: int, dx: int) -> np.ndarray:
    """Mean over positions of x_i(p + d) x_j(p), pairs outside the frame being 0."""
    n_channels, height, width = sample.shape
    total = np.zeros((n_channels, n_channels))
    for y, x in np.ndindex(height, width):
        if 0 <= y + dy < height and 0 <= x + dx < width:
            total += np.outer(sample[:, y + dy, x + dx], sample[:, y, x])
    return total / (height * width)
