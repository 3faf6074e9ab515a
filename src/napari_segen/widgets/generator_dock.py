"""The dock that makes new images, with labels if it has learnt from some."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, FloatSlider, LineEdit, SpinBox
from napari.layers import Image, Labels

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.generation.registry import GENERATORS
from napari_segen.widgets.curves import CurvePlot
from napari_segen.widgets.dock import Dock
from napari_segen.widgets.generate_tasks import (
    beside,
    generating,
    learning_to_generate,
    varying,
)
from napari_segen.widgets.jobs import Showing
from napari_segen.widgets.layers import Source, axes_of, level_zero
from napari_segen.widgets.layers import mismatch as mismatch_of
from napari_segen.widgets.method_form import MethodForm
from napari_segen.widgets.panels import (
    Fold,
    form,
    heading,
    note,
    side_by_side,
)
from napari_segen.widgets.results import Earlier, Ready
from napari_segen.widgets.segment_dock import ASK_AXES, NO_IMAGE, StackChoice
from napari_segen.widgets.steps_worker import Progress
from napari_segen.widgets.tasks import RunSteps, run_here

BUDGETS = (("15 s", 15.0), ("30 s", 30.0), ("1 min", 60.0), ("5 min", 300.0))


class GeneratorDock(Dock):
    """Learn what an image looks like, then make new ones.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    uses_keras = True
    _how_to_get_one = "press Fit, or Load… a generator."
    _model_class = "ImageGenerator"

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._make_inputs()
        self._make_outputs()
        self._plot = CurvePlot()
        self._keras = note("")
        self._keras.setToolTip(
            "Networks run in a process of their own, so that napari stays smooth."
        )
        fit = self._action(
            "Fit",
            "Learn what the image looks like; then press Generate.",
            self._why_no_fit,
            self.fit,
        )
        self._stop = self._action(
            "Stop",
            "End the training now and go on with what was learnt so far.",
            self._why_no_stop,
            self._job.finish,
        )
        self._generate = self._action(
            "Generate",
            "Make new images from nothing but the seed.",
            self._why_no_model,
            self.generate,
        )
        self._vary = self._action(
            "Vary image",
            "Make a variation of the chosen image, and of its labels.",
            self._why_no_vary,
            self.vary,
        )
        save = self._action(
            "Save…",
            "Write the generator to a file.",
            self._why_no_model,
            self._ask_save,
        )
        load = self._action(
            "Load…", "Read a generator from a file.", self._why_busy, self._ask_load
        )
        self._lay_out(
            self._inputs.native,
            form(self._method.choice, self._budget).native,
            self._run_panel((fit, self._stop)),
            heading("New images"),
            form(self._count, self._size, self._seed, self._pairs).native,
            self._generate.button,
            form(self._strength).native,
            self._vary.button,
            side_by_side(save.button, load.button),
            Fold("More", self._method.native, self._plot),
            self._keras,
        )

    def _make_inputs(self) -> None:
        self._image = self._layer_choice(
            Image, "image", "The image to learn from, and to vary."
        )
        self._stack = StackChoice(self._on_input)
        self._labels = self._layer_choice(
            Labels,
            "labels",
            "Optional: classes of the image. New images then come with labels.",
            nullable=True,
        )
        self._inputs = form(self._image, self._stack.widget, self._labels)
        self._method = MethodForm(GENERATORS, "decoder", "How new images are made.")
        self._method.choice.changed.connect(self._on_input)
        self._budget = ComboBox(
            label="fit for",
            choices=BUDGETS,
            value=30.0,
            tooltip="How long it trains at most; longer gives finer detail.",
        )

    def _make_outputs(self) -> None:
        self._count = SpinBox(
            label="how many", value=4, min=1, max=1000, tooltip="Images in one stack."
        )
        self._size = LineEdit(
            label="size",
            value="256, 256",
            tooltip="Pixels along each spatial axis, such as “256, 256”.",
        )
        self._seed = SpinBox(
            label="seed",
            value=0,
            min=0,
            max=2**31 - 1,
            tooltip="Another seed, other images; the same seed, the same images.",
        )
        self._pairs = CheckBox(
            text="with labels",
            value=True,
            tooltip="Make labels along with the images, if the generator learnt them.",
        )
        self._strength = FloatSlider(
            label="strength",
            value=0.5,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="How far a variation departs from the image: 0 is the image, 1 as "
            "far as the method goes.",
        )

    # -- state ----------------------------------------------------------------

    def _on_input(self, *args: Any) -> None:
        if hasattr(self, "_budget"):
            self._stack.show_layer(self._image.value)
            self._budget.visible = self._method.method_class.needs_training
        super()._on_input()

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        self._plot.add(progress.figures)

    def _show_keras(self, text: str) -> None:
        self._keras.setText(text)

    def _why_no_image(self) -> str:
        if self._image.value is None:
            return NO_IMAGE
        return "" if axes_of(self._image.value) else ASK_AXES

    def _why_no_fit(self) -> str:
        if reason := self._why_busy() or self._why_no_image():
            return reason
        image, labels = self._image.value, self._labels.value
        return "" if labels is None else mismatch_of(image, axes_of(image), labels)

    def _why_no_vary(self) -> str:
        if reason := self._why_no_model() or self._why_no_fit():
            return reason
        if not GENERATORS.get(self._model.method).can_vary:
            return "This method cannot vary images."
        return ""

    def _why_no_stop(self) -> str:
        if self._job.is_running and self._job.can_finish:
            return ""
        return "No training is running."

    # -- jobs -----------------------------------------------------------------

    def _run_steps(self, method: str) -> RunSteps:
        trained = GENERATORS.get(method).needs_training
        return self._child.run_steps if trained else run_here

    def _source(self) -> Source | None:
        image = self._image.value
        axes = None if image is None else axes_of(image)
        return None if axes is None else Source.of(image, axes)

    def fit(self) -> None:
        """Learn what the chosen image looks like."""
        if self._why_no_fit():
            return
        from napari_segen.generation.generator import ImageGenerator

        try:
            model = ImageGenerator(
                self._method.choice.value,
                params=self._method.values(),
                time_limit_s=self._budget.value,
                seed=self._seed.value,
            )
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return
        source, labels = self._source(), self._labels.value
        self._plot.clear()
        self._start(
            learning_to_generate,
            self._run_steps(model.method),
            model,
            source,
            None if labels is None else level_zero(labels),
            done=lambda fitted: self._on_fitted(fitted, source),
            can_finish=self._method.method_class.needs_training,
        )

    def _on_fitted(self, model: Any, source: Source) -> None:
        self._model = model
        if len(_numbers(self._size.value) or ()) != model.spec_.n_space:
            shape = source.spec.frames(_shape_only(source.shape)).shape[2:]
            self._size.value = ", ".join(str(min(n, 256)) for n in shape)
        with_labels = "images and labels" if model.classes_ is not None else "images"
        self.say(f"Fitted to “{source.name}”. Generate makes new {with_labels}.")

    def _said_of_loaded(self, model: Any) -> str:
        return "Generator loaded: press Generate."

    def generate(self) -> None:
        """Make new images with the generator there is."""
        if self._why_no_model():
            return
        shape = _numbers(self._size.value)
        if shape is None:
            self.say(
                f"size: “{self._size.value}” is not a list of whole numbers such as "
                "“256, 256”.",
                "error",
            )
            return
        source = self._source() or _nameless()
        pairs = self._pairs.value and self._model.classes_ is not None
        earlier = self._results.earlier(source)
        self._start(
            generating,
            self._run_steps(self._model.method),
            self._model,
            (self._count.value, shape, self._seed.value),
            pairs,
            beside(source),
            earlier,
            done=lambda items: self._show(source, items, earlier),
        )

    def vary(self) -> None:
        """Make a variation of the chosen image."""
        if self._why_no_vary():
            return
        source, labels = self._source(), self._labels.value
        if self._model.classes_ is None:
            labels = None
        earlier = self._results.earlier(source)
        self._start(
            varying,
            self._run_steps(self._model.method),
            self._model,
            source,
            None if labels is None else level_zero(labels),
            (self._strength.value, self._seed.value),
            bool(self._image.value.rgb),
            earlier,
            done=lambda items: self._show(source, items, earlier),
        )

    def _show(
        self, source: Source, items: list[Ready], earlier: Mapping[str, Earlier]
    ) -> Showing:
        labels = self._labels.value
        if labels is not None:
            items = [i.with_look(Labels, colormap=labels.colormap) for i in items]
        before = set(self._viewer.layers)
        layers, said = yield from self._results.putting(source, items, earlier)
        if not set(layers) <= before:
            # New images lie beside their source, perhaps out of sight.
            self._viewer.reset_view()
        names = ", ".join(f"“{layer.name}”" for layer in layers)
        self.say(f"Done: {names}.")
        if said:
            self.say(said, "warning")


def _numbers(text: str) -> tuple[int, ...] | None:
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        return None


def _shape_only(shape: tuple[int, ...]) -> Array:
    """Make an array of `shape` that takes no memory."""
    return np.broadcast_to(np.uint8(0), shape)


def _nameless() -> Source:
    """Stand for the image of a generator that was loaded from a file."""
    return Source(
        lambda: None, None, "yx", ImageSpec("yx"), (1, 1), {}, {}, "new images:"
    )
