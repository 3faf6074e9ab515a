"""One number that makes a network's probabilities honest on held-out labels."""

import math

import numpy as np

from napari_segen.core.imagespec import Array

LIMITS = (0.2, 10.0)
# Pixels of one stroke are nearly copies of each other: two strokes know little of how
# sure to be. Before any is seen, ln T is taken to be 0, give or take a half.
PULL = 2.0
_GOLDEN = (math.sqrt(5) - 1) / 2


def cost(log_temperature: float, logits: Array, truth: Array, n_units: int) -> float:
    """Mean log loss of logits ``(M, K)`` over the temperature, and the pull to 1."""
    scaled = logits / math.exp(log_temperature)
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    right = scaled[np.arange(len(truth)), truth]
    loss = np.log(np.exp(scaled).sum(axis=1)) - right
    return float(loss.mean()) + PULL / n_units * log_temperature**2


def fit_temperature(logits: Array, truth: Array, n_units: int) -> float:
    """Find the temperature that logits are divided by (Guo et al. 2017).

    Parameters
    ----------
    logits : float array of shape (M, K)
        Of held-out pixels.
    truth : int array of shape (M,)
        Which class each is.
    n_units : int
        How many strokes, blocks or images they come from: the more, the more is
        believed.

    Returns
    -------
    float from 0.2 to 10; 1 where there is no pixel
    """
    if len(truth) == 0:
        return 1.0
    values = logits.astype(np.float64)
    low, high = (math.log(t) for t in LIMITS)
    while high - low > 1e-3:
        # Golden section: in 1 / T the loss is convex, so that it has one valley.
        width = _GOLDEN * (high - low)
        if cost(high - width, values, truth, n_units) < cost(
            low + width, values, truth, n_units
        ):
            high = low + width
        else:
            low = high - width
    return math.exp((low + high) / 2)
