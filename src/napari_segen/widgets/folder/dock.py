"""The dock that applies a model to a folder of images."""

import time
from pathlib import Path
from typing import Any, ClassVar

from napari_segen.scale.folder.command import failures
from napari_segen.scale.folder.job import Outcome
from napari_segen.widgets.folder.form import FolderForm
from napari_segen.widgets.folder.opened import Field, Shown, reading_field
from napari_segen.widgets.folder.sheets import SheetsWindow
from napari_segen.widgets.folder.table import FolderTable, note_of
from napari_segen.widgets.folder.tasks import MODEL, Request, applying_to_folder
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.jobs.keras_child import keras_child
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.model_dock import ModelDock
from napari_segen.widgets.model_files import loading_model
from napari_segen.widgets.parts.panels import note, side_by_side
from napari_segen.widgets.tasks import RunSteps
from napari_segen.workflows.cost import in_time

NO_MODEL = (
    "There is no model: choose a file, or press Folder… in the dock where you have "
    "fitted one."
)
FIRST_SECONDS = 3.0  # before which nothing can be said about the rest


class FolderDock(ModelDock):
    """A model and a folder in; labels, a table and contact sheets out.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    _said_of_cancel: ClassVar[str] = (
        "End the running job. Images that are complete stay, and Run goes on there."
    )

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._model_path: Path | None = None
        self._outcome_of: tuple[Request, Any, Outcome] | None = None
        self._running: Request | None = None
        self._began = 0.0
        self._shown = Shown(self._viewer)
        self._said_model = note("")
        self._form = FolderForm(self._on_input)
        self._rows = FolderTable()
        self._make_actions()
        self._lay_out(
            self._said_model,
            self._choose.button,
            self._form.native,
            self._run_panel((self._run,)),
            self._rows,
            side_by_side(self._open.button, self._sheet.button),
        )
        self._rows.chosen.connect(self.open_row)
        self._rows.itemSelectionChanged.connect(self.refresh)
        self._form.reset_choices()
        self._say_model()

    def _make_actions(self) -> None:
        self._choose = self._action(
            "Choose model…",
            "A model file that Save… of a segmenting dock, or the command line, wrote.",
            self._why_busy,
            self._ask_load,
        )
        self._run = self._action(
            "Run",
            "Segment all images of the folder, one after the other. A bad file does "
            "not end the work.",
            self._why_not_run,
            self.run,
        )
        self._open = self._action(
            "Open image",
            "Open the image of the marked row, with its results, as layers.",
            self._why_not_open,
            self._rows.open_marked,
        )
        self._sheet = self._action(
            "Contact sheets",
            "Small pictures of all images with their results, in a window.",
            self._why_no_rows,
            self.show_sheets,
        )

    # -- inputs ---------------------------------------------------------------

    def _reset_layer_choices(self) -> None:
        """Keep the lists: they are of no layers."""

    def take_model(self, model: Any, path: Path | None = None) -> None:
        """Use this model from now on; without a path it has no file yet."""
        self._model, self._model_path = model, path
        self._form.show_model(model)
        self._say_model()
        self._on_input()

    def _say_model(self) -> None:
        if self._model is None:
            text = "<b>Model:</b> none yet."
        elif self._model_path is None:
            text = (
                f"<b>Model:</b> the one from the dock, as it was. It will be saved "
                f"as {MODEL} beside the results."
            )
        else:
            text = f"<b>Model:</b> {self._model_path.name}"
        self._said_model.setText(text)
        self._said_model.setToolTip(str(self._model_path or ""))

    def load_model(self, path: str | Path) -> None:
        """Read a model from a file, on a thread."""
        path = Path(path)

        def loaded(model: Any) -> None:
            if not hasattr(model, "segment_steps"):
                self.say(
                    f"{path.name} is a generator: it makes images, not labels. Choose "
                    "the model of a segmenting dock.",
                    "error",
                )
                return
            self.take_model(model, path)

        self._start(loading_model, path, done=loaded)

    # -- the job --------------------------------------------------------------

    def _why_not_run(self) -> str:
        if reason := self._why_busy():
            return reason
        return NO_MODEL if self._model is None else self._form.why_not()

    def run(self) -> None:
        """Apply the model to the folder."""
        if self._why_not_run():
            return
        request, model = self._form.request(self._model_path), self._model
        self._running, self._began = request, time.monotonic()
        self._start(
            applying_to_folder,
            self._run_keras,
            model,
            request,
            done=lambda outcome: self._show(request, model, outcome),
        )

    def _run_keras(self) -> RunSteps:
        """Return what runs networks; its process ends with the last dock."""
        if self._child is None:
            self._child = keras_child()
            self._child.open()
        return self._child.run_steps

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        step, seconds = progress.step, time.monotonic() - self._began
        if self._running and step.total and step.done and seconds > FIRST_SECONDS:
            left = seconds * (step.total - step.done) / step.done
            self._panel.say(f"About {in_time(max(left, 1))} left. {step.text}")

    def _show(self, request: Request, model: Any, outcome: Outcome) -> None:
        self._running, self._outcome_of = None, (request, model, outcome)
        self._rows.show_rows(outcome.rows)
        n_done = sum(row["status"] == "done" for row in outcome.rows)
        before = f", {outcome.skipped} of them before" if outcome.skipped else ""
        said = f"{n_done} of {len(outcome.rows)} images are done{before}."
        if n := sum(bool(row.get("flag")) for row in outcome.rows):
            said += f" Blank or unlike the training: {n}, marked in orange."
        self.say(f"{said} Double-click a row to open its image.")
        if outcome.problems:
            self.say(failures(outcome), "warning")

    def _on_cancelled(self) -> None:
        request, self._running = self._running, None
        super()._on_cancelled()
        if request is not None:
            self.say(
                f"Cancelled. What is complete is in {request.out}; Run goes on there."
            )

    def _on_failed(self, error: BaseException) -> None:
        self._running = None
        super()._on_failed(error)

    def _why_stay(self) -> str:
        if self._running is None or not self._job.is_running:
            return ""
        return (
            "A folder is being segmented: the images that are not done would be left."
        )

    # -- looking at results ---------------------------------------------------

    def _why_no_rows(self) -> str:
        if reason := self._why_busy():
            return reason
        return "" if self._outcome_of else "There are no results yet: press Run."

    def _why_not_open(self) -> str:
        if reason := self._why_no_rows():
            return reason
        return "" if self._rows.selectedItems() else "Mark a row of the table."

    def open_row(self, i: int) -> None:
        """Open an image and its results as layers, in place of those opened before."""
        if self._why_no_rows():
            return
        request, model, outcome = self._outcome_of
        self._start(
            reading_field,
            model,
            Path(outcome.rows[i]["image"]),
            request.out,
            request.settings.axes,
            self._shown.labels(),
            done=lambda found: self._put(model, *found, outcome.rows[i]),
        )

    def _put(
        self, model: Any, field: Field, edited: list[bool], row: dict[str, Any]
    ) -> Showing:
        yield
        self._shown.replace(field, model, edited)
        said = f"{field.name}: {note_of(row) or 'done'}."
        if why := row.get("error") or row.get("reason"):
            said += f" {why[:1].upper()}{why[1:]}."
        self.say(said)
        if any(edited):
            self.say("You have edited labels that were open: they stay.", "warning")

    def show_sheets(self) -> SheetsWindow | None:
        """Show the contact sheets in a window; a picture that is clicked is opened."""
        if self._why_no_rows():
            return None
        _, _, outcome = self._outcome_of
        window = SheetsWindow(self.native, outcome.sheets, len(outcome.rows))
        window.chosen.connect(self.open_row)
        window.show()
        return window
