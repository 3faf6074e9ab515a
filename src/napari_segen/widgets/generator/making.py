"""Learning from layers and making new images, in a dock."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_segen.core.imagespec import ImageSpec
from napari_segen.widgets.dock import Dock
from napari_segen.widgets.generator.form import GeneratorForm
from napari_segen.widgets.generator.handover import MadeLayers, made_layers
from napari_segen.widgets.generator.inputs import Inputs, space_shape
from napari_segen.widgets.generator.preview import Previewer, Wanted
from napari_segen.widgets.generator.requests import (
    NOISE,
    PAINTED,
    Made,
    is_large,
    said_of,
)
from napari_segen.widgets.generator.tasks import (
    Place,
    generating,
    learning_to_generate,
    presenting,
)
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.layers import Source
from napari_segen.widgets.parts.curves import CurvePlot
from napari_segen.widgets.parts.panels import form, note
from napari_segen.widgets.parts.stack_choice import StackChoice
from napari_segen.widgets.results import Earlier, Ready


class MakingDock(Dock):
    """A dock that fits a generator, shows what it would make, and makes it.

    Cancel keeps the images that are ready.
    """

    uses_keras = True
    _said_of_cancel = "End the running job; images that are ready are kept."
    _model_class = "ImageGenerator"
    _how_to_get_one = "press Fit, or Load… a generator."

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._is_loaded = False
        self._making: tuple[Made, Place, Source] | None = None
        self._last: list[MadeLayers] = []
        self._learnt_from: Source | None = None
        self._make_inputs()
        self._preview = Previewer(self._wanted_preview)
        self._plot = CurvePlot()
        self._plot.hide()
        self._extent = note("")
        self._training = QWidget()
        self._make_actions()
        self._labels.changed.connect(self._guess_task)
        self._match.changed.connect(lambda _: self._chosen.follow_match())
        for choice in (self._image, self._labels, self._match):
            choice.changed.connect(self._release)
        self._form.settings_changed.connect(self._release)
        self._form.changed.connect(self._on_input)
        self._job.changed.connect(self._on_job_changed)
        self._preview.made.connect(self._show_extent)

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
            self._child,
        )

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
        self._generate = self._action(
            "Generate",
            "Make the new images, as layers.",
            self._why_no_generate,
            self.generate,
        )
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
        if hasattr(self, "_extent") and not self._is_shut:
            self._show_what_applies()
            self._preview.ask()
        super()._on_input()

    def _show_what_applies(self) -> None:
        face, chosen = self._form, self._chosen
        self._stack.show_layer(self._image.value if chosen.takes_images else None)
        self._image.visible = self._labels.visible = chosen.takes_images
        face.task.visible = chosen.takes_images and self._labels.value is not None
        face.pairs.visible = chosen.can_have_pairs
        self._match.visible = chosen.can_match
        self._training.setVisible(not chosen.fits_by_itself)
        source = chosen.source()
        if source is not None and face.source.value == NOISE:
            face.suggest_size(space_shape(source))
        self._show_extent()

    def _show_extent(self) -> None:
        self._extent.setText(self._said_of_request())

    def _said_of_request(self) -> str:
        try:
            if self._chosen.why_not_ready():
                return ""
            request = self._chosen.request()
            known = self._preview.seconds_per_value
            return said_of(request, *self._chosen.size_of(request, known))
        except (ValueError, TypeError) as err:
            return str(err)

    def _release(self, *_: Any) -> None:
        """Go by the form and the layers again, not by a generator from a file."""
        if self._is_loaded and self._chosen.fits_by_itself:
            self._is_loaded = False

    def _guess_task(self, *_: Any) -> None:
        if (task := self._chosen.guessed_task()) is not None:
            self._form.task.value = task

    def _on_job_changed(self) -> None:
        if self._job.is_running:
            self._preview.hold()
        else:
            self._preview.ask()

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        if self._making is None:
            self._plot.add(progress.figures)

    def _why_no_fit(self) -> str:
        return self._why_busy() or self._chosen.why_no_learning()

    def _why_no_generate(self) -> str:
        return self._why_busy() or self._chosen.why_not_ready()

    def _why_no_stop(self) -> str:
        if self._job.is_running and self._job.can_finish:
            return ""
        return "No training is running."

    def _why_stay(self) -> str:
        if not self._job.is_running:
            return ""
        if self._making is not None:
            return "Images are being made: those that are ready would be lost."
        if self._job.can_finish:
            return "A generator is learning: what it has learnt would be lost."
        return ""

    def _wanted_preview(self) -> Wanted | str | None:
        return None if self._job.is_running else self._chosen.wanted_preview()

    # -- learning -------------------------------------------------------------

    def fit(self) -> None:
        """Learn what the chosen image looks like."""
        if self._why_no_fit():
            return
        try:
            model = self._chosen.fresh()
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return
        lesson = self._chosen.lesson()
        self._plot.clear()
        self._plot.setVisible(self._form.method_class.needs_training)
        self._making = None
        self._start(
            learning_to_generate,
            self._chosen.run_steps(),
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

    # -- making ---------------------------------------------------------------

    def generate(self) -> None:
        """Make what is asked for, with the generator there is or one fitted at once."""
        if self._why_no_generate():
            return
        try:
            request, learn = self._chosen.request(), self._chosen.learn()
            known = self._preview.seconds_per_value
            size = self._chosen.size_of(request, known)
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return
        if is_large(*size) and not self._is_confirmed(said_of(request, *size)):
            return
        source, made = self._chosen.source() or nameless(), Made(request)
        place, earlier = self._chosen.place(request), self._results.earlier(source)
        self._making = made, place, source
        self._start(
            generating,
            self._chosen.run_steps(),
            learn,
            self._chosen.given(request),
            made,
            place,
            earlier,
            done=partial(self._on_made, made, source, earlier),
        )

    def _is_confirmed(self, text: str) -> bool:
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        question = f"{text}\nMake them? Cancel keeps those that are ready by then."
        answer = QMessageBox.question(
            self.native, "napari-segen", question, yes | no, no
        )
        return answer == yes

    def _on_made(
        self,
        made: Made,
        source: Source,
        earlier: Mapping[str, Earlier],
        items: list[Ready],
    ) -> Showing:
        self._making = None
        if self._model is not made.model:  # fitted by itself
            self._model, self._is_loaded, self._learnt_from = made.model, False, source
        labels = self._labels.value
        if labels is not None and made.model.classes_ is not None:
            items = [i.with_look(Labels, colormap=labels.colormap) for i in items]
        before = set(self._viewer.layers)
        layers, said = yield from self._results.putting(source, items, earlier)
        if not set(layers) <= before:
            # New images lie beside their source, perhaps out of sight.
            self._viewer.reset_view()
        is_painted = made.request.source == PAINTED
        self._last = made_layers(layers, labels if is_painted else None)
        names = ", ".join(f"“{layer.name}”" for layer in layers[:4])
        names += ", …" if len(layers) > 4 else ""
        missing = made.request.n - made.n_done
        self.say(f"{'Ended early' if missing else 'Done'}: {names}.")
        if said:
            self.say(said, "warning")

    def _on_cancelled(self) -> None:
        super()._on_cancelled()
        self._keep_what_is_ready()

    def _on_failed(self, error: BaseException) -> None:
        super()._on_failed(error)
        self._keep_what_is_ready()

    def _keep_what_is_ready(self) -> None:
        """Show the images that an ended job had made."""
        making, self._making = self._making, None
        if making is None or making[0].n_done == 0 or self._is_shut:
            return
        made, place, source = making
        earlier = self._results.earlier(source)
        self._start(
            presenting,
            made.frozen(),
            place,
            earlier,
            done=partial(self._on_made, made, source, earlier),
        )

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        if not self._is_shut:
            super().shut_down()
            self._preview.shut_down()


def nameless() -> Source:
    """Stand for the image of what is made from no layer."""
    return Source(lambda: None, None, "yx", ImageSpec("yx"), (1, 1), {}, {}, "")
