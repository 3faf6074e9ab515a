"""How frequent the classes are, by Bayes' theorem.

A classifier takes the classes to be as frequent as they are painted, f_k. With
frequencies pi_k instead the posterior is ``p_k (pi_k / f_k) / sum_j p_j (pi_j / f_j)``.
"""

from collections.abc import Mapping
from numbers import Real

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array


def check_class_prior(class_prior: Mapping[int, float] | None) -> None:
    """Raise ValueError or TypeError unless it maps class values to probabilities."""
    if class_prior is None:
        return
    if not isinstance(class_prior, Mapping):
        raise TypeError(
            "class_prior must map each class value to its probability, got "
            f"{class_prior!r}."
        )
    for value, probability in class_prior.items():
        if isinstance(probability, bool) or not isinstance(probability, Real):
            raise TypeError(
                f"class_prior must hold numbers, got {probability!r} for class {value}."
            )
        if not 0 < probability < np.inf:
            raise ValueError(
                f"class_prior must be positive, got {probability!r} for class {value}."
            )


def prior_vector(
    class_prior: Mapping[int, float], classes: Array
) -> npt.NDArray[np.float32]:
    """Probability of each class ``(K,)``, in the order of `classes`, summing to one."""
    known = {int(v): float(p) for v, p in class_prior.items()}
    values = [int(v) for v in classes]
    if set(known) != set(values):
        raise ValueError(
            f"class_prior must name every class of {values} and no other, got "
            f"{sorted(known)}."
        )
    weights = np.array([known[v] for v in values])
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def completed_prior(
    percent: Mapping[int, float], classes: Array, shares: Array
) -> dict[int, float] | None:
    """Add to what is expected of some classes what is left for the others.

    Parameters
    ----------
    percent : mapping of int to float
        How frequent classes are expected to be; what is not among `classes` is left
        out. If all are given, only their ratios count.
    classes : int array of shape (K,)
    shares : float array of shape (K,)
        Those not given share what is left in these proportions.

    Returns
    -------
    dict of int to float, or None
        Sums to one; None where none of `classes` is given.
    """
    values = [int(v) for v in classes]
    known = {v: float(percent[v]) for v in values if v in percent}
    if not known:
        return None
    check_class_prior(known)
    others = {v: float(s) for v, s in zip(values, shares, strict=True)}
    others = {v: s for v, s in others.items() if v not in known}
    given = sum(known.values())
    if others and given >= 100:
        raise ValueError(
            f"The frequencies that are set add up to {given:g} percent: nothing is "
            f"left for class {', '.join(map(str, others))}. Lower them, or set all."
        )
    scale = (100 - given) / sum(others.values()) if others else 0.0
    found = known | {v: s * scale for v, s in others.items()}
    return {v: found[v] / sum(found.values()) for v in values}


def apply_prior(posterior: Array, prior: Array) -> npt.NDArray[np.float32]:
    """Multiply a posterior ``(K, *S)`` by a factor per class ``(K,)``; normalise it."""
    weighed = posterior * prior.reshape(-1, *(1,) * (posterior.ndim - 1))
    # Where the only possible class is one the prior all but rules out.
    total = np.maximum(weighed.sum(axis=0), np.finfo(np.float32).tiny)
    return np.asarray(weighed / total, dtype=np.float32)
