"""EM for a Gaussian mixture, one point and one component at a time."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal


def round_of(weights, means, covariances, points, target, strength):
    """One round on points (M, D): new weights, means, covariances; log likelihood."""
    log_joint = np.stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(points)
            for w, m, c in zip(weights, means, covariances, strict=True)
        ]
    )
    total = logsumexp(log_joint, axis=0)
    belongs = np.exp(log_joint - total)
    new_means, new_covariances = [], []
    for r in belongs:
        mean = sum(ri * x for ri, x in zip(r, points, strict=True)) / r.sum()
        scatter = sum(
            ri * np.outer(x - mean, x - mean) for ri, x in zip(r, points, strict=True)
        )
        new_means.append(mean)
        new_covariances.append((scatter + strength * target) / (r.sum() + strength))
    return belongs.mean(axis=1), np.stack(new_means), new_covariances, total.sum()
