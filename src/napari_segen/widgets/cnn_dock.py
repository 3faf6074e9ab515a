"""The dock in which a convolutional network learns from labels."""

from functools import partial
from typing import Any

from magicgui.widgets import ComboBox, Container
from napari.layers import Labels

from napari_segen.cnn.registry import NETWORKS
from napari_segen.cnn.training import TrainingParams
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.widgets.curves import CurvePlot
from napari_segen.widgets.forms import ParamsForm
from napari_segen.widgets.keras_child import KerasChild
from napari_segen.widgets.method_form import MethodForm
from napari_segen.widgets.panels import (
    WIDE_LABEL_PX,
    Fold,
    fit_narrow,
    form,
    note,
    side_by_side,
)
from napari_segen.widgets.segment_dock import SegmentDock
from napari_segen.widgets.steps_worker import Progress
from napari_segen.widgets.tasks import RunSteps, fitted_steps, segmented_steps

BUDGETS = (("15 s", 15.0), ("1 min", 60.0), ("5 min", 300.0), ("30 min", 1800.0))
_STROKES, _MASKS = 0, -1


class CnnDock(SegmentDock):
    """Train a network on labels, watch its curves, apply it.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    uses_keras = True
    labels_label = "labels"
    labels_tooltip = "What the network learns from: strokes, or finished masks."
    _how_to_get_one = "press Train, or Load… a model."
    _model_class = "CnnSegmenter"

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._zero = ComboBox(
            label="value 0",
            choices=[("is unlabelled", _STROKES), ("is a class", _MASKS)],
            value=_STROKES,
            tooltip="What 0 means in the labels. Unlabelled: strokes, nothing is "
            "learnt where nothing is painted. A class: finished masks, 0 is the "
            "background.",
        )
        self._inputs.append(self._zero)
        fit_narrow(self._inputs)
        self._method = MethodForm(NETWORKS, "unet", "The network that is trained.")
        self._method.choice.label = "network"
        self._budget = ComboBox(
            label="train for",
            choices=BUDGETS,
            value=60.0,
            tooltip="How long it trains at most. Stop ends it earlier and keeps the "
            "best so far.",
        )
        self._training = ParamsForm(TrainingParams, without=("time_limit_s",))
        fit_narrow(self._training, WIDE_LABEL_PX)
        self._plot = CurvePlot()
        self._keras = note("")
        self._keras.setToolTip(
            "Networks run in a process of their own, so that napari stays smooth."
        )
        self._train = self._action(
            "Train",
            "Learn from the labels, then segment the image.",
            self._why_no_fit,
            self.train,
        )
        self._stop = self._action(
            "Stop",
            "End the training now and go on with the best network so far.",
            self._why_no_stop,
            self._job.finish,
        )
        apply, save, load = self._model_row()
        options = Container(widgets=[self._uncertainty, self._posterior], labels=False)
        options.margins = (0, 0, 0, 0)
        self._lay_out(
            self._input_widget(),
            self._new_strokes.button,
            form(self._method.choice, self._budget).native,
            self._run_panel(self._train, self._stop),
            self._plot,
            options.native,
            side_by_side(apply.button, save.button, load.button),
            Fold("More", self._method.native, self._training.native),
            self._keras,
        )
        self._kept = (options,)

    def _why_no_fit(self) -> str:
        reason = super()._why_no_fit()
        if reason.startswith("There are no strokes"):
            return "There are no labels: open a mask, or press New strokes and paint."
        return reason

    def _why_no_stop(self) -> str:
        if self._job.is_running and self._job.can_finish:
            return ""
        return "No training is running."

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        self._plot.add(progress.figures)

    def _show_keras(self, text: str) -> None:
        self._keras.setText(text)

    def _note_of(self, model: Any) -> str:
        return f"{model.n_steps_} steps; {model.note_}."

    def add_strokes(self) -> Labels:
        """Add a strokes layer over the image, and choose it: its 0 is unlabelled."""
        self._zero.value = _STROKES
        return super().add_strokes()

    def train(self) -> None:
        """Learn from the labels and segment the image."""
        if self._why_no_fit():
            return
        from napari_segen.cnn.segmenter import CnnSegmenter

        try:
            model = CnnSegmenter(
                self._method.choice.value,
                params=self._method.values(),
                time_limit_s=self._budget.value,
                **self._training.given(),
            )
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return
        self._plot.clear()
        unlabelled = 0 if self._zero.value == _STROKES else None
        fit = partial(learning_from_labels, self._child, unlabelled)
        self._start_fit(model, fit, can_finish=True)

    def _run_steps(self) -> RunSteps:
        return self._child.run_steps


def learning_from_labels(
    child: KerasChild,
    unlabelled: int | None,
    image: Array,
    labels: Array,
    spec: ImageSpec,
    model: Any,
) -> Steps[tuple[Any, Any]]:
    """Train the network in the child process, then segment the image there."""
    fitted = yield from fitted_steps(
        child.run_steps, model, image, labels, spec=spec, unlabelled=unlabelled
    )
    found = yield from segmented_steps(child.run_steps, fitted, image, spec)
    return fitted, found
