"""Learning from layers what images look like, in a dock."""

from functools import partial
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtWidgets import QWidget

from napari_segen.widgets.generator.form import GeneratorForm
from napari_segen.widgets.generator.inputs import HOW_TO_GET_ONE, Inputs
from napari_segen.widgets.generator.orders import Orders
from napari_segen.widgets.generator.tasks import learning_to_generate
from napari_segen.widgets.layers import Source
from napari_segen.widgets.model_dock import ModelDock
from napari_segen.widgets.parts.curves import CurvePlot
from napari_segen.widgets.parts.panels import form
from napari_segen.widgets.parts.stack_choice import StackChoice


class FittingDock(ModelDock):
    """A dock in which layers and a method are chosen, and a generator is fitted."""

    uses_keras = True
    _model_class = "ImageGenerator"
    _how_to_get_one = HOW_TO_GET_ONE

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._is_loaded = False
        self._learnt_from: Source | None = None
        self._plot = CurvePlot()
        self._plot.hide()
        self._training = QWidget()
        self._make_inputs()
        self._make_actions()
        self._labels.changed.connect(self._guess_task)
        self._match.changed.connect(lambda _: self._chosen.follow_match())
        for choice in (self._image, self._labels, self._match):
            choice.changed.connect(self._release)
        self._form.settings_changed.connect(self._release)
        self._form.changed.connect(self._on_input)

    # -- building -------------------------------------------------------------

    def _make_inputs(self) -> None:
        self._form = GeneratorForm()
        self._make_layer_choices()
        self._inputs = form(
            self._form.source,
            self._image,
            self._stack.widget,
            self._labels,
            self._form.task,
            self._match,
        )
        self._chosen = Inputs(
            self._form,
            self._image,
            self._labels,
            self._match,
            lambda: (self._model, self._is_loaded),
        )
        self._orders = Orders(self._chosen, self._child)

    def _make_layer_choices(self) -> None:
        self._image = self._layer_choice(
            Image, "image", "The image to learn from; also the example to vary."
        )
        self._stack = StackChoice(self._on_input)
        self._labels = self._layer_choice(
            Labels,
            "labels",
            "Optional: the image's labels. New images then come with labels. To make "
            "an image for labels, choose these here.",
            nullable=True,
        )
        self._match = self._layer_choice(
            Image,
            "match to",
            "Optional: a layer whose grey values new images take over. The setting "
            "“match” says how many of them do.",
            nullable=True,
        )

    def _make_actions(self) -> None:
        self._fit = self._action(
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

    # -- state ----------------------------------------------------------------

    def _on_input(self, *args: Any) -> None:
        if self._is_there:
            self._show_what_applies()
        super()._on_input()

    def _show_what_applies(self) -> None:
        """Show the fields that belong to what is chosen."""
        face, chosen = self._form, self._chosen
        self._stack.show_layer(self._image.value if chosen.takes_images else None)
        self._image.visible = self._labels.visible = chosen.takes_images
        face.task.visible = chosen.takes_images and self._labels.value is not None
        self._match.visible = chosen.can_match
        self._training.setVisible(not chosen.fits_by_itself)

    def _release(self, *_: Any) -> None:
        """Go by the form and the layers again, not by a generator from a file."""
        if self._is_loaded and self._chosen.fits_by_itself:
            self._is_loaded = False

    def _guess_task(self, *_: Any) -> None:
        if (task := self._chosen.guessed_task()) is not None:
            self._form.task.value = task

    def _why_no_fit(self) -> str:
        return self._why_busy() or self._chosen.why_no_learning()

    # -- learning -------------------------------------------------------------

    def fit(self) -> None:
        """Learn what the chosen image looks like."""
        if self._why_no_fit():
            return
        try:
            model = self._orders.fresh()
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return
        lesson = self._orders.lesson()
        self._plot.clear()
        self._plot.setVisible(self._form.method_class.needs_training)
        self._start(
            learning_to_generate,
            self._orders.run_steps(),
            model,
            *lesson,
            done=partial(self._on_fitted, lesson[0]),
            can_finish=not self._chosen.fits_by_itself,
        )

    def _on_fitted(self, source: Source, model: Any) -> None:
        self._model, self._is_loaded = model, self._chosen.fits_by_itself
        self._learnt_from = source
        with_labels = "images and labels" if model.makes_pairs else "images"
        self.say(f"Fitted to “{source.name}”. Generate makes new {with_labels}.")
        self._show_what_applies()
