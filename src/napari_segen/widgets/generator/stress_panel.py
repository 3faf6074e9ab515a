"""Stress test: how a model's score falls while the image gets worse.

A section that a dock holds: it has a job of its own. The dock calls `reset_choices`
when layers come and go, and `shut_down` at the end.
"""

from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox
from napari.layers import Image, Labels, Layer
from napari.utils.notifications import ErrorNotification, notification_manager
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_segen.widgets.dock import ASK_AXES, BUSY, EXPECTED, NO_IMAGE
from napari_segen.widgets.generator.stress_layers import stress_layers
from napari_segen.widgets.generator.stress_tasks import testing_model
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.jobs.keras_child import KerasChild
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.layers import (
    Source,
    axes_of,
    level_zero,
    mismatch,
)
from napari_segen.widgets.model_files import loading_model, path_to_load
from napari_segen.widgets.parts.curves import CurvePlot
from napari_segen.widgets.parts.panels import Action, RunPanel, fit_narrow, form, note
from napari_segen.widgets.results import layers_to_choose
from napari_segen.widgets.tasks import RunSteps, run_here
from napari_segen.workflows.models import needs_tensorflow
from napari_segen.workflows.stress import StressTest

_PLOT_PX = 180
NO_MODEL = "There is no segmenter: open a dock and run it, or press Load model…"
NO_TRUTH = "There is no labels layer to compare with: choose the true labels."
_ABOUT = (
    "Noise, blur, less contrast, bleaching, step by step: how long does a model still "
    "find what is there?"
)


