"""Classes without strokes: a Gaussian mixture of the pixels' features."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, choice, span
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.probabilistic.bayes import GaussianClasses
from napari_segen.probabilistic.em import Fit, bic, e_step, fit_steps
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.scaling import FeatureScaling

MOST_CLASSES = 20
TRIED = range(2, 9)
VARIANCE_KEPT = 0.8
LEAST_PIXELS_PER_CLASS = 10


@dataclass(frozen=True, slots=True)
class MixtureParams:
    """How classes are found without strokes."""

    classes: int = field(
        default=0,
        metadata=span(
            0,
            MOST_CLASSES,
            "How many classes to find; 0 chooses 2 to 8 by what the image supports.",
        ),
    )
    covariance: str = field(
        default="full",
        metadata=choice(
            ("full", "diagonal"),
            "full: a class may be stretched in any direction of the features; "
            "diagonal: along their main directions only, steadier for small images.",
        ),
    )
    shrinkage: float = field(
        default=1.0,
        metadata=span(
            1e-3,
            1e3,
            "How much the classes' common shape counts beside each class's own: "
            "larger makes classes alike in extent.",
        ),
    )
    restarts: int = field(
        default=4,
        metadata=span(1, 100, "How many random starts to choose the best of."),
    )

    def __post_init__(self) -> None:
        check_params(self)
        if self.classes == 1:
            raise ValueError(
                "classes must be 0 (chosen by the image) or at least 2, got 1."
            )


class MixtureClassifier(GaussianClasses):
    """Finds classes as the Gaussians of a mixture, fitted by EM; dark to bright.

    The Gaussians live in the first principal directions of the scaled features: those
    that hold `VARIANCE_KEPT` of the variance, D in number.

    Attributes
    ----------
    means_ : float32 array of shape (K, F)
        In the scaled features.
    whitening_ : float32 array of shape (K, D, F)
        ``W_k`` so that ``|W_k (z - m_k)|^2`` is the squared Mahalanobis distance.
    log_factor_ : float32 array of shape (K,)
        Logarithm of each Gaussian's normalising factor, without ``(2 pi)^(-D/2)``.
    frequencies_ : float32 array of shape (K,)
        Weight of each Gaussian.
    """

    Params = MixtureParams
    title: ClassVar[str] = "No strokes (mixture)"
    summary: ClassVar[str] = (
        "Needs no strokes: finds classes of pixels that look alike, numbered from "
        "dark to bright."
    )
    needs_strokes: ClassVar[bool] = False

    frequencies_: npt.NDArray[np.float32]

    def fit_steps(self, samples: TrainingSet) -> Steps[Self]:
        """Find the classes; those that the samples have do not count."""
        if samples.brightness is None:
            raise ValueError("samples needs the brightness of each pixel.")
        counts = self._possible(samples)
        n_pixels, n_features = samples.features.shape
        even = np.full(n_pixels, 1 / n_pixels)
        self._scaling = FeatureScaling.fit(samples.features, even)
        z = self._scaling.apply(samples.features.T).astype(np.float64)
        directions = _main_directions(z)
        x = directions @ z
        independent = int(samples.strokes_per_class().sum())
        fit = yield from self._best_steps(x, counts, independent)
        self._take(fit, x, samples.brightness, directions)
        self.n_features_, self.n_classes_ = n_features, len(self.means_)
        return self

    def _possible(self, samples: TrainingSet) -> list[int]:
        """Numbers of classes to try; ValueError if there are too few pixels."""
        p: MixtureParams = self.params
        n = len(samples.features)
        wanted = [p.classes] if p.classes else list(TRIED)
        if possible := [k for k in wanted if n >= LEAST_PIXELS_PER_CLASS * k]:
            return possible
        raise ValueError(
            f"image has {n} pixels with data, too few for {wanted[0]} classes: at "
            f"least {LEAST_PIXELS_PER_CLASS * wanted[0]} are needed. Use a larger "
            "image or fewer classes."
        )

    def _best_steps(self, x: Array, counts: list[int], independent: int) -> Steps[Fit]:
        """Fit each number of classes and return the one of the lowest BIC."""
        p: MixtureParams = self.params
        best: tuple[float, Fit] | None = None
        for i, k in enumerate(counts):
            steps = fit_steps(
                x,
                k,
                np.random.default_rng(self.seed),
                shrinkage=p.shrinkage,
                diagonal=p.covariance == "diagonal",
                restarts=p.restarts,
            )
            try:
                fit = yield from stretch_steps(
                    steps, i / len(counts), (i + 1) / len(counts)
                )
            except ValueError:  # fewer different pixels than classes
                if best is None:
                    raise
                break
            figure = bic(fit, x, independent)
            if best is None or figure < best[0]:
                best = figure, fit
        assert best is not None
        return best[1]

    def _take(self, fit: Fit, x: Array, brightness: Array, directions: Array) -> None:
        """Keep what was found, the classes ordered from dark to bright."""
        mixture = fit.mixture
        belongs, _ = e_step(mixture, x)
        # An order that no start has a say in.
        order = np.argsort(belongs @ brightness / belongs.sum(axis=1), kind="stable")
        factors = np.linalg.cholesky(mixture.covariances[order])
        diagonal = np.diagonal(factors, axis1=1, axis2=2)
        self.means_ = (mixture.means[order] @ directions).astype(np.float32)
        self.whitening_ = (np.linalg.inv(factors) @ directions).astype(np.float32)
        self.log_factor_ = -np.log(diagonal).sum(axis=1).astype(np.float32)
        self.frequencies_ = mixture.weights[order].astype(np.float32)

    def arrays(self) -> dict[str, Array]:
        """Return scaling, means, covariances and weights."""
        return {
            **self._scaling.as_arrays(),
            "means": self.means_,
            "whitening": self.whitening_,
            "log_factor": self.log_factor_,
            "frequencies": self.frequencies_,
        }

    @classmethod
    def array_shapes(
        cls, n_features: int, n_classes: int
    ) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of `arrays`."""
        return {
            **FeatureScaling.array_shapes(n_features),
            "means": (n_classes, n_features),
            "whitening": (n_classes, None, n_features),
            "log_factor": (n_classes,),
            "frequencies": (n_classes,),
        }

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` returned."""
        self._scaling = FeatureScaling.from_arrays(arrays)
        self.means_, self.whitening_ = arrays["means"], arrays["whitening"]
        self.log_factor_ = arrays["log_factor"]
        if arrays["frequencies"].min() <= 0:
            raise ValueError("array 'frequencies' must be positive.")
        self.frequencies_ = arrays["frequencies"]


def _main_directions(z: Array) -> npt.NDArray[np.float64]:
    """Return the principal directions ``(D, F)`` of scaled features ``(F, M)``."""
    variance, directions = np.linalg.eigh(z @ z.T / z.shape[1])
    total = variance.sum()
    if total < 0.5:  # each feature that varies has variance 1
        raise ValueError(
            "image is constant: nothing in it can tell classes apart. Choose another "
            "image, or another channel."
        )
    up_to = np.cumsum(variance[::-1]) / total
    n = int(np.searchsorted(up_to, VARIANCE_KEPT)) + 1
    return np.asarray(directions[:, ::-1][:, :n].T)
