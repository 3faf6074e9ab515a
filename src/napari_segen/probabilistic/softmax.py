"""Softmax regression on the features by gradient descent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, choice, span
from napari_segen.core.steps import Step, Steps
from napari_segen.probabilistic.classifier import Classifier, normalized
from napari_segen.probabilistic.evidence import Evidence
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.scaling import FeatureScaling

Update = Callable[[Array, Array], Array]

ADAM_MEAN_DECAY, ADAM_SQUARE_DECAY, ADAM_EPSILON = 0.9, 0.999, 1e-8
STEPS_PER_MESSAGE = 10
DIVERGED = 1e6  # times the first loss
NO_GRADIENT = 1e-12  # nothing left to learn; Adam would make steps of the rounding
_REMEDY = "Set a smaller learning_rate."


@dataclass(frozen=True, slots=True)
class SoftmaxParams:
    """How softmax regression is fitted."""

    optimizer: str = field(
        default="adam",
        metadata=choice(
            ("adam", "gradient_descent"),
            "adam adapts the step of each weight and needs few steps; "
            "gradient_descent is the plain rule: weights - learning rate * gradient.",
        ),
    )
    learning_rate: float = field(
        default=0.1,
        metadata=span(
            1e-6, 10.0, "Length of a step. Too small: unfinished; too large: erratic."
        ),
    )
    steps: int = field(
        default=100,
        metadata=span(1, 100_000, "How many steps; look at the loss curve."),
    )
    penalty: float = field(
        default=2.0,
        metadata=span(
            0.0,
            1e6,
            "Pull of the weights to zero, shared among the strokes: larger gives "
            "softer probabilities and less trust in single features.",
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)


def loss_and_gradient(
    theta: Array, inputs: Array, targets: Array, penalty: float
) -> tuple[float, Array]:
    """Cross-entropy of softmax regression and its gradient.

    Parameters
    ----------
    theta : array of shape (K, F + 1)
        Weights; the last column is the offset, which is not penalised.
    inputs : array of shape (F + 1, M)
        Features, and a last row of ones.
    targets : array of shape (K, M)
        The weight of each pixel at its class, 0 elsewhere.
    penalty : float
        The loss has ``penalty / 2`` times the sum of squared weights added.

    Returns
    -------
    loss : float
    gradient : array of shape (K, F + 1)
    """
    p = normalized(theta @ inputs)
    picked = targets > 0
    tiny = np.finfo(np.float32).tiny
    cross_entropy = -(targets[picked] * np.log(np.maximum(p[picked], tiny))).sum()
    pull = penalty * theta
    pull[:, -1] = 0
    loss = float(cross_entropy) + float((pull * theta).sum()) / 2
    p *= targets.sum(axis=0)
    p -= targets
    return loss, p @ inputs.T + pull


def _gradient_descent(learning_rate: float) -> Update:
    def update(theta: Array, gradient: Array) -> Array:
        return theta - learning_rate * gradient

    return update


def _adam(learning_rate: float) -> Update:
    """Adam (Kingma and Ba 2015, algorithm 1)."""
    mean: Array = np.zeros(1)
    square: Array = np.zeros(1)
    step = 0

    def update(theta: Array, gradient: Array) -> Array:
        nonlocal mean, square, step
        step += 1
        mean = ADAM_MEAN_DECAY * mean + (1 - ADAM_MEAN_DECAY) * gradient
        square = ADAM_SQUARE_DECAY * square + (1 - ADAM_SQUARE_DECAY) * gradient**2
        unbiased_mean = mean / (1 - ADAM_MEAN_DECAY**step)
        unbiased_square = square / (1 - ADAM_SQUARE_DECAY**step)
        return np.asarray(
            theta
            - learning_rate * unbiased_mean / (np.sqrt(unbiased_square) + ADAM_EPSILON)
        )

    return update


OPTIMIZERS: dict[str, Callable[[float], Update]] = {
    "adam": _adam,
    "gradient_descent": _gradient_descent,
}


class SoftmaxClassifier(Classifier):
    """Softmax regression: log odds that are linear in the scaled features.

    Attributes
    ----------
    theta_ : float32 array of shape (K, F + 1)
        Weights of the scaled features; the last column is the offset.
    loss_curve_ : float32 array of shape (steps,)
        The loss before each step; shorter where the gradient vanished.
    """

    Params = SoftmaxParams
    title: ClassVar[str] = "Softmax regression"
    summary: ClassVar[str] = (
        "Weighs the features by gradient descent; shows its loss curve. Fast, smooth, "
        "and hard to beat with few strokes."
    )
    usual_temperature: ClassVar[float] = 0.8  # the penalty makes it timid

    theta_: npt.NDArray[np.float32]
    loss_curve_: npt.NDArray[np.float32]

    def fit_steps(self, samples: TrainingSet) -> Steps[Self]:
        """Minimise the weighted cross-entropy from zero weights."""
        p: SoftmaxParams = self.params
        weights = samples.weights()
        self._scaling = FeatureScaling.fit(samples.features, weights)
        inputs = _with_ones(self._scaling.apply(samples.features.T).astype(np.float64))
        targets = _targets(samples, weights)
        # The effective number of samples is the number of strokes.
        penalty = p.penalty / int(samples.strokes_per_class().sum())
        update = OPTIMIZERS[p.optimizer](p.learning_rate)
        theta: Array = np.zeros((samples.n_classes, len(inputs)))
        losses = np.empty(p.steps, np.float32)
        for i in range(p.steps):
            loss, gradient = loss_and_gradient(theta, inputs, targets, penalty)
            losses[i] = loss
            if not loss < DIVERGED * losses[0]:
                raise ValueError(
                    f"learning_rate {p.learning_rate:g} is too large for these "
                    f"features: the loss grew beyond bounds. {_REMEDY}"
                )
            is_done = i == p.steps - 1 or np.abs(gradient).max() < NO_GRADIENT
            if i % STEPS_PER_MESSAGE == 0 or is_done:
                figures = {"step": i + 1, "loss": loss}
                yield Step(i + 1, p.steps, "Fitting weights", figures)
            theta = update(theta, gradient)
            if is_done:
                losses = losses[: i + 1]
                break
        _warn_if_diverged(losses)
        self.theta_, self.loss_curve_ = theta.astype(np.float32), losses
        self.n_features_, self.n_classes_ = samples.features.shape[1], len(theta)
        return self

    def log_scores(self, block: Array) -> npt.NDArray[np.float32]:
        """Return the linear scores ``(K, n)``."""
        scores: Array = self.theta_[:, :-1] @ self._scaling.apply(block)
        scores += self.theta_[:, -1:]
        return scores

    def evidence(self, pixel: Array) -> Evidence:
        """Weigh each scaled feature; the base is the offset."""
        z = self._scaling.apply(pixel[:, np.newaxis])[:, 0].astype(np.float64)
        rows = self.theta_.T.astype(np.float64)
        return np.vstack([rows[-1:], z[:, np.newaxis] * rows[:-1]]) / self.temperature_

    def arrays(self) -> dict[str, Array]:
        """Return scaling, weights and loss curve."""
        return {
            **self._scaling.as_arrays(),
            "theta": self.theta_,
            "loss_curve": self.loss_curve_,
        }

    @classmethod
    def array_shapes(
        cls, n_features: int, n_classes: int
    ) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of `arrays`."""
        return {
            **FeatureScaling.array_shapes(n_features),
            "theta": (n_classes, n_features + 1),
            "loss_curve": (None,),
        }

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` returned."""
        self._scaling = FeatureScaling.from_arrays(arrays)
        self.theta_, self.loss_curve_ = arrays["theta"], arrays["loss_curve"]


def _with_ones(features: Array) -> Array:
    return np.concatenate([features, np.ones((1, features.shape[1]))])


def _targets(samples: TrainingSet, weights: Array) -> Array:
    """Put the weight of each of M pixels at its class: ``(K, M)``."""
    targets = np.zeros((samples.n_classes, len(weights)))
    targets[samples.class_index, np.arange(len(weights))] = weights
    return targets


def _warn_if_diverged(losses: Array) -> None:
    if losses[-1] > losses[0] * 1.001:
        doubt(
            f"the loss rose from {losses[0]:.3g} to {losses[-1]:.3g}: the learning "
            f"rate is too large for these features. {_REMEDY}",
            stacklevel=3,
        )
