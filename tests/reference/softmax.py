"""Softmax regression straight from its formula, one pixel at a time."""

import numpy as np


def scale(features, weights):
    """(M, F) -> spread, mean, deviation of x / (|x| + spread)."""
    spread = 2 * np.sqrt((weights[:, None] * features**2).sum(axis=0))
    z = features / (np.abs(features) + spread)
    mean = (weights[:, None] * z).sum(axis=0)
    return spread, mean, np.sqrt((weights[:, None] * (z - mean) ** 2).sum(axis=0))


def scaled(features, spread, mean, deviation):
    return (features / (np.abs(features) + spread) - mean) / deviation


def probabilities(theta, z):
    """theta (K, F + 1), z (F,) -> (K,)."""
    odds = np.exp([row[:-1] @ z + row[-1] for row in theta])
    return odds / odds.sum()


def loss(theta, z, class_index, weights, penalty):
    """Weighted cross-entropy plus penalty / 2 times the squared weights."""
    total = 0.0
    for pixel, k, w in zip(z, class_index, weights, strict=True):
        total -= w * np.log(probabilities(theta, pixel)[k])
    return total + penalty / 2 * (theta[:, :-1] ** 2).sum()


def adam(theta, gradients, learning_rate):
    """Weights after each step of Adam; its means as sums over all steps before."""
    passed = []
    for t in range(1, len(gradients) + 1):
        age = np.arange(t)[::-1, None]
        mean, square = (
            (decay**age * gradients[:t] ** power).sum(axis=0) / (decay**age).sum()
            for decay, power in ((0.9, 1), (0.999, 2))
        )
        theta = theta - learning_rate * mean / (np.sqrt(square) + 1e-8)
        passed.append(theta)
    return passed
