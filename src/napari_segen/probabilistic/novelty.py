"""How unlike anything labelled a pixel is.

Told apart from uncertainty: a pixel between two labelled classes is uncertain but not
novel; an artefact unlike everything is novel, however sure the posterior is.

With ``d2`` the squared Mahalanobis distance to the nearest class, in the scaled
features, novelty is ``d2 / (d2 + q)``. The `q` is such that 95 % of the labelled pixels
are under 1/2, each measured against classes that were learnt without its stroke.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Steps
from napari_segen.core.tiles import Tile
from napari_segen.probabilistic.bayes import shrunk_covariances, squared_lengths
from napari_segen.probabilistic.classifier import Classifier, check_array
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.scaling import FeatureScaling

PREFIX = "novelty_"
SHRINKAGE = 8.0  # in strokes, as of the Gaussian classes
PARTS = 5  # of a class's strokes, left out in turn
USUAL_SHARE = 0.95
WIDER = 4.0  # where no stroke can be left out
LEAST_USUAL = 1e-3
BLOCK_PIXELS = 2**13

Gaussians = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Novelty:
    """Gaussian classes, and how far from them labelled pixels usually are.

    Parameters
    ----------
    scaling : FeatureScaling
    means : float32 array of shape (K, F)
    whitening : float32 array of shape (K, F, F)
    usual : float32 array of shape (1,)
        The squared distance at which novelty is 1/2.
    """

    scaling: FeatureScaling
    means: Array
    whitening: Array
    usual: Array

    @classmethod
    def learnt_from(cls, samples: TrainingSet) -> Self:
        """Learn from labelled pixels."""
        weights = samples.weights()
        scaling = FeatureScaling.fit(samples.features, weights)
        z = scaling.apply(samples.features.T)
        sums = _Sums.of(z, weights, samples, _parts(z, samples))
        means, whitening = sums.gaussians()
        distance: Array = sums.held_out(z)
        counts = ~np.isnan(distance)
        if not counts.any():
            distance, counts = WIDER * _nearest(means, whitening, z), ~counts
        usual = max(_quantile(distance[counts], weights[counts]), LEAST_USUAL)
        return cls(scaling, means, whitening, np.array([usual], np.float32))

    def of(self, features: Array) -> npt.NDArray[np.float32]:
        """Return the novelty ``(n,)`` of features ``(F, n)``, from 0 to 1."""
        result = np.empty(features.shape[1], np.float32)
        for start in range(0, len(result), BLOCK_PIXELS):
            part = slice(start, start + BLOCK_PIXELS)
            z = self.scaling.apply(features[:, part])
            distance = _nearest(self.means, self.whitening, z)
            result[part] = distance / (distance + self.usual)
        return result

    def frame_steps(self, frame: Frame) -> Steps[npt.NDArray[np.float32]]:
        """Compute a frame's novelty ``(*S)``; 1 where it has no data."""
        result = np.empty(frame.shape, np.float32)

        def measure(tile: Tile, features: Array) -> None:
            # Texture, which `auto` may look at besides, comes last.
            usual = features[: self.means.shape[1]]
            found = self.of(usual.reshape(len(usual), -1))
            found = found.reshape(features.shape[1:])
            if (missing := frame.no_data(tile.core)) is not None:
                found[missing] = 1
            result[tile.core] = found

        yield from frame.features_steps(measure, "Measuring novelty")
        return result

    def as_arrays(self) -> dict[str, Array]:
        """Return the arrays by name; `from_arrays` reads them back."""
        own = {"means": self.means, "whitening": self.whitening, "usual": self.usual}
        return {PREFIX + k: v for k, v in (self.scaling.as_arrays() | own).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], n_features: int) -> Self | None:
        """Read what `as_arrays` wrote; None from a file of before there was novelty.

        Raises
        ------
        ValueError
            Where an array is missing, or has another shape or type than expected.
        """
        own = {k: v for k, v in arrays.items() if k.startswith(PREFIX)}
        if not own:
            return None
        shapes: dict[str, tuple[int | None, ...]] = {
            **FeatureScaling.array_shapes(n_features),
            "means": (None, n_features),
            "whitening": (None, n_features, n_features),
            "usual": (1,),
        }
        for name, shape in shapes.items():
            check_array(PREFIX + name, own.get(PREFIX + name), shape)
        plain = {k.removeprefix(PREFIX): v for k, v in own.items()}
        if not 0 < len(plain["means"]) == len(plain["whitening"]):
            raise ValueError("arrays 'novelty_means' and 'novelty_whitening' differ.")
        if plain["usual"][0] <= 0 or plain["half_at"].min() <= 0:
            raise ValueError("array 'novelty_usual' or 'novelty_spread' is not over 0.")
        scaling = FeatureScaling.from_arrays(plain)
        return cls(scaling, plain["means"], plain["whitening"], plain["usual"])


