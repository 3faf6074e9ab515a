"""What all docks have in common: the viewer, one job, messages, closing."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from magicgui.widgets import ComboBox, Container
from napari.utils.notifications import (
    ErrorNotification,
    notification_manager,
    show_error,
)
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

from napari_segen.core.archive import SUFFIX
from napari_segen.core.child import ChildDied
from napari_segen.core.steps import Steps
from napari_segen.widgets.jobs.closing import Closing
from napari_segen.widgets.jobs.collector import dock_closed, dock_opened, freeze_once
from napari_segen.widgets.jobs.job import Job, Showing
from napari_segen.widgets.jobs.keras_child import (
    KerasChild,
    keras_child,
    starting_tensorflow,
)
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.jobs.timers import debounced
from napari_segen.widgets.model_files import (
    loading_model,
    path_to_load,
    path_to_save,
    saving_model,
)
from napari_segen.widgets.parts.panels import Action, RunPanel, fit_narrow, stacked
from napari_segen.widgets.results import Results, layers_to_choose

# Errors whose message is for the user; any other is a fault of ours.
EXPECTED = (ValueError, TypeError, OSError, ImportError, MemoryError, ChildDied)
BUSY = "A job is running: wait for it, or press Cancel."
WARM_UP_DELAY_MS = 200
_WIDTH_PX, _LEAST_HEIGHT_PX = 280, 160
_LOG = logging.getLogger(__name__)


class Dock(Container):
    """A dock widget with one running job and a message line.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    uses_keras: ClassVar[bool] = False
    _said_of_cancel: ClassVar[str] = "End the running job; nothing of it is kept."
    # Also what remains to be seen once garbage collection has emptied the instance.
    _is_shut = True

    def __init__(self, napari_viewer) -> None:
        super().__init__(labels=False)
        # napari hands plugins a proxy that makes new proxies of layers, so that "is"
        # and "in" would be wrong.
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._results = Results(self._viewer)
        self._model: Any = None
        self._actions: list[Action] = []
        self._inputs = Container()
        self._outcome = ("", "info")
        self._is_shut = False
        dock_opened()
        self._job = Job()
        self._job.changed.connect(self.refresh)
        self._job.progressed.connect(self._on_progress)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_cancelled)
        self._job.warned.connect(self._on_warned)
        self._warm_up = Job(is_listed=False)
        self._warm_up.progressed.connect(lambda p: self._show_keras(p.step.text))
        self._warm_up.failed.connect(lambda error: self._show_keras(str(error)))
        # First let the dock be drawn.
        self._warm_timer = debounced(self._warm_up, WARM_UP_DELAY_MS, self._start_keras)
        self._closing = Closing(self.native, self.shut_down, self._why_stay)
        self._child: KerasChild | None = None
        if self.uses_keras:
            self._child = keras_child()
            self._child.open()

    # -- building -------------------------------------------------------------

    def _layer_choice(
        self, kind: type, label: str, tooltip: str, *, nullable: bool = False
    ) -> ComboBox:
        """Make a drop-down list of the viewer's layers of one kind."""
        choice = ComboBox(
            label=label,
            choices=lambda _: layers_to_choose(self._viewer.layers, kind),
            nullable=nullable,
            tooltip=tooltip,
        )
        choice.changed.connect(self._on_input)
        return choice

    def _action(
        self,
        text: str,
        tooltip: str,
        why_not: Callable[[], str],
        do: Callable[[], object],
    ) -> Action:
        action = Action(text, tooltip, why_not, do)
        self._actions.append(action)
        return action

    def _run_panel(self, *rows: Sequence[Action]) -> RunPanel:
        """Make the main buttons; Cancel comes at the end of the last row."""
        cancel = self._action(
            "Cancel",
            self._said_of_cancel,
            self._why_no_cancel,
            self._job.cancel,
        )
        self._main = rows[0][0]
        self._panel = RunPanel(*rows[:-1], (*rows[-1], cancel))
        return self._panel

    def _lay_out(self, *content: QWidget) -> None:
        # Not Container's own scrollable=True: napari docks what is inside of that.
        inner = stacked(*content)
        inner.layout().setContentsMargins(6, 4, 6, 4)
        inner.layout().addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(_WIDTH_PX)
        scroll.setMinimumHeight(_LEAST_HEIGHT_PX)
        scroll.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.native.layout().addWidget(scroll)
        self.margins = (0, 0, 0, 0)
        self.refresh()
        if self._child is not None:
            self._warm_timer.start()

    # -- state ----------------------------------------------------------------

    def reset_choices(self, *args: Any) -> None:
        """Bring the lists of layers up to date; napari calls it."""
        if not self._is_shut:
            super().reset_choices(*args)
            self._reset_layer_choices()
            self._on_input()

    def _reset_layer_choices(self) -> None:
        """Bring lists of layers, no children of this container, up to date."""
        self._inputs.reset_choices()
        fit_narrow(self._inputs)

    def _on_input(self, *args: Any) -> None:
        """Something was chosen: what the last job said is history."""
        if not self._job.is_running:
            self._outcome = ("", "info")
        self.refresh()

    def refresh(self) -> None:
        """Enable what can be pressed, and say why the main button cannot."""
        if self._is_shut or not self._actions:
            return
        for action in self._actions:
            action.refresh()
        if self._job.is_running:
            if self._job.is_cancelling:
                self._panel.say("Cancelling…")
            return
        self._panel.show_idle()
        text, kind = self._outcome
        if text:
            self._panel.say(text, kind)
        else:
            self._panel.say(self._main.why_not())

    def say(self, text: str, kind: str = "info") -> None:
        """Show a message; warnings are added to what is there."""
        before, before_kind = self._outcome
        if kind == "warning" and before and text not in before:
            text = f"{before}\n{text}"
        if before_kind == "error" and kind == "warning":
            kind = "error"
        self._outcome = (text, kind)
        self.refresh()

    @property
    def message(self) -> str:
        """What the message line says."""
        return self._panel.text

    @property
    def model(self) -> Any:
        """The model that was last fitted or loaded, or None."""
        return self._model

    def _why_busy(self) -> str:
        return BUSY if self._job.is_running else ""

    def _why_no_cancel(self) -> str:
        if not self._job.is_running:
            return "No job is running."
        if self._job.is_showing:
            return "The result is about to be shown."
        return "Being cancelled." if self._job.is_cancelling else ""

    def _why_no_model(self) -> str:
        if self._model is None:
            return self._why_busy() or f"There is no model yet: {self._how_to_get_one}"
        return self._why_busy()

    _how_to_get_one: ClassVar[str] = "run one or load one."

    # -- jobs -----------------------------------------------------------------

    def _start(
        self,
        steps: Callable[..., Steps[Any]],
        *args: Any,
        done: Callable[[Any], Showing | None],
        can_finish: bool = False,
    ) -> None:
        """Run a generator function on a thread; see `Job.start`."""
        self._outcome = ("", "info")

        def finished(result: Any) -> Showing | None:
            freeze_once()
            return done(result)

        if self._job.start(steps, *args, done=finished, can_finish=can_finish):
            self._panel.show_busy()
            self._panel.say("Starting…")

    def _on_progress(self, progress: Progress) -> None:
        self._panel.show_step(progress.step)

    def _on_warned(self, text: str) -> None:
        self.say(text, "warning")

    def _on_failed(self, error: BaseException) -> None:
        _LOG.info("a job failed", exc_info=error)
        text = str(error) or type(error).__name__
        if isinstance(error, MemoryError):
            text = f"Out of memory ({text}). Choose a smaller image or close others."
        self.say(text, "error")
        if isinstance(error, EXPECTED):
            show_error(text)
        else:
            # With napari's button that shows where it came from.
            notification_manager.dispatch(ErrorNotification(error))

    def _on_cancelled(self) -> None:
        self.say("Cancelled. Your layers are as they were.")
        # The cancel may have ended the process: the next training shall not wait.
        if self._child is not None and not self._child.is_alive:
            self._warm_timer.start()

    def _why_stay(self) -> str:
        """Return what would be lost if the dock were closed now; empty if nothing."""
        return ""

    def _start_keras(self) -> None:
        """Warm the process for Keras, and let the user see it."""
        if self._is_shut or self._child is None:
            return
        self._show_keras("Starting TensorFlow…")
        self._warm_up.start(
            starting_tensorflow,
            self._child,
            done=lambda _: self._show_keras("TensorFlow ready"),
        )

    def _show_keras(self, text: str) -> None:
        """Show how TensorFlow's start goes (docks with Keras have a line for it)."""

    # -- model files ----------------------------------------------------------

    def save_model(self, path: str | Path) -> None:
        """Write the model to a file, on a thread."""
        target = Path(path)
        if not target.suffix:
            target = target.with_suffix(SUFFIX)
        said = f"Saved to {target}"
        model = self._model_to_save()
        self._start(saving_model, model, target, done=lambda _: self.say(said))

    def _model_to_save(self) -> Any:
        return self._model

    def load_model(self, path: str | Path) -> None:
        """Read a model from a file, on a thread."""
        self._start(loading_model, Path(path), done=self._on_loaded)

    def _on_loaded(self, model: Any) -> None:
        if type(model).__name__ != self._model_class:
            self.say(
                f"This file holds a model of another dock ({type(model).__name__}, "
                f"not {self._model_class}): load it there.",
                "error",
            )
            return
        self._model = model
        self.say(self._said_of_loaded(model))

    _model_class: ClassVar[str]

    def _said_of_loaded(self, model: Any) -> str:
        return "Model loaded."

    def _ask_save(self) -> None:
        if path := path_to_save(self.native):
            self.save_model(path)

    def _ask_load(self) -> None:
        if path := path_to_load(self.native):
            self.load_model(path)

    # -- the end --------------------------------------------------------------

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        if self._is_shut:
            return
        self._is_shut = True
        dock_closed()
        self._job.shut_down()
        self._warm_up.shut_down()
        with suppress(RuntimeError):  # Qt may have deleted the timer
            self._warm_timer.stop()
        if self._child is not None:
            self._child.close()
        # RuntimeError, ValueError: the viewer has gone, and the connections with it.
        with suppress(RuntimeError, ValueError, AttributeError):
            for event in ("inserted", "removed", "reordered", "renamed"):
                self._viewer.layers.events[event].disconnect(self.reset_choices)
