"""The sessions behind the live preview: made and used on its worker's thread."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari.layers import Image, Labels

from napari_segen.core.steps import Steps
from napari_segen.probabilistic.live.store import TileStore
from napari_segen.probabilistic.live.view import View
from napari_segen.widgets.layers import Source


@dataclass(frozen=True)
class LiveInputs:
    """What is answered, and how.

    Parameters
    ----------
    image : Image
    source : Source
    strokes : Labels
    settings : mapping
        Arguments of `ProbabilisticSegmenter`.
    percent : mapping of int to float
        How frequent some classes are.
    cache : callable
        Returns the `FeatureCache`.
    init_from : ProbabilisticSegmenter, or None
        The model to whose strokes these are added.
    """

    image: Image
    source: Source
    strokes: Labels
    settings: Mapping[str, Any]
    percent: Mapping[int, float]
    cache: Callable[[], Any]
    init_from: Any


class Sessions:
    """The session of the image at hand; made and used on the worker's thread."""

    def __init__(self) -> None:
        self.store = TileStore()
        self._session: Any = None
        self._of: TileStore | None = None

    def renew(self) -> None:
        """Forget what is known: another image comes, or none."""
        self.store = TileStore()
        self._session = self._of = None

    @property
    def score(self) -> Any:
        """How good the last answer is on held-out strokes, or None."""
        learnt = None if self._session is None else self._session.learnt
        return None if learnt is None else learnt.score

    def taken(self, what: str) -> Any:
        """Return what the session left since it was last asked, or None."""
        session, found = self._session, None
        if session is not None:
            found = getattr(session, what)
            setattr(session, what, None)
        return found

    def explain_steps(self, inputs: LiveInputs, position: Sequence[int]) -> Steps[None]:
        """Explain a pixel by what was learnt last."""
        from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

        if (session := self._session) is not None:
            model = ProbabilisticSegmenter(**inputs.settings)
            yield from session.explain_steps(model, position, inputs.percent)

    def answer_steps(
        self, inputs: LiveInputs, strokes: Any, view: View, wish: Any
    ) -> Steps[None]:
        """Answer a view; a new session is begun if `renew` was called."""
        # SciPy, Numba and scikit-learn: not on the window's thread.
        from napari_segen.probabilistic.live.session import LiveSession
        from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

        model = ProbabilisticSegmenter(**inputs.settings)
        # The window's thread may `renew` meanwhile.
        store, session = self.store, self._session
        if session is None or self._of is not store:
            source, cache = inputs.source, inputs.cache()
            session = LiveSession(
                source.data, source.spec, store, cache, model.channels
            )
            self._session, self._of = session, store
        yield from session.answer_steps(
            model, strokes, view, inputs.percent, inputs.init_from, wish
        )
