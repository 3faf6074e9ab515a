"""What a classifier says of strokes it was fitted without, and how sure it may be.

Pixels of one stroke are nearly copies of one another, so whole strokes are held out.
A class of one stroke cannot spare it: its pixels are never held out.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.probabilistic.samples import TrainingSet

MOST_FOLDS = 4
LEAST_PROBABILITY = 1e-3  # one stray stroke must not decide alone
TEMPERATURES = np.exp(np.linspace(np.log(0.3), np.log(3), 25))
# How many strokes' worth of trust the usual temperature gets.
TRUST_IN_USUAL = 4.0


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Posteriors of labelled pixels by models that did not see their strokes.

    Parameters
    ----------
    posterior : float64 array of shape (K, M)
        Of every labelled pixel; arbitrary where it was not held out.
    known : bool array of shape (M,)
        Which pixels were held out.
    samples : TrainingSet
        The labelled pixels.
    """

    posterior: npt.NDArray[np.float64]
    known: npt.NDArray[np.bool_]
    samples: TrainingSet

    @property
    def n_strokes(self) -> int:
        """How many strokes were held out."""
        return len(np.unique(self.samples.strokes[self.known]))

    def sharpened(self, temperature: float) -> "HeldOut":
        """Return the posteriors as they are at a temperature."""
        return HeldOut(sharpened(self.posterior, temperature), self.known, self.samples)

    def stroke_loss(self) -> float:
        """Sum over strokes of the mean log loss of their pixels; 0 without any."""
        classes, known = self.samples.class_index, self.known
        picked = self.posterior[classes, np.arange(len(classes))][known]
        loss = -np.log(np.maximum(picked, LEAST_PROBABILITY))
        _, stroke, pixels = np.unique(
            self.samples.strokes[known], return_inverse=True, return_counts=True
        )
        return float((loss / pixels[stroke]).sum())

    def temperature(self, usual: float) -> float:
        """Return the temperature with the least loss, drawn to `usual` by few strokes.

        After Guo et al., "On calibration of modern neural networks", ICML 2017.
        """
        pull = 0.5 * TRUST_IN_USUAL * np.log(TEMPERATURES / usual) ** 2
        if not self.known.any():
            return usual
        losses = [self.sharpened(t).stroke_loss() for t in TEMPERATURES]
        return float(TEMPERATURES[np.argmin(losses + pull)])


def sharpened(posterior: Array, temperature: float) -> npt.NDArray[np.float64]:
    """Raise a posterior ``(K, M)`` to ``1 / temperature`` and normalise it."""
    scores = np.log(np.maximum(posterior, np.finfo(np.float32).tiny, dtype=np.float64))
    scores /= temperature
    scores -= scores.max(axis=0)
    powers = np.exp(scores)
    return np.asarray(powers / powers.sum(axis=0))


def strokes_in_order(samples: TrainingSet) -> npt.NDArray[np.int64]:
    """Rank the stroke of each pixel ``(M,)`` by what it looks like, from 0.

    Neither the order of the samples, nor the numbers of classes and strokes, nor how
    the image lies decide the ranks.
    """
    by_features = np.lexsort(samples.features.T[::-1])
    _, first, stroke = np.unique(
        samples.strokes[by_features], return_index=True, return_inverse=True
    )
    ranks = np.empty(len(by_features), np.int64)
    ranks[by_features] = np.argsort(np.argsort(first))[stroke]
    return ranks


def stroke_folds(samples: TrainingSet) -> npt.NDArray[np.int64]:
    """Deal the strokes of each class out to folds; -1 for a class's only stroke."""
    rank = strokes_in_order(samples)
    counts = samples.strokes_per_class()
    n_folds = min(MOST_FOLDS, max(int(counts.max()), 2))
    fold = np.full(len(rank), -1, np.int64)
    for k in np.flatnonzero(counts > 1):
        own = samples.class_index == k
        fold[own] = np.unique(rank[own], return_inverse=True)[1] % n_folds
    return fold


def held_out_by_folds_steps(
    fit_steps: Callable[[TrainingSet], Steps[Callable[[Array], Array]]],
    samples: TrainingSet,
) -> Steps[HeldOut]:
    """Fit once without each fold of strokes, and ask about them.

    Parameters
    ----------
    fit_steps : callable
        From labelled pixels to a function from features ``(F, n)`` to a posterior.
    samples : TrainingSet
    """
    fold = stroke_folds(samples)
    posterior = np.full(
        (samples.n_classes, len(fold)), 1 / samples.n_classes, np.float64
    )
    n = int(fold.max()) + 1
    for i in range(n):
        out = fold == i
        steps = stretch_steps(fit_steps(samples.part(~out)), i / n, (i + 1) / n)
        predict = yield from steps
        posterior[:, out] = predict(samples.features[out].T)
    return HeldOut(posterior, fold >= 0, samples)
