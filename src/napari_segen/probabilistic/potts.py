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

_TINY = np.finfo(np.float32).tiny


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
    n_classes, *shape = posterior.shape
    is_3d = len(shape) == 3
    stacked = (n_classes, *shape) if is_3d else (n_classes, 1, *shape)
    values = np.ascontiguousarray(posterior, np.float32).reshape(stacked)
    silent = None if no_data is None else no_data.reshape(stacked[1:])
    work = _two if n_classes == 2 else _many
    belief = work(values, smoothing, silent, is_3d).reshape(posterior.shape)
    if no_data is not None:
        belief[:, no_data] = posterior[:, no_data]
    return belief


def _two(
    p: Array, smoothing: float, silent: Array | None, is_3d: bool
) -> npt.NDArray[np.float32]:
    """Smooth ``(2, D, H, W)``: what two classes believe is one number."""
    from napari_segen.probabilistic.compiled import weigh_two

    evidence = np.log(np.maximum(p[1], _TINY))
    evidence -= np.log(np.maximum(p[0], _TINY))
    belief = (p[1] - p[0])[np.newaxis]
    spare, result = np.empty_like(belief), np.empty_like(p)
    for i in range(PASSES):
        _silence(belief, silent)
        out = result if i == PASSES - 1 else spare
        weigh_two(evidence, belief[0], _weights(smoothing, i), is_3d, out)
        belief, spare = out, belief
    return result


def _many(
    p: Array, smoothing: float, silent: Array | None, is_3d: bool
) -> npt.NDArray[np.float32]:
    """Smooth ``(K, D, H, W)``."""
    from napari_segen.probabilistic.compiled import weigh_many

    evidence = np.log(np.maximum(p, _TINY))
    belief, spare = p.copy(), np.empty_like(p)
    for i in range(PASSES):
        _silence(belief, silent)
        weigh_many(evidence, belief, _weights(smoothing, i), is_3d, spare)
        belief, spare = spare, belief
    return belief


def _weights(smoothing: float, i: int) -> tuple[float, float]:
    """Say how much evidence and neighbours weigh in a pass."""
    power = 1 / (1 + smoothing) if i == PASSES - 1 else 1.0
    return power, power * smoothing * COUPLING


def _silence(belief: Array, silent: Array | None) -> None:
    # Silence is neutral: a term that all classes share cancels.
    if silent is not None:
        belief[:, silent] = 0