@dataclass(frozen=True, slots=True)
class _Sums:
    """Weighted sums over the pixels of each class and part of its strokes.

    Parameters
    ----------
    part, class_index : int arrays of shape (M,)
        Of each pixel.
    strokes : array of shape (K, PARTS)
        How many there are.
    least : array of shape (K,)
        Pixels less one.
    weight, first, second : arrays of shape (K, PARTS), (K, PARTS, F), (K, PARTS, F, F)
        Sums of the weights, the weighted features, and their products.
    """

    part: Array
    class_index: Array
    strokes: Array
    least: Array
    weight: Array
    first: Array
    second: Array

    @classmethod
    def of(cls, z: Array, weights: Array, samples: TrainingSet, part: Array) -> Self:
        k, f = samples.n_classes, len(z)
        weight, strokes = np.zeros((k, PARTS)), np.zeros((k, PARTS))
        first, second = np.zeros((k, PARTS, f)), np.zeros((k, PARTS, f, f))
        for c, p in np.unique(np.stack([samples.class_index, part]), axis=1).T:
            inside = (samples.class_index == c) & (part == p)
            x, w = z[:, inside].astype(np.float64), weights[inside]
            weight[c, p], first[c, p], second[c, p] = w.sum(), x @ w, (x * w) @ x.T
            strokes[c, p] = len(np.unique(samples.strokes[inside]))
        least = np.bincount(samples.class_index, minlength=k) - 1.0
        return cls(part, samples.class_index, strokes, least, weight, first, second)

    @property
    def may_go(self) -> npt.NDArray[np.bool_]:
        """Classes ``(K,)`` that have strokes left without any one part."""
        return np.asarray((self.strokes > 0).sum(axis=1) > 1)

    def gaussians(self, without: int | None = None) -> Gaussians:
        """Return the classes' means and whitening, leaving out a part if possible."""
        keep = np.ones(self.weight.shape)
        if without is not None:
            keep[self.may_go, without] = 0
        weight = (keep * self.weight).sum(axis=1)[:, np.newaxis]
        means = np.einsum("kp,kpf->kf", keep, self.first) / weight
        second = np.einsum("kp,kpfg->kfg", keep, self.second) / weight[..., np.newaxis]
        own = second - means[:, :, np.newaxis] * means[:, np.newaxis]
        trust = np.minimum((keep * self.strokes).sum(axis=1), self.least)
        factor = np.linalg.cholesky(shrunk_covariances(own, trust, SHRINKAGE))
        return means.astype(np.float32), np.linalg.inv(factor).astype(np.float32)

    def held_out(self, z: Array) -> npt.NDArray[np.float64]:
        """Return each pixel's distance to classes that have not seen its stroke.

        NaN for classes that have only one stroke.
        """
        distance = np.full(z.shape[1], np.nan)
        counts = self.may_go[self.class_index]
        for p in range(PARTS):
            out = counts & (self.part == p)
            if out.any():
                distance[out] = _nearest(*self.gaussians(p), z[:, out])
        return distance


def _parts(z: Array, samples: TrainingSet) -> npt.NDArray[np.int64]:
    """Put the strokes of each class into `PARTS` parts, in turn: ``(M,)``."""
    part = np.zeros(z.shape[1], np.int64)
    for c in range(samples.n_classes):
        inside = np.flatnonzero(samples.class_index == c)
        _, stroke, pixels = np.unique(
            samples.strokes[inside], return_inverse=True, return_counts=True
        )
        # Their numbers follow the raster order, which must not matter.
        place = np.bincount(stroke, z[:, inside].sum(axis=0)) / pixels
        part[inside] = (np.argsort(np.argsort(place)) % PARTS)[stroke]
    return part


def _nearest(means: Array, whitening: Array, z: Array) -> npt.NDArray[np.float32]:
    """Squared Mahalanobis distance of ``(F, n)`` to the nearest class: ``(n,)``."""
    best = np.full(z.shape[1], np.inf, np.float32)
    for mean, w in zip(means, whitening, strict=True):
        np.minimum(best, squared_lengths(w, mean, z), out=best)
    return best


def _quantile(values: Array, weights: Array) -> float:
    order = np.argsort(values)
    up_to = np.cumsum(weights[order])
    at = np.searchsorted(up_to, USUAL_SHARE * up_to[-1])
    return float(values[order[min(at, len(order) - 1)]])


def learnt_novelty(samples: TrainingSet, classifier: Classifier) -> Novelty:
    """Learn from what a classifier was fitted to; its own classes if it found them."""
    if classifier.needs_strokes:
        return Novelty.learnt_from(samples)
    best = classifier.posterior(samples.features.T).argmax(axis=0)
    found, index = np.unique(best, return_inverse=True)
    labelled = TrainingSet(samples.features, index.ravel(), samples.strokes, len(found))
    return Novelty.learnt_from(labelled)


def check_novelty(novelty: Novelty | None) -> Novelty:
    """Raise ValueError where a model's file had no novelty."""
    if novelty is None:
        raise ValueError(
            "this model cannot measure novelty: its file is from a version that did "
            "not know it. Fit the model again."
        )
    return novelty
