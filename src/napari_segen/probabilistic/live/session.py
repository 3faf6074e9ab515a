"""The answer to the strokes of one image, tile by tile where it is looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import Tile
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.earlier import Earlier
from napari_segen.probabilistic.guidance.explanation import (
    Explanation,
    check_position,
    explained_steps,
)
from napari_segen.probabilistic.live.advice import Seen, pictured, places_steps
from napari_segen.probabilistic.live.learner import Learner, Learnt
from napari_segen.probabilistic.live.picture import Picture
from napari_segen.probabilistic.live.store import (
    TileStore,
    Written,
)
from napari_segen.probabilistic.live.strokes import Painted
from napari_segen.probabilistic.live.tiles import Answering, Smoother, places_of
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
        level = view.level
        self.picture.check_level(level)
        painted, earlier = self._painted(model, labels, level, init_from)
        learning = (painted.digest, _settings_of(model), earlier and id(init_from))
        asked = (learning, model.smoothing, tuple(sorted((percent or {}).items())))
        if asked != self._asked:
            self._asked, self._version = asked, self._version + 1
        given = model, painted, level, earlier
        learnt = self._known(level, learning)
        is_quick = learnt is None and bool(CLASSIFIERS.get(model.method).stand_in)
        if learnt is None:
            learnt = yield from self._learner.learn_steps(*given, quickly=is_quick)
        in_volume = len(self.picture.shape) == 3 and model.smoothing > 0
        if is_quick or in_volume:
            yield from self._write_steps(model, learnt, percent, view, is_final=False)
            yield Step(0, 0, SHOW)
        if is_quick:
            learnt = yield from self._learner.learn_steps(*given, quickly=False)
        self._final[level] = learning, learnt
        self.learnt = learnt
        yield from self._write_steps(model, learnt, percent, view, is_final=True)
        yield Step(0, 0, SHOW)
        if wish is not None:
            self.advice = yield from self._advice_steps(
                model, learnt, painted, view, wish
            )
        if not in_volume:
            around = view.wider(self.picture.shape)
            yield from self._write_steps(model, learnt, percent, around, is_final=True)

    def _painted(
        self,
        model: ProbabilisticSegmenter,
        labels: Any,
        level: int,
        init_from: ProbabilisticSegmenter | None,
    ) -> tuple[Painted, Earlier | None]:
        """Return the strokes there are, and those that they are added to."""
        # Another one is told by its id as long as this one is there.
        self._init_from = init_from
        painted, earlier = Painted.on(labels, self.picture.spec), None
        if init_from is not None and level == 0:
            earlier = self._learner.earlier(model, init_from)
        painted.check(() if earlier is None else earlier.strokes.classes)
        return painted, earlier

    def _known(self, level: int, learning: Any) -> Learnt | None:
        """Return the last final answer of a level, if it was learnt from the same."""
        known = self._final.get(level)
        return known[1] if known and known[0] == learning else None

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
        frame = self._learner.frame(view.frame, view.level, learnt.scale, learnt.bank)
        # Those of the last features that were remembered: of a volume the first ones.
        in_volume = len(frame.shape) == 3
        smoother = Smoother(model.smoothing, in_volume, is_final=not in_volume)
        places = places_of(view)
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
        store, version = self.store, self._version
        places = [p for p in places_of(view) if not store.has(p, version, is_final)]
        if not places:
            return
        frame = self._learner.frame(view.frame, view.level, learnt.scale, learnt.bank)
        smoother = Smoother(model.smoothing, len(frame.shape) == 3, is_final)
        posterior = _posterior(model, learnt, percent)
        answering = Answering(frame, posterior, smoother, learnt.classes)
        classes = tuple(int(v) for v in learnt.classes)
        jobs = {}
        for place in places:
            wanted, tile = smoother.tiles(place, frame)
            jobs[tile.corner] = place, wanted, tile

        def write(tile: Tile, features: Array) -> None:
            place, wanted, _ = jobs[tile.corner]
            planes = answering.planes(wanted, tile, features)
            store.put(place, Written(planes, classes, version, is_final))

        yield from frame.features_steps(
            write,
            "Answering",
            [tile for _, _, tile in jobs.values()],
            keep_all=not (smoother.is_3d and is_final),
        )


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
