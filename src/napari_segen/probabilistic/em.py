"""A Gaussian mixture fitted by expectation-maximisation (EM).

Points are columns: ``(D, M)``. With K components of weight w_k, mean m_k and covariance
C_k, one round is::

    r_ki = w_k N(x_i | m_k, C_k) / sum_j w_j N(x_i | m_j, C_j)        (e_step)
    w_k  = n_k / M,   m_k = sum_i r_ki x_i / n_k,   n_k = sum_i r_ki  (m_step)
    C_k  = (sum_i r_ki (x_i - m_k) (x_i - m_k)^T + s T) / (n_k + s)

The target T, which counts as s points, keeps a component from collapsing onto a few
points; with it the rounds raise the penalised likelihood (`Mixture.penalty`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps

MAX_ROUNDS = 200
TOLERANCE = 1e-5  # of the mean penalised log likelihood
LLOYD_ROUNDS = 5
TRIAL_ROUNDS = 10
ROUNDS_PER_MESSAGE = 10
RIDGE = 1e-3
LEAST_SHARE = 1e-12


@dataclass(frozen=True, slots=True)
class Shape:
    """What covariances may look like.

    Parameters
    ----------
    target : array of shape (D, D)
        What every covariance is pulled to.
    points : float
        How many points the target counts as; over 0.
    diagonal : bool
        Whether covariances have no entries beside the diagonal.
    """

    target: Array
    points: float
    diagonal: bool = False

    def parameters(self, k: int) -> int:
        """Count the free numbers of a mixture of `k` components."""
        d = len(self.target)
        of_covariance = d if self.diagonal else d * (d + 1) // 2
        return k * (d + of_covariance) + k - 1


@dataclass(frozen=True, slots=True)
class Mixture:
    """Weights ``(K,)``, means ``(K, D)`` and covariances ``(K, D, D)``."""

    weights: Array
    means: Array
    covariances: Array

    def log_densities(self, x: Array) -> npt.NDArray[np.float64]:
        """Return ``log w_k N(x | m_k, C_k)`` of points ``(D, M)`` as ``(K, M)``."""
        factors = np.linalg.cholesky(self.covariances)
        result = np.empty((len(self.means), x.shape[1]))
        for k, factor in enumerate(factors):
            moved = np.linalg.inv(factor) @ (x - self.means[k][:, np.newaxis])
            result[k] = -0.5 * np.einsum("dm,dm->m", moved, moved)
        size = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        constant = np.log(self.weights) - size - 0.5 * len(x) * np.log(2 * np.pi)
        result += constant[:, np.newaxis]
        return result

    def penalty(self, shape: Shape) -> float:
        """Return what the log likelihood loses for covariances far from the target."""
        _, log_det = np.linalg.slogdet(self.covariances)
        pull = np.linalg.solve(self.covariances, shape.target[np.newaxis])
        trace = np.trace(pull, axis1=1, axis2=2)
        return float(0.5 * shape.points * (log_det + trace).sum())


def e_step(mixture: Mixture, x: Array) -> tuple[npt.NDArray[np.float64], float]:
    """Return responsibilities ``(K, M)`` of points ``(D, M)``, and log likelihood."""
    scores = mixture.log_densities(x)
    # log-sum-exp: far from all components every density underflows.
    highest = scores.max(axis=0)
    np.exp(scores - highest, out=scores)
    total = scores.sum(axis=0)
    scores /= total
    return scores, float((highest + np.log(total)).sum())


def m_step(responsibilities: Array, x: Array, shape: Shape) -> Mixture:
    """Return the mixture that fits points ``(D, M)`` with these responsibilities."""
    counts = responsibilities.sum(axis=1)
    shares = np.maximum(counts / counts.sum(), LEAST_SHARE)
    means = responsibilities @ x.T / np.maximum(counts, LEAST_SHARE)[:, np.newaxis]
    covariances = np.empty((len(counts), len(x), len(x)))
    for k, r in enumerate(responsibilities):
        centred = x - means[k][:, np.newaxis]
        covariances[k] = (centred * r) @ centred.T + shape.points * shape.target
    covariances /= (counts + shape.points)[:, np.newaxis, np.newaxis]
    if shape.diagonal:
        covariances *= np.eye(len(x))
    return Mixture(shares / shares.sum(), means, covariances)


def rounds(
    start: Mixture, x: Array, shape: Shape, most: int = MAX_ROUNDS
) -> Iterator[tuple[Mixture, float]]:
    """Yield the mixture after each round, and the penalised log likelihood before it.

    Ends when a round gains less than `TOLERANCE` per point, or after `most`.
    """
    mixture, before = start, -np.inf
    for _ in range(most):
        responsibilities, likelihood = e_step(mixture, x)
        objective = likelihood - mixture.penalty(shape)
        mixture = m_step(responsibilities, x, shape)
        yield mixture, objective
        if objective - before < TOLERANCE * x.shape[1]:
            return
        before = objective


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted mixture, and the shape that its covariances were pulled to."""

    mixture: Mixture
    shape: Shape


