"""Gaussian class models and Bayes' theorem."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, span
from napari_segen.core.steps import Step, Steps
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.evidence import Evidence, gaussian_evidence
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.scaling import FeatureScaling

SINGLE_THREAD_PRODUCT = 2**18  # OpenBLAS: rows x columns x inner length
LEAST_WIDTH = 16


@dataclass(frozen=True, slots=True)
class BayesParams:
    """How the Gaussian class models are fitted."""

    shrinkage: float = field(
        default=8.0,
        metadata=span(
            0.01,
            1e6,
            "How many strokes' worth of trust the classes' common shape gets: "
            "larger makes the classes' models alike and the result steadier.",
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)


class GaussianClasses(Classifier):
    """What classifiers have in common whose classes are Gaussians.

    Attributes
    ----------
    means_ : float32 array of shape (K, F)
        In the scaled features.
    whitening_ : float32 array of shape (K, D, F)
        ``|W_k (z - m_k)|^2`` is the squared Mahalanobis distance.
    log_factor_ : float32 array of shape (K,)
        What is added to half the negative squared distance.
    """

    means_: npt.NDArray[np.float32]
    whitening_: npt.NDArray[np.float32]
    log_factor_: npt.NDArray[np.float32]
    _scaling: FeatureScaling

    def log_scores(self, block: Array) -> npt.NDArray[np.float32]:
        """Return the log density of each class ``(K, n)``, up to a constant."""
        return self._log_scores(self._scaling.apply(block))

    def _log_scores(self, z: Array) -> npt.NDArray[np.float32]:
        return log_densities(self.means_, self.whitening_, self.log_factor_, z)

    def evidence(self, pixel: Array) -> Evidence:
        """Share the squared distances among the features."""
        z = self._scaling.apply(pixel[:, np.newaxis])
        base = self._log_scores(np.zeros_like(z))[:, 0]
        found = gaussian_evidence(base, self.means_, self.whitening_, z[:, 0])
        return found / self.temperature_


class BayesClassifier(GaussianClasses):
    """One Gaussian per class in the scaled features, joined by Bayes' theorem.

    The covariance of class k is shrunk twice, with ``n`` the number of strokes
    (none for a class of one pixel) and ``s`` the parameter `shrinkage`::

        common  = (N within + s identity) / (N + s)         N = sum of n_k
        cov_k   = (n_k own_k + s common)  / (n_k + s)

    Attributes
    ----------
    means_ : float32 array of shape (K, F)
    whitening_ : float32 array of shape (K, F, F)
        ``W_k`` with ``cov_k^-1 = W_k^T W_k``.
    log_factor_ : float32 array of shape (K,)
        Logarithm of how frequent each class is, times its Gaussian's normalising
        factor without ``(2 pi)^(-F/2)``.
    """

    Params = BayesParams
    title: ClassVar[str] = "Gaussian classes (Bayes)"
    summary: ClassVar[str] = (
        "Describes each class by mean and covariance and applies Bayes' theorem. "
        "Fastest to fit; good with many strokes."
    )

    def fit_steps(self, samples: TrainingSet) -> Steps[Self]:
        """Estimate mean and shrunk covariance of each class."""
        k, f = samples.n_classes, samples.features.shape[1]
        weights = samples.weights()
        self._scaling = FeatureScaling.fit(samples.features, weights)
        z = self._scaling.apply(samples.features.T).astype(np.float64)
        trust = _trust(samples)
        means, own = np.empty((k, f)), np.empty((k, f, f))
        for c in range(k):
            yield Step(c, k, "Estimating classes")
            inside = samples.class_index == c
            means[c], own[c] = _moments(z[:, inside], weights[inside])
        cov = shrunk_covariances(own, trust, self.params.shrinkage)
        factor = np.linalg.cholesky(cov)
        self.means_ = means.astype(np.float32)
        self.whitening_ = np.linalg.inv(factor).astype(np.float32)
        diagonal = np.diagonal(factor, axis1=1, axis2=2)
        log_factor = np.log(samples.class_shares()) - np.log(diagonal).sum(axis=1)
        self.log_factor_ = log_factor.astype(np.float32)
        self.n_features_, self.n_classes_ = f, k
        return self

    def arrays(self) -> dict[str, Array]:
        """Return scaling, means and covariances."""
        return {
            **self._scaling.as_arrays(),
            "means": self.means_,
            "whitening": self.whitening_,
            "log_factor": self.log_factor_,
        }

    @classmethod
    def array_shapes(
        cls, n_features: int, n_classes: int
    ) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of `arrays`."""
        return {
            **FeatureScaling.array_shapes(n_features),
            "means": (n_classes, n_features),
            "whitening": (n_classes, n_features, n_features),
            "log_factor": (n_classes,),
        }

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` returned."""
        self._scaling = FeatureScaling.from_arrays(arrays)
        self.means_, self.whitening_ = arrays["means"], arrays["whitening"]
        self.log_factor_ = arrays["log_factor"]


def log_densities(
    means: Array, whitening: Array, log_factor: Array, z: Array
) -> npt.NDArray[np.float32]:
    """Log density of Gaussian classes at ``(F, n)``: ``(K, n)``, up to a constant.

    Parameters
    ----------
    means : float32 array of shape (K, F)
    whitening : float32 array of shape (K, D, F)
    log_factor : float32 array of shape (K,)
        Logarithm of what each density is multiplied by.
    z : float32 array of shape (F, n)
    """
    scores = np.empty((len(means), z.shape[1]), np.float32)
    for k, mean in enumerate(means):
        scores[k] = squared_lengths(whitening[k], mean, z)
    scores *= -0.5
    scores += log_factor[:, np.newaxis]
    return scores


def squared_lengths(whitening: Array, mean: Array, z: Array) -> Array:
    """Return ``|W (z - mean)|^2`` of each column of `z` ``(F, n)``, as ``(n,)``."""
    n_features, n = z.shape
    # Products so small that BLAS stays in this thread: the frame's pieces already
    # have a thread each, and threads of threads wait for one another.
    width = min(max(SINGLE_THREAD_PRODUCT // n_features**2, LEAST_WIDTH), n)
    offset = (whitening @ mean)[:, np.newaxis]
    result = np.empty(n, np.float32)
    whole = n - n % width
    for part, columns in ((slice(0, whole), width), (slice(whole, n), n % width)):
        if columns:
            pieces = z[:, part].reshape(n_features, -1, columns).transpose(1, 0, 2)
            moved = np.matmul(whitening, pieces) - offset
            result[part] = np.einsum("bfn,bfn->bn", moved, moved).ravel()
    return result


def _trust(samples: TrainingSet) -> npt.NDArray[np.float64]:
    """Strokes of each class ``(K,)``, but no more than its pixels less one."""
    pixels = np.bincount(samples.class_index, minlength=samples.n_classes)
    return np.minimum(samples.strokes_per_class(), pixels - 1).astype(np.float64)


def _moments(z: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted mean ``(F,)`` and covariance ``(F, F)`` of ``(F, n)``."""
    share = weights / weights.sum()
    mean = z @ share
    centred = z - mean[:, np.newaxis]
    return mean, (centred * share) @ centred.T


def shrunk_covariances(own: Array, trust: Array, shrinkage: float) -> Array:
    """Shrink covariances ``(K, F, F)`` to a common one, and that to the identity.

    Parameters
    ----------
    own : array of shape (K, F, F)
        Covariance within each class.
    trust : array of shape (K,)
        How many strokes each stands on.
    shrinkage : float
        How many strokes the target of the shrinkage counts as.
    """
    total = trust.sum()
    identity = np.eye(own.shape[1])
    common = (np.tensordot(trust, own, 1) + shrinkage * identity) / (total + shrinkage)
    weight = trust[:, np.newaxis, np.newaxis]
    return np.asarray((weight * own + shrinkage * common) / (weight + shrinkage))
