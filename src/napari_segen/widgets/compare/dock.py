"""The dock that compares two layers of labels."""

from collections.abc import Mapping
from typing import Any

from magicgui.widgets import CheckBox
from napari.layers import Labels

from napari_segen.widgets.colors import names_in
from napari_segen.widgets.compare.tasks import (
    Compared,
    comparing,
    confusion_in_words,
    in_words,
    shapes_differ,
)
from napari_segen.widgets.dock import Dock
from napari_segen.widgets.jobs.job import Showing
from napari_segen.widgets.layers import Source, level_zero
from napari_segen.widgets.parts.panels import copyable_note, form
from napari_segen.widgets.parts.stack_choice import StackChoice
from napari_segen.widgets.results import Earlier, Ready, said_of_layers

NO_LABELS = "Two layers of labels are needed: results, masks or a ground truth."
SAME = "This is one layer: choose two."
ASK_AXES = "These labels are a stack: say above what its first axis is."
CHOICES = {
    "first": "A result, or a layer of objects.",
    "second": "Another result, or the truth, of the same image.",
}
MOST_IN_TABLE = 6  # classes that fit side by side


class CompareDock(Dock):
    """Two results, or a result and the truth: where and how much they differ.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._first, self._second = (
            self._layer_choice(Labels, label, tooltip, nullable=True)
            for label, tooltip in CHOICES.items()
        )
        self._stack = StackChoice(self._on_input)
        self._inputs = form(self._first, self._second, self._stack.widget)
        self._ignore_zero = CheckBox(
            text="0 is unlabelled",
            value=False,
            tooltip="Leave out pixels that are 0 in either layer, as in strokes. Else "
            "0 is a class like the others.",
        )
        self._compare = self._action(
            "Compare",
            "Count where the layers agree, and show in a layer of its own what the "
            "second has where it differs from the first.",
            self._why_not,
            self.compare,
        )
        self._report = copyable_note()
        self._lay_out(
            self._inputs.native,
            self._ignore_zero.native,
            self._run_panel((self._compare,)),
            self._report,
        )
        self._on_input()

    @property
    def report(self) -> str:
        """What was found, as rich text."""
        return self._report.text()

    def _on_input(self, *args: Any) -> None:
        if self._is_there:
            self._stack.show_layer(self._first.value)
            if not self._job.is_running:
                self._report.setText("")
        super()._on_input()

    def _why_not(self) -> str:
        first, second = self._first.value, self._second.value
        if reason := self._why_busy():
            return reason
        if first is None or second is None:
            return NO_LABELS
        if first is second:
            return SAME
        if reason := shapes_differ(level_zero(first), level_zero(second)):
            return reason
        return "" if self._stack.axes else ASK_AXES

    def compare(self) -> None:
        """Compare the two layers."""
        if self._why_not():
            return
        axes = self._stack.axes
        first, second = (
            Source.of(layer, axes) for layer in (self._first.value, self._second.value)
        )
        names = names_in(self._second.value) | names_in(self._first.value)
        earlier = self._results.earlier(first)
        self._start(
            comparing,
            first,
            second,
            self._ignore_zero.value,
            earlier,
            done=lambda found: self._show(first, *found, earlier, names),
        )

    def _show(
        self,
        source: Source,
        found: Compared,
        items: list[Ready],
        earlier: Mapping[str, Earlier],
        names: Mapping[int, str],
    ) -> Showing:
        layers, said = yield from self._results.putting(source, items, earlier)
        self.say(said_of_layers(layers))
        self.say(said, "warning")
        text = in_words(found, names)
        if found.precision is None and len(found.agreement.classes) <= MOST_IN_TABLE:
            text += "<br>" + confusion_in_words(found.agreement)
        self._report.setText(text)
