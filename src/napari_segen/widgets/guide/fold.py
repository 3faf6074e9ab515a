"""Where to paint next, when to stop, what to doubt, and why: one fold of the dock."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_segen.probabilistic.live.wish import Advice, Wish
from napari_segen.widgets.guide.doubts import DoubtsList
from napari_segen.widgets.guide.explaining import Explaining
from napari_segen.widgets.guide.inputs import GuideInputs, Position
from napari_segen.widgets.guide.places import N_PLACES, PlacesList
from napari_segen.widgets.guide.score import ScoreSoFar
from napari_segen.widgets.guide.tasks import (
    Places,
    finding_stroke,
    suggesting_places,
)
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.layers import level_zero
from napari_segen.widgets.live.preview import LivePreview
from napari_segen.widgets.parts.panels import Action, Fold, note, side_by_side
from napari_segen.widgets.sight import bring_into_sight

NOTHING_LEARNT = "Nothing has been learnt yet: press Run, or switch Live on."
NO_PLACES = "No other place would teach much: all is painted or was suggested already."


class Guide(QObject):
    """Follows the live preview and the runs of a dock.

    Parameters
    ----------
    viewer : napari.Viewer
    preview : LivePreview
    inputs : callable
        Returns `GuideInputs`, or why there is nothing to speak of.
    action : callable
        Makes a button of the dock: text, tooltip, why not, what to do.

    Signals
    -------
    said(str)
        Something that the message line should show.
    """

    said = Signal(str)

    def __init__(
        self,
        viewer: Any,
        preview: LivePreview,
        inputs: Callable[[], GuideInputs | str],
        action: Callable[..., Action],
    ) -> None:
        super().__init__()
        self._viewer, self._preview, self._inputs = viewer, preview, inputs
        self._about: GuideInputs | None = None
        self._model: Any = None  # the one that was last fitted to these strokes
        self._suggested: list[Position] = []
        self._is_going = False  # to the first place that comes
        self._job = Job(is_listed=False)
        self._job.failed.connect(lambda error: self.said.emit(str(error)))
        self.places, self.doubts = PlacesList(), DoubtsList()
        self.score = ScoreSoFar()
        self._doubtful = note("")
        self.explaining = Explaining(
            viewer, preview, inputs, lambda: self._model, self._job
        )
        self._next = action(
            "Label here next",
            "Go to the place where a stroke would teach most: unsure, unlike what is "
            "painted, and not near a place that you were sent to before.",
            self._why_no_place,
            self.go_on,
        )
        self._erase = action(
            "Erase stroke",
            "Erase the chosen stroke of the list. Undo with Ctrl-Z.",
            self._why_no_erase,
            self.erase,
        )
        self._lay_out()
        self._wire()
        self._show_doubts()

    # -- building -------------------------------------------------------------

    def _lay_out(self) -> None:
        self.fold = Fold(
            "Guide",
            self._next.button,
            self.places,
            self.score.plot,
            self.score.text,
            self._doubtful,
            self.doubts,
            side_by_side(self._erase.button, self.explaining.button),
            self.explaining.text,
            tooltip="Where to paint next, when to stop, what to doubt, and why a pixel "
            "is what it is.",
        )

    def _wire(self) -> None:
        self._preview.wish = self._wish
        self.fold.opened.connect(self._preview.look_again)
        self._preview.advised.connect(self._on_advice)
        self.places.picked.connect(self._go_to_place)
        self.doubts.picked.connect(self._go_to)
        self.doubts.currentRowChanged.connect(lambda _: self._erase.refresh())

    # -- what is known --------------------------------------------------------

    def _why_no_place(self) -> str:
        inputs = self._inputs()
        if isinstance(inputs, str):
            return inputs
        if self._job.is_running:
            return "One moment: places are being looked for."
        known = self.places.places or self._model is not None or self._preview.is_on
        return "" if known else NOTHING_LEARNT

    def _why_no_erase(self) -> str:
        if isinstance(inputs := self._inputs(), str):
            return inputs
        return "" if self.doubts.position else "Choose a doubtful stroke of the list."

    def look_again(self) -> None:
        """Forget what was said of other layers."""
        inputs = self._inputs()
        now = None if isinstance(inputs, str) else inputs
        if now is None or not now.is_about(self._about):
            self._about = now
            self._model, self._suggested = None, []
            self.places.show_places([], [])
            self.score.forget()
            self.doubts.show_doubts([], str)
            self._show_doubts()
            self.explaining.stop()
        self._next.refresh()

    def _wish(self) -> Wish:
        # Places take time, and are for who looks at them; the curve misses no score.
        n = N_PLACES if self.fold.is_open else 0
        return Wish(n, tuple(self._suggested))

    def _on_advice(self, advice: Advice) -> None:
        self.look_again()
        self.places.show_places(advice.places, advice.pictures)
        self._tell(advice.classes, advice.score, advice.doubts)
        if self._is_going:
            self._is_going = False
            self._go_to_first()

    def show_model(self, model: Any) -> None:
        """Take over what a model says of the strokes that it was fitted to."""
        self.look_again()
        self._model = model
        self.places.show_places([], [])
        classes = tuple(int(v) for v in model.classes_)
        self._tell(classes, model.score_, model.doubtful_strokes_)

    def _tell(self, classes: tuple[int, ...], score: Any, doubts: Any) -> None:
        title = self._about.title if self._about is not None else str
        self.score.add(classes, score, title)
        self.doubts.show_doubts(doubts, title)
        self._show_doubts()
        self._next.refresh()

    def _show_doubts(self) -> None:
        """Say how many doubtful strokes there are, once that is known."""
        n = self.doubts.count()
        doubtful = f"Doubtful strokes: {n}" if n else "No doubtful strokes."
        self._doubtful.setText(doubtful if self.score.is_known else "")
        self.doubts.setVisible(n > 0)
        self._erase.button.setVisible(n > 0)
        self._erase.refresh()

    # -- going there ----------------------------------------------------------

    def go_on(self) -> None:
        """Go to the best place that is left; look for more if there is none."""
        if (place := self.places.take_first()) is not None:
            self._go_to_place(place)
            return
        inputs = self._inputs()
        if isinstance(inputs, str):
            self.said.emit(inputs)
        elif self._preview.is_on:
            self._is_going = True
            self._preview.update_once()
        elif self._model is None:
            self.said.emit(NOTHING_LEARNT)
        else:
            self._job.start(
                suggesting_places,
                self._model,
                inputs.source,
                level_zero(inputs.strokes),
                N_PLACES,
                tuple(self._suggested),
                inputs.cache(),
                done=self._on_places,
            )

    def _on_places(self, found: Places) -> None:
        places, pictures = found
        self.places.show_places(places, pictures)
        self._go_to_first()

    def _go_to_first(self) -> None:
        if (place := self.places.take_first()) is None:
            self.said.emit(NO_PLACES)
        else:
            self._go_to_place(place)

    def _go_to_place(self, place: Position) -> None:
        self._suggested.append(place)
        self._go_to(place)

    def _go_to(self, position: Position) -> None:
        if not isinstance(inputs := self._inputs(), str):
            image, axes = inputs.image, inputs.source.axes
            bring_into_sight(self._viewer, image, axes, position, to_middle=True)

    # -- erasing --------------------------------------------------------------

    def erase(self) -> None:
        """Erase the chosen doubtful stroke."""
        inputs, position = self._inputs(), self.doubts.position
        if isinstance(inputs, str) or position is None:
            return
        layer = inputs.strokes

        def done(at: tuple[np.ndarray, ...]) -> None:
            if not at or not len(at[0]):
                self.said.emit("This stroke is no longer there.")
                return
            layer.data_setitem(at, 0)
            self.doubts.show_doubts([], str)
            self._show_doubts()
            self.said.emit(f"Erased {len(at[0])} pixels. Undo with Ctrl-Z.")

        spec = inputs.source.spec
        self._job.start(finding_stroke, level_zero(layer), spec, position, done=done)

    def shut_down(self) -> None:
        """Let go of the viewer."""
        self.explaining.shut_down()
        with suppress(RuntimeError):  # Qt may have deleted the timers
            self._job.shut_down()
