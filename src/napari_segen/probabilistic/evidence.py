"""How much each feature of a pixel speaks for each class: exact sums.

*Evidence* of a pixel is an array ``(1 + F, K)``: first the log scores of a base, the
labelled pixels' average, then what each feature adds for each class. Down its columns
it sums to the log posterior, up to a number that the classes share: a difference of two
columns sums to the log odds of these two classes.

Scores of Gaussian classes are quadratic in the features: a product of two of them is
shared by both evenly, which is their Shapley value and their integrated gradient
(Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017).
What is exact for probabilities becomes exact for their logarithms, and the other way
round, by the logarithmic mean ``(p - q) / (log p - log q)`` as the rate of exchange
(Ang, "Decomposition analysis for policymaking in energy", Energy Policy 32, 2004).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

Evidence = npt.NDArray[np.float64]
LEAST = 1e-6  # of a probability, before its logarithm is taken


def gaussian_evidence(
    base: Array, means: Array, whitening: Array, z: Array
) -> Evidence:
    """Return the evidence of scaled features ``(F,)`` on Gaussian classes.

    Parameters
    ----------
    base : array of shape (K,)
        Log densities at 0.
    means : array of shape (K, F)
    whitening : array of shape (K, D, F)
    """
    w, at = whitening.astype(np.float64), z.astype(np.float64)
    moved = np.einsum("kdf,kf->kd", w, means - at / 2)
    return np.vstack([base, at[:, np.newaxis] * np.einsum("kdf,kd->fk", w, moved)])


def evidence_of_shares(base: Array, parts: Array) -> Evidence:
    """Turn what features add to probabilities into evidence.

    Parameters
    ----------
    base : array of shape (K,)
        Probabilities to begin with.
    parts : array of shape (F, K)
        What each feature adds to them.
    """
    p = base + parts.sum(axis=0)
    log_base, log_p = (np.log(np.maximum(a, LEAST)) for a in (base, p))
    return np.vstack([log_base, parts / _log_mean(p, base, log_p, log_base)])


def shares_of_evidence(evidence: Evidence) -> tuple[Array, Array]:
    """Turn evidence into what features add to probabilities: base, parts.

    As `evidence_of_shares` takes them; the parts of each feature sum to 0.
    """
    log_base, log_p = _log_softmax(evidence[0]), _log_softmax(evidence.sum(axis=0))
    base, parts = np.exp(log_base), evidence[1:]
    rate = _log_mean(np.exp(log_p), base, log_p, log_base)
    # What a feature does to all classes alike goes into the sum that divides them.
    shared = parts @ rate / rate.sum()
    return base, rate * (parts - shared[:, np.newaxis])


def mean_evidence(members: Sequence[Evidence], weights: Array) -> Evidence:
    """Return the evidence of a weighted mean of posteriors.

    Members may know more features than others: these come last.
    """
    n, k = max(len(e) for e in members) - 1, members[0].shape[1]
    base, parts = np.zeros(k), np.zeros((n, k))
    for evidence, weight in zip(members, weights, strict=True):
        own, added = shares_of_evidence(evidence)
        base += weight * own
        parts[: len(added)] += weight * added
    return evidence_of_shares(base, parts)


def _log_mean(p: Array, q: Array, log_p: Array, log_q: Array) -> Array:
    """Return ``(p - q) / (log p - log q)``; where both are alike, either."""
    log = log_p - log_q
    # Their quotient would be rounding.
    alike = np.abs(log) < 1e-7
    return np.where(alike, np.maximum(q, LEAST), (p - q) / np.where(alike, 1, log))


def _log_softmax(scores: Array) -> npt.NDArray[np.float64]:
    moved = scores - scores.max()
    return np.asarray(moved - np.log(np.exp(moved).sum()))