def fit_steps(
    x: Array,
    k: int,
    rng: np.random.Generator,
    *,
    shrinkage: float = 1.0,
    diagonal: bool = False,
    restarts: int = 4,
) -> Steps[Fit]:
    """Fit `k` components to points ``(D, M)`` from the best of several starts.

    The target of the covariances is what they have in common at the start. It counts
    as `shrinkage` times the points of a component of usual weight.
    """
    best, highest, text = None, -np.inf, f"Fitting {k} classes"
    points = shrinkage * x.shape[1] / k
    for i in range(restarts):
        nearest = k_means(seeds(x, k, rng), x)
        shape = Shape(common_covariance(nearest, x), points, diagonal)
        start = m_step(nearest, x, shape)
        *_, (mixture, _) = rounds(start, x, shape, TRIAL_ROUNDS)
        _, likelihood = e_step(mixture, x)
        if likelihood > highest:
            best, highest = Fit(mixture, shape), likelihood
        yield Step(i, restarts + 1, text)
    assert best is not None
    for i, (found, objective) in enumerate(rounds(best.mixture, x, best.shape)):
        mixture = found
        if i % ROUNDS_PER_MESSAGE == 0:
            figures = {"round": i + 1, "likelihood": objective / x.shape[1]}
            yield Step(restarts, restarts + 1, text, figures)
    return Fit(mixture, best.shape)


def seeds(x: Array, k: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Choose `k` of the points ``(D, M)`` far from one another (k-means++), ``(k, D)``.

    Points are drawn along a random direction, so that their order does not matter.
    """
    order = np.argsort(rng.standard_normal(len(x)) @ x, kind="stable")
    distance = np.ones(x.shape[1])
    chosen: list[Array] = []
    for draw in rng.random(k):
        up_to = np.cumsum(distance[order])
        if up_to[-1] <= 0:
            raise ValueError(
                f"image has only {len(chosen)} different kinds of pixels. Choose "
                f"at most {len(chosen)} classes."
            )
        at = np.searchsorted(up_to, draw * up_to[-1], side="right")
        chosen.append(x[:, order[min(at, len(order) - 1)]])
        square = ((x - chosen[-1][:, np.newaxis]) ** 2).sum(axis=0)
        distance = square if len(chosen) == 1 else np.minimum(distance, square)
    return np.stack(chosen)


def k_means(centres: Array, x: Array) -> npt.NDArray[np.float64]:
    """Return 1 at each point's nearest centre, 0 elsewhere: ``(K, M)``.

    The centres ``(K, D)`` first move to the mean of their points a few times.
    """
    nearest = _nearest(centres, x)
    for _ in range(LLOYD_ROUNDS):
        counts = np.maximum(nearest.sum(axis=1), 1)
        nearest = _nearest(nearest @ x.T / counts[:, np.newaxis], x)
    return nearest


def common_covariance(nearest: Array, x: Array) -> npt.NDArray[np.float64]:
    """Return the covariance ``(D, D)`` of points about the mean of their own group.

    A little of the covariance of all points keeps it from being singular.
    """
    counts = np.maximum(nearest.sum(axis=1), 1)
    within = x - (nearest @ x.T / counts[:, np.newaxis]).T @ nearest
    spread = float(x.var(axis=1).mean())
    ridge = RIDGE * spread * np.eye(len(x))
    return np.asarray(within @ within.T / x.shape[1] + ridge)


def _nearest(centres: Array, x: Array) -> npt.NDArray[np.float64]:
    """Return 1 at each point's nearest centre, 0 elsewhere: ``(K, M)``."""
    distance = (centres**2).sum(axis=1)[:, np.newaxis] - 2 * centres @ x
    return np.asarray(np.eye(len(centres))[distance.argmin(axis=0)].T)


def bic(fit: Fit, x: Array, independent: float) -> float:
    """Bayesian information criterion of points ``(D, M)``; the lower the better.

    Parameters
    ----------
    fit : Fit
    x : array of shape (D, M)
    independent : float
        How many of the points count as independent of one another.
    """
    _, likelihood = e_step(fit.mixture, x)
    free = fit.shape.parameters(len(fit.mixture.weights))
    mean = likelihood / x.shape[1]
    return float(-2 * independent * mean + free * np.log(independent))
