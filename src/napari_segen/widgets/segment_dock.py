"""What the two segmenting docks have in common: inputs, jobs, result layers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from magicgui.widgets import CheckBox
from napari.layers import Image, Labels

from napari_segen.widgets.colors import class_title
from napari_segen.widgets.dock import ASK_AXES, NO_IMAGE
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.layers import Source, level_zero, mismatch
from napari_segen.widgets.looks import dressed, remembered_look
from napari_segen.widgets.model_dock import ModelDock
from napari_segen.widgets.parts.panels import Action, form
from napari_segen.widgets.parts.stack_choice import StackChoice
from napari_segen.widgets.results import (
    Earlier,
    Ready,
    images_to_choose,
    said_of_layers,
)
from napari_segen.widgets.segment_results import Wanted
from napari_segen.widgets.segment_tasks import applying, fitting_and_segmenting
from napari_segen.widgets.strokes import new_strokes, take_brush
from napari_segen.widgets.tasks import RunSteps


class SegmentDock(ModelDock):
    """Image and strokes in; classes, uncertainty and posterior out."""

    labels_label: ClassVar[str] = "strokes"
    labels_tooltip: ClassVar[str]
    # What runs a model's steps, from each dock: this process, or the one for Keras.
    _run_steps: Callable[[], RunSteps]

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._image = self._layer_choice(
            Image, "image", "The image to segment and to learn from."
        )
        self._image.choices = lambda _: images_to_choose(self._viewer.layers)
        self._stack = StackChoice(self._on_input)
        self._labels = self._layer_choice(
            Labels, self.labels_label, self.labels_tooltip
        )
        self._inputs = form(self._image, self._stack.widget, self._labels)
        self._new_strokes = self._action(
            "New strokes",
            "Add an empty layer over the image, with the brush in hand: paint a few "
            "strokes of each class.",
            self._why_no_image,
            self.add_strokes,
        )
        self._uncertainty = CheckBox(
            text="uncertainty",
            value=True,
            tooltip="Also show where the method is unsure: 0 is sure, 1 knows nothing. "
            "The layer is hidden at first: open its eye.",
        )
        self._posterior = CheckBox(
            text="probability of each class",
            value=False,
            tooltip="Also show each class's probability, from 0 to 1, in a layer of "
            "its own. They are hidden at first.",
        )

    # -- inputs ---------------------------------------------------------------

    def _reset_layer_choices(self) -> None:
        before = self._image.value
        super()._reset_layer_choices()
        images = self._image.choices
        if images and before not in images:
            # Qt goes on to the neighbour in the list, which may be a result.
            self._image.value = images[0]

    def _on_input(self, *args: Any) -> None:
        if self._is_there:
            self._stack.show_layer(self._image.value)
        super()._on_input()

    @property
    def image(self) -> Image | None:
        """The chosen image layer."""
        return self._image.value

    @property
    def labels(self) -> Labels | None:
        """The chosen labels layer."""
        return self._labels.value

    def _why_no_image(self) -> str:
        if self._image.value is None:
            return NO_IMAGE
        return "" if self._stack.axes else ASK_AXES

    _no_strokes: ClassVar[str] = (
        "There are no strokes: press New strokes and paint two classes."
    )

    def _labels_to_learn(self) -> Labels | None:
        """Return the labels that the next fit learns from, if it needs any."""
        return self._labels.value

    def _why_no_fit(self) -> str:
        return self._why_busy() or self._why_no_labels()

    def _why_no_labels(self) -> str:
        """Return why there are no labels of the image; empty if there are."""
        if reason := self._why_no_image():
            return reason
        if self._labels.value is None:
            return self._no_strokes
        reason = mismatch(self._image.value, self._stack.axes, self._labels.value)
        return f"{reason} Or press New strokes." if reason else ""

    def _why_no_apply(self) -> str:
        return self._why_no_model() or self._why_no_image()

    def add_strokes(self) -> Labels:
        """Add a strokes layer over the image, and choose it."""
        layer = new_strokes(self._viewer, self._image.value, self._stack.axes)
        self._reset_layer_choices()
        self._labels.value = layer
        self.say(
            f"Paint a few strokes of each class, then press {self._main.button.text()}."
        )
        return layer

    def paint_with(self, value: int) -> None:
        """Take the brush for class `value`."""
        layer = self._labels.value
        if layer is not None and layer in self._viewer.layers:
            take_brush(self._viewer, layer, value)

    # -- jobs -----------------------------------------------------------------

    def _source(self) -> Source:
        return Source.of(self._image.value, self._stack.axes)

    def _model_to_apply(self) -> Any:
        return self._model

    def _source_to_apply(self) -> Source:
        return self._source()

    def _wanted(self) -> Wanted:
        return Wanted(self._uncertainty.value, self._posterior.value)

    def _start_fit(self, model: Any, fit, *args: Any) -> None:
        """Fit `model` with the generator function ``fit`` and segment the image."""
        source, labels = self._source(), self._labels_to_learn()
        earlier = self._results.earlier(source)
        self._start(
            fitting_and_segmenting,
            fit,
            source,
            None if labels is None else level_zero(labels),
            earlier,
            self._wanted(),
            model,
            *args,
            done=self._done_with(source, earlier, labels),
        )

    def apply_model(self) -> None:
        """Segment the chosen image with the model there is."""
        if self._why_no_apply():
            return
        try:
            model = self._model_to_apply()
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return
        source = self._source_to_apply()
        earlier = self._results.earlier(source)
        self._start(
            applying,
            self._run_steps(),
            source,
            earlier,
            self._wanted(),
            model,
            self._segment_options(),
            done=self._done_with(source, earlier, None),
        )

    def _segment_options(self) -> Mapping[str, Any]:
        return {}

    def _done_with(self, source: Source, earlier, labels: Labels | None):
        look = remembered_look(labels)

        def done(outcome: tuple[Any, list[Ready]]) -> Showing:
            model, items = outcome
            model.class_info_ = look(model)
            self._model = model
            note = "" if labels is None else self._note_of(model)
            yield from self._show(source, items, earlier, note)
            yield
            self._on_result(source, items, labels)

        return done

    def _result_role(self) -> str:
        """Return what the labels of a result are."""
        return "classes"

    def _result_layer(self) -> Labels | None:
        """Return the layer with the classes, or objects, that were found last."""
        if self._image.value is None or not self._stack.axes:
            return None
        earlier = self._results.earlier(self._source()).get(self._result_role())
        return None if earlier is None else earlier.layer()

    def _on_result(
        self, source: Source, items: Sequence[Ready], labels: Labels | None
    ) -> None:
        """Follow a result in the window.

        `labels` are those it was learnt from; None where a model was only applied.
        """

    def _show(
        self,
        source: Source,
        items: Sequence[Ready],
        earlier: Mapping[str, Earlier],
        note: str,
    ) -> Showing:
        looks = [dressed(item, self._model) for item in items]
        layers, said = yield from self._results.putting(source, looks, earlier)
        self.say(" ".join(filter(None, (said_of_layers(layers), note))))
        self.say(said, "warning")

    def _note_of(self, model: Any) -> str:
        """Say what the user should know about the fit of `model`."""
        return ""

    def _said_of_loaded(self, model: Any) -> str:
        titles = [class_title(int(v), model.class_info_) for v in model.classes_]
        return (
            f"Model loaded; classes: {', '.join(titles)}. Press Apply to segment the "
            "chosen image."
        )

    # -- layout ---------------------------------------------------------------

    def _model_row(self) -> tuple[Action, Action, Action, Action]:
        apply = self._action(
            "Apply",
            "Segment the chosen image with the model as it is, without learning.",
            self._why_no_apply,
            self.apply_model,
        )
        save = self._action(
            "Save…",
            "Write the model to a file, to use it on another day or elsewhere.",
            self._why_no_model,
            self._ask_save,
        )
        load = self._action(
            "Load…", "Read a model from a file.", self._why_busy, self._ask_load
        )
        folder = self._action(
            "Folder…",
            "Segment a whole folder of images with the model as it is now, in a dock "
            "of its own.",
            self._why_no_model,
            self.apply_to_folder,
        )
        return apply, save, load, folder

    def apply_to_folder(self) -> None:
        """Open the dock for folders, with the model that is here."""
        try:
            model = self._model_to_apply()
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return
        _, dock = self._viewer.window.add_plugin_dock_widget(
            "napari-segen", "Apply to folder", tabify=True
        )
        dock.take_model(model)
