"""What all docks have in common: the viewer, one job, messages, closing."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from magicgui.widgets import ComboBox, Container
from napari.utils.notifications import (
    ErrorNotification,
    notification_manager,
    show_error,
)
from qtpy.QtWidgets import QWidget

from napari_segen.core.child import ChildDied
from napari_segen.core.steps import Steps
from napari_segen.widgets.jobs.closing import Closing
from napari_segen.widgets.jobs.collector import dock_closed, dock_opened, freeze_once
from napari_segen.widgets.jobs.job import Job, Showing
from napari_segen.widgets.jobs.keras_child import KerasChild, keras_child
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.jobs.warm_up import WarmUp
from napari_segen.widgets.parts.panels import (
    Action,
    RunPanel,
    fit_narrow,
    note,
    scrolled,
)
from napari_segen.widgets.results import Results, layers_to_choose

# Errors whose message is for the user; any other is a fault of ours.
EXPECTED = (ValueError, TypeError, OSError, ImportError, MemoryError, ChildDied)
BUSY = "A job is running: wait for it, or press Cancel."
NO_IMAGE = "There is no image: open one, for instance with File > Open Sample."
ASK_AXES = "This image is a stack: say above what its first axis is."
_LOG = logging.getLogger(__name__)


class Dock(Container):
    """A dock widget with one running job and a message line.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    uses_keras: ClassVar[bool] = False
    _said_of_cancel: ClassVar[str] = "End the running job; nothing of it is kept."
    # What remains to be seen once garbage collection has emptied the instance.
    _is_built, _is_shut = False, True

    def __init__(self, napari_viewer) -> None:
        super().__init__(labels=False)
        # napari hands plugins a proxy that makes new proxies of layers, so that "is"
        # and "in" would be wrong.
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._results = Results(self._viewer)
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
        self._warm_up = WarmUp()
        self._closing = Closing(self.native, self.shut_down, self._why_stay)
        self._child: KerasChild | None = None
        if self.uses_keras:
            self._child = keras_child()
            self._child.open()
            self._keras = note("")
            self._keras.setToolTip(
                "Networks run in a process of their own, so that napari stays smooth."
            )
            self._warm_up.said.connect(self._keras.setText)

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
        self.native.layout().addWidget(scrolled(*content))
        self.margins = (0, 0, 0, 0)
        self._is_built = True
        self.refresh()
        if self._child is not None:
            self._warm_up.soon(self._child)

    # -- state ----------------------------------------------------------------

    @property
    def _is_there(self) -> bool:
        """Whether all parts have been made, and none has been let go of."""
        return self._is_built and not self._is_shut

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
        if not self._is_there:
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
        """Show a message; warnings are added to what is there, empty ones are none."""
        if kind == "warning" and not text:
            return
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

    def _why_busy(self) -> str:
        return BUSY if self._job.is_running else ""

    def _why_no_cancel(self) -> str:
        if not self._job.is_running:
            return "No job is running."
        if self._job.is_showing:
            return "The result is about to be shown."
        return "Being cancelled." if self._job.is_cancelling else ""

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
        # The cancel may have ended the process, or be about to where a job was left
        # behind: the next training shall not wait. One that lives on is warm.
        if self._child is not None:
            self._warm_up.soon(self._child)

    def _why_stay(self) -> str:
        """Return what would be lost if the dock were closed now; empty if nothing."""
        return ""

    # -- the end --------------------------------------------------------------

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        if self._is_shut:
            return
        self._is_shut = True
        dock_closed()
        self._job.shut_down()
        self._warm_up.shut_down()
        if self._child is not None:
            self._child.close()
        # RuntimeError, ValueError: the viewer has gone, and the connections with it.
        with suppress(RuntimeError, ValueError, AttributeError):
            for event in ("inserted", "removed", "reordered", "renamed"):
                self._viewer.layers.events[event].disconnect(self.reset_choices)
