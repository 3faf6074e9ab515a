"""Training in a dock: a job that learns, one that applies, and one that compares."""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import partial
from typing import Any

from napari.layers import Labels

from napari_segen.core.child import ChildDied
from napari_segen.widgets.cnn import checkpoints
from napari_segen.widgets.cnn.form import CnnForm
from napari_segen.widgets.cnn.preview import TrainingPreview
from napari_segen.widgets.cnn.tasks import (
    Learnt,
    Lesson,
    comparing_with_pixel_classifier,
    said_of_comparison,
    training_network,
)
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.layers import Source
from napari_segen.widgets.looks import preview_colors, remembered_look
from napari_segen.widgets.model_files import loading_model
from napari_segen.widgets.parts.curves import CurvePlot
from napari_segen.widgets.segment_dock import SegmentDock
from napari_segen.widgets.segment_tasks import applying
from napari_segen.widgets.tasks import RunSteps


class Stage(Enum):
    """Which part of a training runs."""

    NONE = auto()
    TRAINING = auto()
    APPLYING = auto()
    COMPARING = auto()


class LearningDock(SegmentDock):
    """A segmenting dock whose model is trained for minutes, in sight of the user.

    Cancel in the second or third job keeps what the first has learnt.
    """

    uses_keras = True
    _model_class = "CnnSegmenter"

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._stage = Stage.NONE
        self._lesson: Lesson | None = None
        self._kept_message = ""
        self._remarks: list[str] = []
        self._checkpoint: Any = None
        self._form = CnnForm()
        self._plot = CurvePlot()
        self._preview = TrainingPreview(self._viewer, self._job.send)
        self._offer = checkpoints.Offer()
        self._offer.accepted.connect(self._load_checkpoint)
        self._offer.show_checkpoint(checkpoints.left_behind())

    def _run_steps(self) -> RunSteps:
        return self._child.run_steps

    def _why_stay(self) -> str:
        if self._stage is Stage.TRAINING and self._job.is_running:
            return "A network is being trained: what it has learnt would be lost."
        return ""

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        if self._stage is Stage.TRAINING:
            # Others are of the pixel classifier, where that teaches.
            figures = [f for f in progress.figures if "seconds" in f[1]]
            if figures:
                self._plot.add(figures)
            is_learning = bool(figures) or self._job.is_paused
            self._preview.on_progress(progress, may_ask=is_learning)

    def _note_of(self, model: Any) -> str:
        return f"{model.n_steps_} steps; {model.note_}."

    def _made(self, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return None

    def _learn(
        self,
        make: Callable[[], Any],
        goes_on: bool,
        lesson: Lesson,
        labels: Labels | None,
    ) -> None:
        """Train the network that `make` makes, then apply it, then compare it.

        Parameters
        ----------
        make : callable
        goes_on : bool
            Whether it has learnt something already, and is to learn more.
        lesson : Lesson
        labels : Labels, or None
            Has the classes' names and colours.
        """
        if (model := self._made(make)) is None:
            return
        source = lesson.sources[0] if self._why_no_image() else self._source()
        self._plot.clear()
        if goes_on:
            self._plot.add_history(model.history_)
        self._forget_checkpoint()
        self._checkpoint = checkpoints.new_path()
        options = {
            "init_from": model if goes_on else None,
            "checkpoint": self._checkpoint,
            "log_dir": self._form.log_dir,
        }
        self._lesson, self._remarks, self._kept_message = lesson, [], ""
        self._preview.begin(lesson.sources, preview_colors(labels))
        self._stage = Stage.TRAINING
        self._start(
            training_network,
            self._child.run_steps,
            model,
            lesson,
            self._form.wants_teacher,
            {name: value for name, value in options.items() if value is not None},
            done=partial(self._on_learnt, source, remembered_look(labels)),
            can_finish=True,
        )

    def _on_learnt(
        self, source: Source, look: Callable[[Any], Any], learnt: Learnt
    ) -> Showing:
        self._forget_checkpoint()
        learnt.model.class_info_ = look(learnt.model)
        self._model = learnt.model
        yield
        return partial(self._apply_learnt, source, learnt)

    def _apply_learnt(self, source: Source, learnt: Learnt) -> None:
        earlier = self._results.earlier(source)
        self._stage = Stage.APPLYING
        self._start(
            applying,
            self._run_steps(),
            source,
            earlier,
            self._wanted(),
            learnt.model,
            {},
            done=partial(self._on_applied, source, earlier, learnt),
        )

    def _on_applied(
        self, source: Source, earlier: Mapping[str, Any], learnt: Learnt, outcome: Any
    ) -> Showing:
        model, items = outcome
        yield from self._show(source, items, earlier, self._note_of(model))
        yield
        self._preview.end()
        self._kept_message = self._outcome[0]
        return partial(self._compare, learnt)

    def _compare(self, learnt: Learnt) -> None:
        self._stage = Stage.COMPARING
        self._start(
            comparing_with_pixel_classifier,
            self._child.run_steps,
            learnt,
            self._lesson,
            done=lambda found: self._conclude(*said_of_comparison(found)),
        )

    def _conclude(self, text: str, kind: str) -> None:
        """Say all that is to be said at the end of a training."""
        self._stage = Stage.NONE
        said = [r for r in self._remarks if r not in self._kept_message]
        if said and kind == "info":
            kind = "warning"
        self.say("\n".join([self._kept_message, text, *said]), kind)

    def _on_warned(self, text: str) -> None:
        if self._stage is Stage.NONE:
            super()._on_warned(text)
        elif self._stage is not Stage.COMPARING:
            text = self._lesson.in_words(text)
            self._remarks += [text] if text not in self._remarks else []

    def _on_cancelled(self) -> None:
        stage, self._stage = self._stage, Stage.NONE
        super()._on_cancelled()
        self._preview.end()
        self._forget_checkpoint()
        if stage is Stage.APPLYING:
            self.say("Cancelled. The trained network is kept: Apply uses it.")
        elif stage is Stage.COMPARING:
            self._conclude(
                "The comparison with the pixel classifier was cancelled.", "info"
            )

    def _on_failed(self, error: BaseException) -> None:
        stage, self._stage = self._stage, Stage.NONE
        self._preview.end()
        if stage is Stage.COMPARING:
            self._conclude(
                f"No comparison with the pixel classifier: {error}", "warning"
            )
            return
        super()._on_failed(error)
        if stage is Stage.TRAINING and isinstance(error, ChildDied):
            # From now on it is the offer's: the next training leaves it alone.
            left, self._checkpoint = self._checkpoint, None
            self._offer.show_checkpoint(checkpoints.read(left))
        else:
            self._forget_checkpoint()

    def _forget_checkpoint(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint.unlink(missing_ok=True)
            self._checkpoint = None

    def _load_checkpoint(self, checkpoint: checkpoints.Checkpoint) -> None:
        def loaded(model: Any) -> None:
            self._on_loaded(model)
            if self._model is model:
                checkpoint.discard()
            self._offer.show_checkpoint(checkpoints.left_behind())

        self._start(loading_model, checkpoint.path, done=loaded)

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        if not self._is_shut:
            super().shut_down()
            self._preview.abandon()
            self._forget_checkpoint()
