"""The answer to the strokes of one image, tile by tile where it is looked at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import Slices, Tile, tile_at
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic import potts
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.guidance.explanation import (
    Explanation,
    check_position,
    explained_steps,
)
from napari_segen.probabilistic.live.advice import Seen, pictured, places_steps
from napari_segen.probabilistic.live.learner import Learner, Learnt
from napari_segen.probabilistic.live.picture import Picture
from napari_segen.probabilistic.live.store import (
    SIDE,
    Place,
    TileStore,
    Written,
    planes_of,
)
from napari_segen.probabilistic.live.strokes import Painted
from napari_segen.probabilistic.live.view import SHOW, View
from napari_segen.probabilistic.live.wish import Advice, Position, Wish
from napari_segen.probabilistic.prediction import Posterior
from napari_segen.probabilistic.prior import completed_prior, prior_vector
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter


class LiveSession:
    """Answers strokes on one image; remembers what it has answered.

    Parameters
    ----------
    data : array or array-like
        The image.
    spec : ImageSpec
        Its axes; y and x are the last that are not channels.
    store : TileStore
        Receives the answers.
    cache : FeatureCache
        Keeps features of tiles.
    channels : tuple of int, optional
        Which are looked at; None: all.

    Attributes
    ----------
    learnt : Learnt or None
        By what the last final answer was given.
    advice : Advice or None
        What goes with it, if that was asked for.
    explanation : Explanation or None
        What `explain_steps` found.
    """

    def __init__(
        self,
        data: Any,
        spec: ImageSpec,
        store: TileStore,
        cache: FeatureCache,
        channels: tuple[int, ...] | None = None,
    ) -> None:
        self.picture = Picture(data, spec, channels)
        self.store = store
        self.learnt: Learnt | None = None
        self.advice: Advice | None = None
        self.explanation: Explanation | None = None
        self._learner = Learner(self.picture, cache)
        self._final: dict[int, tuple[Any, Learnt]] = {}
        self._asked: Any = None
        self._init_from: ProbabilisticSegmenter | None = None
        self._version = 0

    def answer_steps(
        self,
        model: ProbabilisticSegmenter,
        labels: Any,
        view: View,
        percent: Mapping[int, float] | None = None,
        init_from: ProbabilisticSegmenter | None = None,
        wish: Wish | None = None,
    ) -> Steps[None]:
        """Write the tiles of a view, from its middle outwards.

        A step with the text `SHOW` follows on each answer: a quick one where the method
        has a stand-in, or a volume is smoothed; then the one that a fit and prediction
        of the whole image would give (float32, on the same pixels). Then what lies
        around the view is prepared.

        Parameters
        ----------
        model : ProbabilisticSegmenter
            Its settings count; it is not fitted.
        labels : integer array
            The scribbles; may be painted on meanwhile.
        view : View
        percent : mapping of int to float, optional
            How frequent some classes are, see `completed_prior`.
        init_from : ProbabilisticSegmenter, optional
            To whose strokes the scribbles are added: at full resolution, of which its
            features are.
        wish : Wish, optional
            For advice on what was answered.
        """
        # Another one is told by its id as long as this one is there.
        self._init_from = init_from
        level, earlier = view.level, None
        self.picture.check_level(level)
        painted = Painted.on(labels, self.picture.spec)
        if init_from is not None and level == 0:
            earlier = self._learner.earlier(model, init_from)
        painted.check(() if earlier is None else earlier.strokes.classes)
        learning = (painted.digest, _settings_of(model), earlier and id(init_from))
        asked = (learning, model.smoothing, tuple(sorted((percent or {}).items())))
        if asked != self._asked:
            self._asked, self._version = asked, self._version + 1
        known = self._final.get(level)
        first = final = known[1] if known and known[0] == learning else None
        if final is None:
            quickly = bool(CLASSIFIERS.get(model.method).stand_in)
            steps = self._learner.learn_steps(
                model, painted, level, earlier, quickly=quickly
            )
            first = yield from steps
            final = None if quickly else first
        in_volume = len(self.picture.shape) == 3 and model.smoothing > 0
        if first is not None and (first is not final or in_volume):
            yield from self._write_steps(model, first, percent, view, is_final=False)
            yield Step(0, 0, SHOW)
        if final is None:
            steps = self._learner.learn_steps(
                model, painted, level, earlier, quickly=False
            )
            final = yield from steps
        self._final[level] = learning, final
        self.learnt = final
        yield from self._write_steps(model, final, percent, view, is_final=True)
        yield Step(0, 0, SHOW)
        if wish is not None:
            self.advice = yield from self._advice_steps(
                model, final, painted, view, wish
            )
        if not in_volume:
            around = view.wider(self.picture.shape)
            yield from self._write_steps(model, final, percent, around, is_final=True)

    def explain_steps(
        self,
        model: ProbabilisticSegmenter,
        position: Sequence[int],
        percent: Mapping[int, float] | None = None,
    ) -> Steps[None]:
        """Explain a pixel of the labels by what was learnt at full resolution."""
        if (known := self._final.get(0)) is None:
            raise ValueError("There is no answer at full resolution yet: zoom in.")
        learnt, picture = known[1], self.picture
        check_position(position, picture.label_shape)
        number, pixel = picture.spec.frame_position(position, picture.label_shape)
        frame = self._learner.frame(number, 0, learnt.scale, learnt.bank)
        posterior = _posterior(model, learnt, percent)
        self.explanation = yield from explained_steps(
            posterior, frame, pixel, learnt.classes
        )

    def _seen(
        self, model: ProbabilisticSegmenter, learnt: Learnt, view: View
    ) -> Seen | None:
        """Return a view as it was answered; None where tiles of it have gone."""
        level = view.level
        frame = self._learner.frame(view.frame, level, learnt.scale, learnt.bank)
        # Those of the last features that were remembered: of a volume the first ones.
        in_volume = len(frame.shape) == 3
        smoother = _Smoother(model.smoothing, in_volume, is_final=not in_volume)
        places = _places(view, level)
        tiles = [smoother.tiles(place, frame)[1] for place in places]
        return Seen.of(view, self.store, places, frame, tiles)

    def _advice_steps(
        self,
        model: ProbabilisticSegmenter,
        learnt: Learnt,
        painted: Painted,
        view: View,
        wish: Wish,
    ) -> Steps[Advice]:
        """Say what the answer to a view advises."""
        wanted: tuple[Position, ...] = ()
        if wish.n_places:
            seen = self._seen(model, learnt, view)
            if seen is not None:
                wanted = yield from places_steps(
                    seen, self.picture, learnt, painted, wish
                )
        pictures = tuple(pictured(self.picture, at) for at in wanted)
        classes = tuple(int(v) for v in learnt.classes)
        return Advice(classes, learnt.score, learnt.doubts, wanted, pictures)

    def _write_steps(
        self,
        model: ProbabilisticSegmenter,
        learnt: Learnt,
        percent: Mapping[int, float] | None,
        view: View,
        *,
        is_final: bool,
    ) -> Steps[None]:
        """Write those tiles of a view that are not there as good already."""
        level, version = view.level, self._version
        places = [
            p for p in _places(view, level) if not self.store.has(p, version, is_final)
        ]
        if not places:
            return
        frame = self._learner.frame(view.frame, level, learnt.scale, learnt.bank)
        posterior = _posterior(model, learnt, percent)
        smoother = _Smoother(model.smoothing, len(frame.shape) == 3, is_final)
        jobs = {}
        for place in places:
            wanted, tile = smoother.tiles(place, frame)
            jobs[_corner(tile.core)] = place, wanted, tile

        def write(tile: Tile, features: Array) -> None:
            place, wanted, _ = jobs[_corner(tile.core)]
            missing = frame.no_data(tile.core)
            by_pixel = posterior.of(features, missing)
            smooth = smoother.smoothed(by_pixel, missing)[:, *wanted.inner]
            plane = smooth.reshape(len(smooth), *smooth.shape[-2:])
            gaps = None if missing is None else missing[wanted.inner]
            gaps = None if gaps is None else gaps.reshape(plane.shape[1:])
            planes = planes_of(plane, learnt.classes, gaps)
            classes = tuple(int(v) for v in learnt.classes)
            self.store.put(place, Written(planes, classes, version, is_final))

        yield from frame.features_steps(
            write,
            "Answering",
            [tile for _, _, tile in jobs.values()],
            keep_all=not (smoother.is_3d and is_final),
        )


@dataclass(frozen=True, slots=True)
class _Smoother:
    """The spatial prior on a tile; of a volume at first within the plane alone."""

    strength: float
    is_3d: bool
    is_final: bool

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a tile that have a say in it."""
        side = potts.HALO if self.strength > 0 else 0
        if not self.is_3d:
            return side, side
        return side if self.is_final else 0, side, side

    def tiles(self, place: Place, frame: Frame) -> tuple[Tile, Tile]:
        """Return what is written at a place, and of what the features are needed."""
        wanted = tile_at(_core(place, frame.shape), frame.shape, self.halo)
        return wanted, tile_at(wanted.padded, frame.shape, frame.bank.halo)

    def smoothed(self, by_pixel: Array, no_data: Array | None) -> Array:
        """Smooth ``(K, *S)``, where the halo is among S."""
        if not self.is_3d or self.is_final:
            return potts.smooth(by_pixel, self.strength, no_data)
        gaps = None if no_data is None else no_data[0]
        return potts.smooth(by_pixel[:, 0], self.strength, gaps)[:, np.newaxis]


