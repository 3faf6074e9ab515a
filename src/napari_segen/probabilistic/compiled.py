"""The loops of the Potts model, compiled by Numba; imported when it is first used.

They release the interpreter lock and start no threads of their own. Both sides of a
pixel are added up first, so that a flip of the image changes no rounding.
"""

import numpy as np
from numba import njit

from napari_segen.core.imagespec import Array
from napari_segen.probabilistic.potts import RADIUS

# Binomial, from the centre outwards: a small Gaussian of variance 1.
_TAPS = (np.float32(6 / 16), np.float32(4 / 16), np.float32(1 / 16))

_LOG2_E = np.float32(np.log2(np.e))
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_TO_INTEGER = np.float32(1.5 * 2**23)  # added and taken off again, it rounds
_LEAST = np.float32(-87.0)  # of what has a normal number as its exponential
# exp(r) for |r| <= ln(2) / 2 to 2e-8, highest power first (Taylor's).
_EXP = tuple(np.float32(c) for c in (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1))
_ONE, _HALF = np.float32(1), np.float32(0.5)

_options = {"nogil": True, "cache": True, "fastmath": {"contract"}}


@njit(**_options)  # type: ignore[untyped-decorator]
def exponential(values: Array, power: Array) -> None:
    """Replace float32 `values`, at most 0, by their exponentials.

    Without a call for each value: the loops run at the full width of the processor's
    vectors. `power` is int32 working memory of the same length.
    """
    for i in range(values.size):
        x = max(values[i], _LEAST)
        n = (x * _LOG2_E + _TO_INTEGER) - _TO_INTEGER
        r = (x - n * _LN2_HIGH) - n * _LN2_LOW
        value = _EXP[0]
        value = value * r + _EXP[1]
        value = value * r + _EXP[2]
        value = value * r + _EXP[3]
        value = value * r + _EXP[4]
        value = value * r + _EXP[5]
        values[i] = value * r + _EXP[6]
        power[i] = (np.int32(n) + np.int32(127)) << np.int32(23)
    two_to_the = power.view(np.float32)
    for i in range(values.size):
        values[i] *= two_to_the[i]


@njit(**_options)  # type: ignore[untyped-decorator]
def _binomial(
    centre: Array, near: tuple[Array, Array], far: tuple[Array, Array], out: Array
) -> None:
    a, b = near
    c, d = far
    for x in range(out.size):
        out[x] = _TAPS[0] * centre[x] + (
            _TAPS[1] * (a[x] + b[x]) + _TAPS[2] * (c[x] + d[x])
        )


@njit(**_options)  # type: ignore[untyped-decorator]
def _down(plane: Array, y: int, nothing: Array, out: Array) -> None:
    """Weigh the rows around row `y` of ``(H, W)``; beyond the border is `nothing`."""
    last = plane.shape[0] - 1
    near = (
        plane[y - 1] if y >= 1 else nothing,
        plane[y + 1] if y + 1 <= last else nothing,
    )
    far = (
        plane[y - 2] if y >= 2 else nothing,
        plane[y + 2] if y + 2 <= last else nothing,
    )
    _binomial(plane[y], near, far, out)


@njit(**_options)  # type: ignore[untyped-decorator]
def _hear(
    belief: Array, at: tuple[int, int], is_3d: bool, rows: Array, message: Array
) -> None:
    """Average what the neighbours of a row believe; beyond the border nobody does.

    Parameters
    ----------
    belief : float32 array of shape (D, H, W)
    at : tuple of int
        Plane and row.
    is_3d : bool
        Whether planes are neighbours.
    rows : float32 array of shape (7, W + 2 * RADIUS)
        Working memory; its last row, and the ends of the last but one, are 0.
    message : float32 array of shape (W,)
    """
    z, y = at
    n = message.size
    nothing, total = rows[6, :n], rows[5, RADIUS : RADIUS + n]
    own = _TAPS[0] * _TAPS[0]
    if is_3d:
        own *= _TAPS[0]
        for i in range(5):
            other = z + i - RADIUS
            if 0 <= other < belief.shape[0]:
                _down(belief[other], y, nothing, rows[i, :n])
            else:
                rows[i, :n] = 0
        near, far = (rows[1, :n], rows[3, :n]), (rows[0, :n], rows[4, :n])
        _binomial(rows[2, :n], near, far, total)
    else:
        _down(belief[z], y, nothing, total)
    row, itself = rows[5], belief[z, y]
    _binomial(
        total, (row[1 : 1 + n], row[3 : 3 + n]), (row[0:n], row[4 : 4 + n]), message
    )
    scale = _ONE / (_ONE - own)
    for x in range(n):
        message[x] = (message[x] - own * itself[x]) * scale


