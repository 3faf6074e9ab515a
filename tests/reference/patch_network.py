"""The textbook network on one patch, in plain NumPy, straight from its definition."""

import numpy as np

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}
POOLINGS = {"max": np.max, "average": np.mean}


def convolve(x, kernel, bias):
    """Valid cross-correlation of (H, W, C) with (k, k, C, F)."""
    k = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(0, 1))
    return np.einsum("hwcij,ijcf->hwf", windows, kernel) + bias


def pool(x, how):
    """2 x 2 pooling with stride 2; an odd last row or column is dropped."""
    h, w = x.shape[0] // 2, x.shape[1] // 2
    cells = x[: 2 * h, : 2 * w].reshape(h, 2, w, 2, -1)
    return POOLINGS[how](cells, axis=(1, 3))


def posterior_of_patch(patch, weights, activation, pooling):
    """Class probabilities (K,) of a patch (P, P, C)."""
    bend, x = ACTIVATIONS[activation], patch.astype(float)
    *convolutions, hidden, hidden_bias, last, last_bias = weights
    for kernel, bias in zip(convolutions[::2], convolutions[1::2], strict=True):
        x = pool(bend(convolve(x, kernel, bias)), pooling)
    logits = bend(x.ravel() @ hidden + hidden_bias) @ last + last_bias
    p = np.exp(logits - logits.max())
    return p / p.sum()
