"""Spatial prior: neighbouring pixels tend to have the same class (Potts model).

The posterior with the prior is approximated by mean field: every pixel in turn
weighs its own evidence against what its neighbours believe now,

    q_i(k)  ~  p_i(k) exp(smoothing * COUPLING * sum_j w_ij q_j(k)),

where the weights w of the neighbours sum to one. Mean field counts what neighbours
believe as if each had seen something else, and so becomes too sure: labels are better
with it, probabilities are not. The result is therefore taken to the power of
``1 / (1 + smoothing)``, which changes no label.
"""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

PASSES = 3
RADIUS = 2
HALO = PASSES * RADIUS
COUPLING = 4.0

_TAPS = (6 / 16, 4 / 16, 1 / 16)  # binomial: a small Gaussian of variance 1


def smooth(
    posterior: Array, smoothing: float, no_data: Array | None = None
) -> npt.NDArray[np.float32]:
    """Pull each pixel's class probabilities towards its neighbours'.

    A pixel's result depends on pixels up to `HALO` away along each axis.

    Parameters
    ----------
    posterior : float32 array of shape (K, *S)
    smoothing : float
        Strength; 0 returns `posterior` unchanged.
    no_data : bool array of shape (*S), optional
        Pixels that have no say, and whose own values do not change.

    Returns
    -------
    float32 array of shape (K, *S)
    """
    if smoothing == 0:
        return posterior
    evidence = np.log(np.maximum(posterior, np.finfo(np.float32).tiny))
    belief = posterior.copy()
    for i in range(PASSES):
        # Silence is neutral: a term that all classes share cancels.
        if no_data is not None:
            belief[:, no_data] = 0
        power = 1 / (1 + smoothing) if i == PASSES - 1 else 1.0
        message = _neighbours(belief)
        belief = _softmax_of(evidence, message, smoothing * COUPLING, power)
    if no_data is not None:
        belief[:, no_data] = posterior[:, no_data]
    return belief


def _softmax_of(
    evidence: Array, message: Array, strength: float, power: float
) -> Array:
    message *= np.float32(strength)
    message += evidence
    message *= np.float32(power)
    message -= message.max(axis=0)
    np.exp(message, out=message)
    message /= message.sum(axis=0)
    return message


def _neighbours(belief: Array) -> Array:
    """Weighted mean of what the neighbours believe; beyond the border nobody does."""
    total = belief
    for axis in range(1, belief.ndim):
        total = _binomial(total, axis)
    own = np.float32(_TAPS[0] ** (belief.ndim - 1))
    total -= own * belief
    total /= 1 - own
    return total


def _binomial(values: Array, axis: int) -> Array:
    """Weigh ``(K, *S)`` with 1 4 6 4 1 along one axis, zero beyond the border."""
    result: Array = values * np.float32(_TAPS[0])
    for distance in range(1, RADIUS + 1):
        before: list[slice] = [slice(None)] * values.ndim
        after = before.copy()
        before[axis], after[axis] = slice(None, -distance), slice(distance, None)
        # Both sides are added up first, so that a flip changes no rounding.
        pair = np.zeros_like(values)
        pair[tuple(after)] = values[tuple(before)]
        pair[tuple(before)] += values[tuple(after)]
        pair *= np.float32(_TAPS[distance])
        result += pair
    return result
