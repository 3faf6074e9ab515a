"""The dock for objects: found in classes, corrected by click, measured."""

from collections.abc import Mapping
from typing import Any

from napari.layers import Labels

from napari_segen.widgets.dock import Dock
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.layers import Source
from napari_segen.widgets.objects.correcting import Correcting
from napari_segen.widgets.objects.finding import Classes, finding_objects
from napari_segen.widgets.objects.finding_form import FindingForm
from napari_segen.widgets.objects.order import role_of
from napari_segen.widgets.objects.preview import ObjectsPreview
from napari_segen.widgets.parts.panels import heading
from napari_segen.widgets.parts.record_block import RecordFold
from napari_segen.widgets.results import Earlier, Ready, mark_of, said_of_layers
from napari_segen.workflows.record import ObjectsRequest

CERTAIN = (
    "Each pixel was taken to be of its class for certain. Run the segmentation with "
    "“probability of each class” for better cuts and no specks of doubt."
)


class ObjectsDock(Dock):
    """Find objects in classes, correct them by click, measure them.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._finding = FindingForm(self._viewer)
        self._preview = ObjectsPreview(self._viewer, self._wanted)
        self._find = self._action(
            "Find objects",
            "Tell the objects of the whole image apart and number them, in a layer of "
            "their own.",
            self._why_not_found,
            self.find,
        )
        self._correcting = Correcting(self._viewer, self._action)
        self._lay_out(
            heading("Find"),
            self._finding.native,
            self._run_panel((self._find,)),
            heading("Correct and measure"),
            self._correcting.native,
            RecordFold(
                self._action, self._result_layer, self.say, "press Find objects"
            ),
        )
        self._finding.changed.connect(self._on_finding)
        self._finding.preview.changed.connect(self._preview.switch)
        self._preview.failed.connect(lambda text: self.say(text, "error"))
        self._preview.gone.connect(self._on_preview_gone)
        self._correcting.said.connect(self.say)
        self._correcting.changed.connect(self.refresh)
        self._reset_layer_choices()
        self._choose_objects()
        self._on_input()

    # -- inputs ---------------------------------------------------------------

    def _reset_layer_choices(self) -> None:
        super()._reset_layer_choices()
        if self._is_there:
            self._finding.fields.reset_choices()
            self._correcting.fields.reset_choices()

    def _choose_objects(self) -> None:
        """Take up the objects that were found before this dock was opened."""
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Labels) and role_of(layer).endswith("objects"):
                self._correcting.choose(layer)
                return

    def _on_input(self, *args: Any) -> None:
        super()._on_input()
        if self._is_there:
            self._finding.look_again()
            self._correcting.look_again()

    def _on_finding(self) -> None:
        super()._on_input()
        self._preview.look_again()

    def _on_preview_gone(self) -> None:
        self._finding.preview.value = False

    def _why_not_found(self) -> str:
        return self._why_busy() or self._finding.why_not()

    def _wanted(self) -> tuple[Classes, ObjectsRequest] | None:
        if self._finding.why_not():
            return None
        return self._finding.classes, self._finding.request

    # -- the job --------------------------------------------------------------

    def find(self) -> None:
        """Find the objects of the whole image."""
        if self._why_not_found():
            return
        self._finding.preview.value = False
        classes, request = self._wanted()
        earlier = self._results.earlier(classes.source)
        note = CERTAIN if self._finding.lacks_posterior else ""
        self._start(
            finding_objects,
            classes,
            request,
            earlier,
            done=lambda items: self._show(classes.source, items, earlier, note),
        )

    def _show(
        self,
        source: Source,
        items: list[Ready],
        earlier: Mapping[str, Earlier],
        note: str,
    ) -> Showing:
        layers, said = yield from self._results.putting(source, items, earlier)
        self._correcting.choose(layers[0])
        self.say(" ".join(filter(None, (said_of_layers(layers), note))))
        self.say(said, "warning")

    def _result_layer(self) -> Labels | None:
        """Return the objects in hand, if they were found here."""
        layer = self._correcting.layer
        if layer is None or "provenance" not in mark_of(layer):
            return None
        return layer

    def shut_down(self) -> None:
        """End all that runs: the dock was closed, or the viewer."""
        if not self._is_shut:
            self._preview.shut_down()
            self._finding.shut_down()
            self._correcting.shut_down()
        super().shut_down()
