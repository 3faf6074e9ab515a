"""The answer follows the brush: what is looked at is answered after each stroke."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_segen.probabilistic.live.view import SHOW, View
from napari_segen.widgets.jobs.collector import freeze_once
from napari_segen.widgets.jobs.timers import debounced
from napari_segen.widgets.layers import level_zero
from napari_segen.widgets.live.latest import Latest
from napari_segen.widgets.live.layers import Kind, LiveLayers
from napari_segen.widgets.live.sessions import LiveInputs, Sessions
from napari_segen.widgets.visible import view_events, visible_part

LOOK_MS = 60  # after the last move of the view
UNDO_MS = 50  # undo and redo are not told from other changes of a layer

OUT_OF_SIGHT = "No pixel of the image is in sight."
NO_PLANES = "Live shows planes in y and x: go back to the 2D display of these."


class LivePreview(QObject):
    """Follows strokes and view; shows the answer in layers that go by themselves.

    Parameters
    ----------
    viewer : napari.Viewer
    inputs : callable
        Returns `LiveInputs`, or why there can be no answer.

    Signals
    -------
    changed()
        It was turned on or off, or says something else.
    advised(Advice)
        What goes with an answer, if `wish` asks for it.
    explained(Explanation)

    Attributes
    ----------
    wish : callable
        Returns for which advice is asked, or None.
    """

    changed = Signal()
    advised = Signal(object)
    explained = Signal(object)

    def __init__(self, viewer: Any, inputs: Callable[[], LiveInputs | str]) -> None:
        super().__init__()
        self._viewer, self._inputs = viewer, inputs
        self.layers = LiveLayers(viewer)
        self.is_on = False
        self.text = ""
        self.is_busy = False
        self.wish: Callable[[], Any] = lambda: None
        self._shown: LiveInputs | None = None
        self._level, self._adds = 0, False
        self._sessions = Sessions()
        self._wired: list[tuple[Any, Callable[..., object]]] = []
        self._worker = Latest(SHOW)
        self._worker.shown.connect(self._on_shown)
        self._worker.failed.connect(self._on_failed)
        self._worker.ended.connect(self._on_ended)
        self._look = debounced(self, LOOK_MS, self._ask)
        self._undo = debounced(self, UNDO_MS, self._ask)

    # -- on and off -----------------------------------------------------------

    def turn_on(self) -> None:
        """Answer now, and after each change."""
        self.is_on = True
        self._ask()

    def turn_off(self) -> None:
        """Stop, and take the answer away."""
        self.is_on = False
        self._leave("")

    def update_once(self) -> None:
        """Answer what is looked at now."""
        self._ask()

    def shut_down(self) -> None:
        """End for good: the dock was closed, or the viewer."""
        self.is_on = False
        self._worker.shut_down()
        with suppress(RuntimeError):  # Qt may have deleted the timers
            self._look.stop()
            self._undo.stop()
        self._unwire()
        self.layers.remove()

    def look_again(self) -> None:
        """Follow a change of inputs or settings, if there is one."""
        if self.is_on:
            self._look.start()
        elif self._shown is not None and not self._is_about(self._inputs()):
            self._leave("")

    def _leave(self, text: str) -> None:
        self._worker.cancel()
        self._look.stop()
        self._undo.stop()
        self._unwire()
        self.layers.remove()
        self._sessions.renew()
        self._shown = None
        self._say(text, is_busy=False)

    # -- events ---------------------------------------------------------------

    def _wire(self, inputs: LiveInputs) -> None:
        """Listen to what changes the answer."""
        strokes, viewer = inputs.strokes.events, self._viewer
        self._wired = [
            (strokes.paint, self._on_stroke),
            (strokes.set_data, self._on_set_data),
            (strokes.colormap, self._on_colors),
            (viewer.layers.events.removed, self._on_removed),
            (inputs.image.events.data, self._on_move),
            *((event, self._on_move) for event in view_events(viewer)),
        ]
        for event, slot in self._wired:
            event.connect(slot)

    def _unwire(self) -> None:
        wired, self._wired = self._wired, []
        for event, slot in wired:
            # The layer or the viewer may have gone.
            with suppress(RuntimeError, ValueError, AttributeError):
                event.disconnect(slot)

    def _on_stroke(self, event: Any = None) -> None:
        if self.is_on:
            self._ask()

    def _on_set_data(self, event: Any = None) -> None:
        if self.is_on:
            self._undo.start()

    def _on_move(self, event: Any = None) -> None:
        if self.is_on:
            self._look.start()

    def _on_colors(self, event: Any = None) -> None:
        self.layers.recolor()

    def _on_removed(self, event: Any = None) -> None:
        if self._shown is not None and not self.layers.are_there:
            self.turn_off()

    # -- answers --------------------------------------------------------------

    def _is_about(self, inputs: LiveInputs | str) -> bool:
        """Whether what is shown is of these layers as they are."""
        shown = self._shown
        return (
            shown is not None
            and not isinstance(inputs, str)
            and inputs.image is shown.image
            and inputs.strokes is shown.strokes
            and inputs.source.data is shown.source.data
            and inputs.source.spec == shown.source.spec
        )

    def _ask(self) -> None:
        inputs = self._inputs()
        if isinstance(inputs, str):
            self._leave(inputs)
            return
        if not self._is_about(inputs) or not self.layers.are_there:
            self._unwire()
            self._sessions.renew()
            self._shown = inputs
            self.layers.add(self._sessions.store, inputs.source, inputs.strokes)
            self._wire(inputs)
        if (view := self._view(inputs)) is None:
            return
        self._level, self._adds = view.level, inputs.init_from is not None
        self._say(self.text or "Learning from the strokes…", is_busy=True)
        strokes = level_zero(inputs.strokes)
        self._worker.ask(
            partial(self._sessions.answer_steps, inputs, strokes, view, self.wish())
        )

    def explain(self, position: Sequence[int]) -> str:
        """Explain a pixel by the answer to the strokes; returns why that cannot be."""
        inputs = self._inputs()
        if self._shown is None or isinstance(inputs, str) or not self._is_about(inputs):
            return "Switch Live on, or press Run."
        if self.is_busy:
            return "One moment: the strokes are being answered."
        if self._level:
            return "Zoom in: what is seen is answered at a coarser level."
        self._say(self.text, is_busy=True)
        self._worker.ask(partial(self._sessions.explain_steps, inputs, position))
        return ""

    def _view(self, inputs: LiveInputs) -> View | None:
        part = visible_part(self._viewer, inputs.image, inputs.source)
        is_plane = part is not None and all(
            w.stop - w.start == 1 for w in part.window[:-2]
        )
        if part is not None and is_plane:
            return View(part.frame, part.window)
        self._worker.cancel()
        flat = self._viewer.dims.ndisplay == 2 and part is None
        self._say(OUT_OF_SIGHT if flat else NO_PLANES, is_busy=False)
        return None

    def _on_shown(self, number: int) -> None:
        if self._shown is not None:
            freeze_once()
            self.layers.refresh()
            self._tell()

    def _on_ended(self, number: int) -> None:
        if number == self._worker.number:
            self._say(self._said(), is_busy=False)
            self._tell()

    def _tell(self) -> None:
        """Hand on what else has come out."""
        if (advice := self._sessions.taken("advice")) is not None:
            self.advised.emit(advice)
        if (explanation := self._sessions.taken("explanation")) is not None:
            self.explained.emit(explanation)

    def _on_failed(self, number: int, error: Exception) -> None:
        if number == self._worker.number:
            self._say(str(error) or type(error).__name__, is_busy=False)

    def _said(self) -> str:
        score = self._sessions.score
        parts = [] if score is None else [f"Held-out strokes: {score}."]
        if self._level:
            without = ", without the loaded strokes" * self._adds
            parts.append(
                f"Seen at 1/{2**self._level} of the resolution{without}: zoom in for "
                "the exact answer."
            )
        return " ".join(parts) or "This is what a run on the whole image gives."

    def _say(self, text: str, *, is_busy: bool) -> None:
        self.text, self.is_busy = text, is_busy
        self.changed.emit()

    def show(self, kind: Kind) -> None:
        """Show classes, uncertainty, or the probability of a class."""
        self.layers.show(kind)
