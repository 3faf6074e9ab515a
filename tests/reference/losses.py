"""Masked losses in plain NumPy."""

import numpy as np


def masked_loss(name, logits, index):
    """Mean over labelled pixels; logits (..., K), index (...), -1 = unlabelled."""
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    total, n = 0.0, 0
    for at in np.ndindex(index.shape):
        if index[at] < 0:
            continue
        truth = np.arange(logits.shape[-1]) == index[at]
        total += {
            "cross_entropy": -np.log(p[at][index[at]]),
            "squared_error": np.mean((p[at] - truth) ** 2),
        }[name]
        n += 1
    return total / max(n, 1)