class StressPanel(QWidget):
    """Choose a model, an image and its right labels; see where the score breaks down.

    Parameters
    ----------
    viewer : napari.Viewer
    child : KerasChild
        Where networks run. It must be open as long as the panel is.
    """

    def __init__(self, viewer: Any, child: KerasChild) -> None:
        super().__init__()
        self._viewer, self._child = viewer, child
        self._loaded: dict[str, Any] = {}
        self._outcome = ("", "info")
        self.result: StressTest | None = None
        self._source: Source | None = None
        self._job = Job()
        self._job.changed.connect(self.refresh)
        self._job.progressed.connect(self._on_progress)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(lambda: self._say("Cancelled."))
        self._job.warned.connect(lambda text: self._say(text, "warning"))
        self._plot = CurvePlot("curves appear while it is tested")
        self._plot.setFixedHeight(_PLOT_PX)
        self._plot.setToolTip(
            "The overlap (IoU, 1 is perfect) of the model's labels with the right "
            "ones, from the image as it is (level 0) to the worst one."
        )
        self._make_choices()
        self._lay_out()
        self.reset_choices()

    def _make_choices(self) -> None:
        self._model = ComboBox(
            label="model",
            choices=lambda _: list(self._models().items()),
            tooltip="The segmenter to test: one that an open dock has, or one from a "
            "file.",
        )
        self._image = ComboBox(
            label="image",
            choices=lambda _: layers_to_choose(self._viewer.layers, Image),
            tooltip="The image that is made worse step by step.",
        )
        self._truth = ComboBox(
            label="truth",
            choices=lambda _: layers_to_choose(self._viewer.layers, Labels),
            tooltip="What the model ought to find: its classes, or objects. Not "
            "labelled (0) does not count where 0 is no class of the model.",
        )
        self._choices = form(self._model, self._image, self._truth)
        for choice in (self._model, self._image, self._truth):
            choice.changed.connect(self._on_input)

    def _lay_out(self) -> None:
        load = Action(
            "Load model…", "Read a segmenter from a file.", self._why_busy, self._ask
        )
        run = Action(
            "Run",
            "Make the image worse step by step, and score the model each time.",
            self._why_no_run,
            self.run,
        )
        cancel = Action(
            "Cancel", "End the test.", self._why_no_cancel, self._job.cancel
        )
        show = Action(
            "Show images",
            "Add the worse and worse images with the labels that were found, with a "
            "slider for the kind and one for the level.",
            self._why_no_images,
            self.show_images,
        )
        self._actions = (load, run, cancel, show)
        self._panel = RunPanel((run, cancel))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        parts = (note(_ABOUT), self._choices.native, load.button, self._panel)
        for part in (*parts, self._plot, show.button):
            layout.addWidget(part)

    # -- state ----------------------------------------------------------------

    def _models(self) -> dict[str, Any]:
        """List the segmenters of open docks and of loaded files, by title."""
        found = dict(self._loaded)
        # A viewer model without a window has no docks.
        window = getattr(self._viewer, "window", None)
        for title, widget in getattr(window, "dock_widgets", {}).items():
            model = getattr(widget, "model", None)
            if hasattr(model, "segment_steps"):
                found[title.removesuffix(" (napari-segen)")] = model
        return found

    def reset_choices(self) -> None:
        """Bring the lists of models and layers up to date."""
        self._choices.reset_choices()
        fit_narrow(self._choices)
        self.refresh()

    def enterEvent(self, event) -> None:
        """Look what models there are: docks do not tell when they have a new one."""
        self.reset_choices()
        super().enterEvent(event)

    def _on_input(self, *args: Any) -> None:
        if not self._job.is_running:
            self._outcome = ("", "info")
        self.refresh()

    def refresh(self) -> None:
        """Enable what can be pressed, and say why the test cannot run."""
        for action in self._actions:
            action.refresh()
        if self._job.is_running:
            return
        self._panel.show_idle()
        text, kind = self._outcome
        self._panel.say(text or self._why_no_run(), kind)

    def _say(self, text: str, kind: str = "info") -> None:
        self._outcome = (text, kind)
        self.refresh()

    @property
    def message(self) -> str:
        """What the message line says."""
        return self._panel.text

    def _why_busy(self) -> str:
        return BUSY if self._job.is_running else ""

    def _why_no_cancel(self) -> str:
        return "" if self._job.is_running else "No test is running."

    def _why_no_run(self) -> str:
        image, truth = self._image.value, self._truth.value
        if reason := self._why_busy():
            return reason
        if self._model.value is None:
            return NO_MODEL
        if image is None:
            return NO_IMAGE
        if (axes := axes_of(image)) is None:
            return ASK_AXES
        return NO_TRUTH if truth is None else mismatch(image, axes, truth)

    def _why_no_images(self) -> str:
        return self._why_busy() or ("" if self.result else "Run the test first.")

    # -- jobs -----------------------------------------------------------------

    def _ask(self) -> None:
        if path := path_to_load(self):
            self.load_model(path)

    def load_model(self, path: str | Path) -> None:
        """Read a segmenter from a file, and choose it."""
        target = Path(path)
        self._job.start(
            loading_model, target, done=lambda model: self._on_loaded(target, model)
        )

    def _on_loaded(self, path: Path, model: Any) -> None:
        if not hasattr(model, "segment_steps"):
            self._say(
                f"{path.name} is a generator: it makes images, not labels. Choose a "
                "segmenter.",
                "error",
            )
            return
        self._loaded[path.name] = model
        self.reset_choices()
        self._model.value = model

    def run(self) -> None:
        """Test the chosen model."""
        if self._why_no_run():
            return
        model, image = self._model.value, self._image.value
        source = Source.of(image, axes_of(image))
        self._plot.clear()
        self._outcome = ("", "info")
        self._job.start(
            testing_model,
            self._run_steps(model),
            model,
            source.data,
            level_zero(self._truth.value),
            source.spec,
            done=lambda result: self._on_tested(source, result),
        )
        self._panel.show_busy()

    def _run_steps(self, model: Any) -> RunSteps:
        return self._child.run_steps if needs_tensorflow(model) else run_here

    def _on_progress(self, progress: Progress) -> None:
        self._panel.show_step(progress.step)
        self._plot.add(progress.figures)

    def _on_tested(self, source: Source, result: StressTest) -> None:
        self.result, self._source = result, source
        self._say(result.sentence)

    def _on_failed(self, error: BaseException) -> None:
        self._say(str(error) or type(error).__name__, "error")
        if not isinstance(error, EXPECTED):
            # With napari's button that shows where it came from.
            notification_manager.dispatch(ErrorNotification(error))

    # -- the images -----------------------------------------------------------

    def show_images(self) -> list[Layer]:
        """Add all images and predictions, with axes for kind and level in front."""
        if self._why_no_images():
            return []
        result, source = self.result, self._source
        made = stress_layers(source, result)
        for one in made:
            self._viewer.add_layer(one)
        kinds = ", ".join(result.images)
        self._say(f"{result.sentence} First slider: {kinds}; second: the level.")
        return made

    def shut_down(self) -> None:
        """End the job: the dock is going away."""
        self._job.shut_down()
