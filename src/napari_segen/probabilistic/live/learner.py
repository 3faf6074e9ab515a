"""Learning from strokes again and again, without doing anything twice."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization, Range
from napari_segen.core.steps import Steps
from napari_segen.core.tiles import Tile, tile_at
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.earlier import Earlier
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.guidance.doubts import (
    DoubtfulStroke,
    doubtful_strokes,
)
from napari_segen.probabilistic.labelled import LabelledFrame, with_data
from napari_segen.probabilistic.learning import Fitted, fitted_steps
from napari_segen.probabilistic.live.picture import Picture
from napari_segen.probabilistic.live.strokes import Painted
from napari_segen.probabilistic.novelty import Novelty, learnt_novelty
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.score import StrokeScore
from napari_segen.probabilistic.source import StrokeSource
from napari_segen.probabilistic.texture import with_texture

if TYPE_CHECKING:
    from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

WINDOW_SIDE = 128  # pixels near one another share the work of the filters
KEPT_FRAMES, KEPT_ROWS = 64, 100_000


@dataclass(frozen=True)
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
    samples : TrainingSet
        From which it learnt.
    score : StrokeScore, optional
        How good it is on held-out strokes; None where that is not known.
    doubts : tuple of DoubtfulStroke
        Of those that were held out at full resolution.
    """

    classifier: Classifier
    classes: Array
    shares: Array
    scale: Normalization
    bank: FilterBank
    samples: TrainingSet
    score: StrokeScore | None
    doubts: tuple[DoubtfulStroke, ...]

    @cached_property
    def novelty(self) -> Novelty:
        """What novelty is measured by."""
        return learnt_novelty(self.samples, self.classifier)


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

    def bank(self, model: "ProbabilisticSegmenter", level: int) -> FilterBank:
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
        model: "ProbabilisticSegmenter",
        painted: Painted,
        level: int,
        earlier: Earlier | None = None,
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
        earlier : Earlier, optional
            To whose strokes the painted ones are added.
        quickly : bool
            Whether to learn by the method's stand-in, calibrated as last time.
        """
        source = self.source(painted, level, earlier)
        scale = source.scale(model.normalization)
        bank = self.bank(model, level)
        method = CLASSIFIERS.get(model.method)
        classifier = method(model.params, model.seed)
        temperature = None
        if quickly:
            method = CLASSIFIERS.get(method.stand_in)
            classifier = method(None, model.seed)
            usual = method.usual_temperature
            temperature = self._temperatures.get(method.title, usual)
        fitted = yield from fitted_steps(classifier, source, scale, bank, temperature)
        if not quickly:
            for part in (classifier, *classifier.parts()):
                self._temperatures[part.title] = part.temperature_
        if fitted.sees_texture:
            bank = with_texture(bank)
        return Learnt(
            classifier,
            source.classes,
            fitted.shares,
            scale,
            bank,
            fitted.samples,
            fitted.score,
            self._doubts(fitted, source.classes) if level == 0 else (),
        )

    def _doubts(self, fitted: Fitted, classes: Array) -> tuple[DoubtfulStroke, ...]:
        if fitted.held_out is None:
            return ()
        spec, shape = self.picture.spec, self.picture.label_shape
        return doubtful_strokes(fitted.held_out, classes, spec, [shape])

    def earlier(
        self, model: "ProbabilisticSegmenter", init_from: "ProbabilisticSegmenter"
    ) -> Earlier:
        """Take over the strokes of `init_from` for a fit of `model` to the picture."""
        picture = self.picture
        n_channels = picture.spec.n_channels(picture.data.shape)
        is_colour = picture.is_colour
        return Earlier.of(
            init_from, model, picture.spec, n_channels, is_colour=is_colour
        )

    def source(
        self, painted: Painted, level: int, earlier: Earlier | None
    ) -> StrokeSource:
        """Return the labelled pixels at a level of the picture."""
        values = [self.picture.values(i, level) for i in painted.frames]
        shape = values[0].shape[1:] if values else ()
        samples = painted.at_level(level, shape)
        frames = [
            LabelledFrame(LiveFrame(self, i, level), s, (0, i))
            for i, s in zip(painted.frames, with_data(values, samples), strict=True)
        ]
        return StrokeSource.of(frames, earlier)

    def features_steps(
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


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A frame of the picture, of which the learner remembers features.

    Parameters
    ----------
    learner : Learner
    number : int
        Which frame.
    level : int
        How often it is halved.
    """

    learner: Learner
    number: int
    level: int

    knows_texture = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(*S)`` at its level."""
        return self.learner.picture.values(self.number, self.level).shape[1:]

    @property
    def range(self) -> Range:
        """The `channel_range` at full resolution."""
        return self.learner.picture.range_of(self.number)

    @property
    def digest(self) -> str:
        """The `frame_digest` at full resolution."""
        return self.learner.picture.digest_of(self.number)

    def features_steps(
        self, positions: npt.NDArray[np.intp], scale: Normalization, bank: FilterBank
    ) -> Steps[Array]:
        """Return the features ``(M, F)`` of the pixels at ``(M, ndim)``."""
        frame = self.learner.frame(self.number, self.level, scale, bank)
        place = self.number, self.level, bank
        key = (*place, frame.low.tobytes(), frame.span.tobytes())
        return (yield from self.learner.features_steps(key, frame, positions))


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
