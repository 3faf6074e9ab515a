"""Gaussian class models with shrinkage, and Bayes' theorem, one pixel at a time."""

import numpy as np


def fit(z, class_index, strokes, weights, shrinkage):
    """z (M, F) -> a list of (mean, covariance, frequency), one entry per class."""
    means, own, trust = [], [], []
    for k in range(class_index.max() + 1):
        inside = class_index == k
        x, w = z[inside], weights[inside] / weights[inside].sum()
        means.append(w @ x)
        own.append(sum(wi * np.outer(d, d) for wi, d in zip(w, x - w @ x, strict=True)))
        trust.append(min(len(set(strokes[inside])), inside.sum() - 1))
    within = sum(n * c for n, c in zip(trust, own, strict=True))
    common = (within + shrinkage * np.eye(z.shape[1])) / (sum(trust) + shrinkage)
    shrunk = [
        (n * c + shrinkage * common) / (n + shrinkage)
        for n, c in zip(trust, own, strict=True)
    ]
    shares = [weights[class_index == k].sum() for k in range(len(means))]
    return list(zip(means, shrunk, shares, strict=True))


def posterior(models, z):
    """z (F,) -> (K,)."""
    log_density = np.array(
        [
            np.log(share)
            - 0.5 * (z - m) @ np.linalg.solve(c, z - m)
            - 0.5 * np.log(np.linalg.det(c))
            for m, c, share in models
        ]
    )
    density = np.exp(log_density - log_density.max())
    return density / density.sum()