def _posterior(
    model: ProbabilisticSegmenter, learnt: Learnt, percent: Mapping[int, float] | None
) -> Posterior:
    prior = completed_prior(percent or {}, learnt.classes, learnt.shares)
    frequencies = None if prior is None else prior_vector(prior, learnt.classes)
    return Posterior.with_frequencies(
        learnt.classifier, learnt.shares, frequencies, model.smoothing
    )


def _settings_of(model: ProbabilisticSegmenter) -> tuple[Any, ...]:
    """All that a fit depends on but the image and its scribbles."""
    return (
        model.method,
        model.params,
        model.features,
        model.sigmas,
        model.sigma_unit,
        model.normalization,
        model.seed,
    )


def _places(view: View, level: int) -> list[Place]:
    """List the tiles that a view touches, those in its middle first."""
    rows, columns = (
        range((part.start >> level) // SIDE, ((part.stop - 1) >> level) // SIDE + 1)
        for part in view.box[-2:]
    )
    planes = [range(part.start, part.stop) for part in view.box[:-2]]
    middle = [
        ((part.start + part.stop) / 2 / (SIDE << level)) - 0.5 for part in view.box[-2:]
    ]
    places = [(level, view.frame, *at) for at in product(*planes, rows, columns)]
    return sorted(places, key=lambda p: math.dist(p[-2:], middle))


def _core(place: Place, shape: Sequence[int]) -> Slices:
    """Return the pixels of a tile, within a frame of this level."""
    planes = [slice(z, z + 1) for z in place[2:-2]]
    sides = [
        slice(n * SIDE, min((n + 1) * SIDE, length))
        for n, length in zip(place[-2:], shape[-2:], strict=True)
    ]
    return (*planes, *sides)


def _corner(core: Slices) -> tuple[int, ...]:
    return tuple(part.start for part in core)
