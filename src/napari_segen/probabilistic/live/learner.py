"""Learning from strokes again and again, without doing anything twice."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import Steps
from napari_segen.core.tiles import Tile, tile_at
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.live.picture import Picture
from napari_segen.probabilistic.live.strokes import Painted
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.samples import TrainingSet, choose_samples
from napari_segen.probabilistic.score import StrokeScore
from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter
from napari_segen.probabilistic.texture import offer_texture, with_texture
from napari_segen.probabilistic.training import (
    PaintedFrame,
    training_set,
    usable_frames,
)

WINDOW_SIDE = 128  # pixels near one another share the work of the filters
KEPT_FRAMES, KEPT_ROWS = 64, 100_000


@dataclass(frozen=True, slots=True)
class Learnt:
    """A fitted classifier and what belongs to it.

    Parameters
    ----------
    classifier : Classifier
    classes : int array of shape (K,)
        Class values, ascending.
    shares : float array of shape (K,)
        How frequent the classifier takes each class to be.
    scale : Normalization
    bank : FilterBank
        Computes the features that the classifier looks at.
    score : StrokeScore, optional
        How good it is on held-out strokes; None where that is not known.
    """

    classifier: Classifier
    classes: Array
    shares: Array
    scale: Normalization
    bank: FilterBank
    score: StrokeScore | None = None


class Learner:
    """Learns what `ProbabilisticSegmenter.fit` would learn, at any resolution.

    Features of pixels that were painted before are remembered.

    Parameters
    ----------
    picture : Picture
    cache : FeatureCache
    """

    def __init__(self, picture: Picture, cache: FeatureCache) -> None:
        self.picture, self.cache = picture, cache
        self._known: OrderedDict[Any, tuple[Array, Array]] = OrderedDict()
        self._temperatures: dict[str, float] = {}

    def bank(self, model: ProbabilisticSegmenter, level: int) -> FilterBank:
        """Return the filter bank of a model for a level of the picture."""
        sampling = self.picture.spec.sampling
        coarse = tuple(s * 2**level for s in sampling[-2:])
        return model.bank((*sampling[:-2], *coarse), self.picture.is_colour)

    def frame(
        self, i: int, level: int, scale: Normalization, bank: FilterBank
    ) -> Frame:
        """Return a frame of the picture as a classifier sees it."""
        values = self.picture.values(i, level)
        return Frame.of(values, scale, bank, self.cache, self.picture.range_of(i))

    def learn_steps(
        self,
        model: ProbabilisticSegmenter,
        painted: Painted,
        level: int,
        *,
        quickly: bool,
    ) -> Steps[Learnt]:
        """Learn as `model` is set.

        Parameters
        ----------
        model : ProbabilisticSegmenter
            Its settings count; it is not fitted.
        painted : Painted
        level : int
            How often the picture is halved.
        quickly : bool
            Whether to learn by the method's stand-in, calibrated as last time.
        """
        scale, classes, samples_steps = self._source(model, painted, level)
        bank = self.bank(model, level)
        samples = yield from samples_steps(bank)
        samples = offer_texture(samples, bank, samples_steps)
        method = CLASSIFIERS.get(model.method)
        if quickly:
            method = CLASSIFIERS.get(method.stand_in)
            classifier = method(None, model.seed)
        else:
            classifier = method(model.params, model.seed)
        yield from classifier.fit_steps(samples)
        score = None
        if quickly:
            usual = method.usual_temperature
            classifier.temperature_ = self._temperatures.get(method.title, usual)
        else:
            score = StrokeScore.of((yield from classifier.calibrate_steps(samples)))
            for part in (classifier, *classifier.parts()):
                self._temperatures[part.title] = part.temperature_
        if classifier.n_features_ > samples.features.shape[1]:
            bank = with_texture(bank)
        shares = classifier.shares_of(samples)
        return Learnt(classifier, classes, shares, scale, bank, score)

    def _source(
        self, model: ProbabilisticSegmenter, painted: Painted, level: int
    ) -> tuple[Normalization, Array, Callable[[FilterBank], Steps[TrainingSet]]]:
        """Return the scale, the class values, and what computes features by a bank."""
        values = [self.picture.values(i, level) for i in painted.frames]
        samples = painted.at_level(level, values[0].shape[1:])
        pairs = zip(values, samples, strict=True)
        frames, classes = usable_frames(
            [
                PaintedFrame(v, s, number=i)
                for i, (v, s) in zip(painted.frames, pairs, strict=True)
            ]
        )
        shapes = [f.values.shape[1:] for f in frames]
        chosen = choose_samples([f.samples for f in frames], shapes)
        scale = Normalization(model.normalization).learn(
            [self.picture.range_of(i) for i in painted.frames]
        )

        def samples_steps(bank: FilterBank) -> Steps[TrainingSet]:
            features = []
            for i, part in zip(painted.frames, chosen, strict=True):
                frame = self.frame(i, level, scale, bank)
                key = (i, level, bank, frame.low.tobytes(), frame.span.tobytes())
                steps = self._features_steps(key, frame, part.positions)
                features.append((yield from steps))
            return training_set(frames, chosen, features, classes)

        return scale, classes, samples_steps

    def _features_steps(
        self, key: Any, frame: Frame, positions: npt.NDArray[np.intp]
    ) -> Steps[Array]:
        """Return the features ``(M, F)`` at positions, computing those that are new."""
        place = np.ravel_multi_index(tuple(positions.T), frame.shape)
        nothing = np.zeros(0, np.intp), np.zeros((0, frame.n_features), np.float32)
        known, rows = self._known.get(key, nothing)
        new = ~np.isin(place, known)
        if len(known) + new.sum() > KEPT_ROWS:
            known, rows = nothing
            new[:] = True
        if new.any():
            at = positions[new]
            found = yield from frame.features_at_steps(at, _windows(frame, at))
            joined = np.concatenate([known, place[new]])
            order = np.argsort(joined)
            known, rows = joined[order], np.concatenate([rows, found])[order]
            self._known[key] = known, rows
            if len(self._known) > KEPT_FRAMES:
                self._known.popitem(last=False)
        wanted: Array = rows[np.searchsorted(known, place)]
        return wanted


def _windows(frame: Frame, positions: npt.NDArray[np.intp]) -> list[Tile]:
    """Cut out what lies around positions ``(M, ndim)``, each pixel in one window."""
    side = (1,) * (len(frame.shape) - 2) + (WINDOW_SIDE,) * 2
    windows = []
    cells, inverse = np.unique(positions // side, axis=0, return_inverse=True)
    for i in range(len(cells)):
        own = positions[inverse.reshape(-1) == i]
        low, high = own.min(axis=0), own.max(axis=0) + 1
        core = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        windows.append(tile_at(core, frame.shape, frame.bank.halo))
    return windows
