"""Making new images in a dock: previewed before, kept when cancelled."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from napari.layers import Labels
from qtpy.QtWidgets import QMessageBox

from napari_segen.core.imagespec import ImageSpec
from napari_segen.widgets.generator.fitting_dock import FittingDock
from napari_segen.widgets.generator.handover import MadeLayers, made_layers
from napari_segen.widgets.generator.inputs import space_shape
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
    presenting,
)
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.layers import Source
from napari_segen.widgets.parts.panels import note
from napari_segen.widgets.results import Earlier, Ready


class MakingDock(FittingDock):
    """A dock that shows what a generator would make, and makes it.

    Cancel keeps the images that are ready.
    """

    _said_of_cancel = "End the running job; images that are ready are kept."

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._making: tuple[Made, Place, Source] | None = None
        self._last: list[MadeLayers] = []
        self._preview = Previewer(self._wanted_preview)
        self._extent = note("")
        self._generate = self._action(
            "Generate",
            "Make the new images, as layers.",
            self._why_no_generate,
            self.generate,
        )
        self._job.changed.connect(self._on_job_changed)
        self._preview.made.connect(self._show_extent)

    # -- state ----------------------------------------------------------------

    def _on_input(self, *args: Any) -> None:
        super()._on_input()
        if self._is_there:
            self._preview.ask()

    def _show_what_applies(self) -> None:
        super()._show_what_applies()
        self._form.pairs.visible = self._chosen.can_have_pairs
        source = self._chosen.source()
        if source is not None and self._form.source.value == NOISE:
            self._form.suggest_size(space_shape(source))
        self._show_extent()

    def _show_extent(self) -> None:
        self._extent.setText(self._said_of_request())

    def _said_of_request(self) -> str:
        try:
            if self._chosen.why_not_ready():
                return ""
            request = self._orders.request()
            known = self._preview.seconds_per_value
            return said_of(request, *self._orders.size_of(request, known))
        except (ValueError, TypeError) as err:
            return str(err)

    def _on_job_changed(self) -> None:
        if self._job.is_running:
            self._preview.hold()
        else:
            self._preview.ask()

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        if self._making is None:
            self._plot.add(progress.figures)

    def _why_no_generate(self) -> str:
        return self._why_busy() or self._chosen.why_not_ready()

    def _why_stay(self) -> str:
        if not self._job.is_running:
            return ""
        if self._making is not None:
            return "Images are being made: those that are ready would be lost."
        if self._job.can_finish:
            return "A generator is learning: what it has learnt would be lost."
        return ""

    def _wanted_preview(self) -> Wanted | str | None:
        return None if self._job.is_running else self._orders.wanted_preview()

    # -- making ---------------------------------------------------------------

    def generate(self) -> None:
        """Make what is asked for, with the generator there is or one fitted at once."""
        if self._why_no_generate():
            return
        try:
            request, learn = self._orders.request(), self._orders.learn()
            known = self._preview.seconds_per_value
            size = self._orders.size_of(request, known)
        except (ValueError, TypeError) as err:
            self.say(str(err), "error")
            return
        if is_large(*size) and not self._is_confirmed(said_of(request, *size)):
            return
        source, made = self._chosen.source() or nameless(), Made(request)
        place, earlier = self._orders.place(request), self._results.earlier(source)
        self._making = made, place, source
        self._start(
            generating,
            self._orders.run_steps(),
            learn,
            self._orders.given(request),
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