@njit(**_options)  # type: ignore[untyped-decorator]
def weigh_two(
    evidence: Array,
    belief: Array,
    weights: tuple[float, float],
    is_3d: bool,
    out: Array,
) -> None:
    """Weigh evidence against neighbours once, for two classes in one plane.

    Parameters
    ----------
    evidence : float32 array of shape (D, H, W)
        Log odds of the second class.
    belief : float32 array of shape (D, H, W)
        The second class's probability minus the first's; 0 has no say.
    weights : tuple of float
        Of the evidence and of the neighbours' mean.
    is_3d : bool
        Whether planes are neighbours.
    out : float32 array of shape (1, D, H, W) or (2, D, H, W)
        Receives the new belief, or the probabilities of both classes.
    """
    n = belief.shape[2]
    own_weight, weight = np.float32(weights[0]), np.float32(weights[1])
    rows = np.zeros((7, n + 2 * RADIUS), np.float32)
    odds, small = np.empty(n, np.float32), np.empty(n, np.float32)
    power = np.empty(n, np.int32)
    for z in range(belief.shape[0]):
        for y in range(belief.shape[1]):
            _hear(belief, (z, y), is_3d, rows, odds)
            own, first, last = evidence[z, y], out[0, z, y], out[-1, z, y]
            for x in range(n):
                odds[x] = own_weight * own[x] + weight * odds[x]
                small[x] = -abs(odds[x])
            exponential(small, power)
            if out.shape[0] == 1:
                for x in range(n):
                    sure = (_ONE - small[x]) / (_ONE + small[x])
                    first[x] = sure if odds[x] > 0 else -sure
            else:
                for x in range(n):
                    larger = _ONE / (_ONE + small[x])
                    smaller = small[x] * larger
                    first[x] = smaller if odds[x] > 0 else larger
                    last[x] = larger if odds[x] > 0 else smaller


@njit(**_options)  # type: ignore[untyped-decorator]
def weigh_many(
    evidence: Array,
    belief: Array,
    weights: tuple[float, float],
    is_3d: bool,
    out: Array,
) -> None:
    """Weigh evidence against neighbours once, for any number of classes.

    As `weigh_two`, with log probabilities as the evidence, probabilities as the belief
    and the result, all ``(K, D, H, W)``.
    """
    n_classes, n = belief.shape[0], belief.shape[3]
    own_weight, weight = np.float32(weights[0]), np.float32(weights[1])
    rows = np.zeros((7, n + 2 * RADIUS), np.float32)
    scores, top = np.empty((n_classes, n), np.float32), np.empty(n, np.float32)
    power = np.empty(n, np.int32)
    for z in range(belief.shape[1]):
        for y in range(belief.shape[2]):
            top[:] = -np.inf
            for k in range(n_classes):
                _hear(belief[k], (z, y), is_3d, rows, scores[k])
                own, score = evidence[k, z, y], scores[k]
                for x in range(n):
                    score[x] = own_weight * own[x] + weight * score[x]
                    top[x] = max(top[x], score[x])
            _normalize(scores, top, power, out[:, z, y])


@njit(**_options)  # type: ignore[untyped-decorator]
def _normalize(scores: Array, top: Array, power: Array, out: Array) -> None:
    """Turn log scores ``(K, n)``, at most `top`, into probabilities."""
    for k in range(len(scores)):
        score = scores[k]
        for x in range(top.size):
            score[x] -= top[x]
        exponential(score, power)
    total = top
    total[:] = 0
    for k in range(len(scores)):
        score = scores[k]
        for x in range(top.size):
            total[x] += score[x]
    for k in range(len(scores)):
        score = scores[k]
        for x in range(top.size):
            score[x] /= total[x]
        out[k] = score
