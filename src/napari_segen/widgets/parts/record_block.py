"""How the result came about, for the clipboard: as a script, and in words."""

from collections.abc import Callable
from typing import Any

from napari.layers import Layer
from qtpy.QtWidgets import QApplication

from napari_segen.core.provenance import array_hash
from napari_segen.widgets.parts.panels import Action, Fold, side_by_side
from napari_segen.widgets.results import MARK
from napari_segen.widgets.segment_results import METHODS, SCRIPT

EDITED = " The layer was edited since: it tells how it was before."
_NO_RECORD = "This layer does not say how it came about: make it anew."


class RecordFold(Fold):
    """Two buttons that copy what a result's layer knows of its making.

    Parameters
    ----------
    action : callable
        Makes a button of the dock: text, tooltip, why not, what to do.
    result : callable
        Returns the result's layer, or None.
    say : callable
        Shows a message.
    how_to_get_one : str
        What to do for a result.
    """

    def __init__(
        self,
        action: Callable[..., Action],
        result: Callable[[], Layer | None],
        say: Callable[[str], object],
        how_to_get_one: str,
    ) -> None:
        self._result, self._say = result, say
        self._how_to_get_one = how_to_get_one
        script = action(
            "Copy as script",
            "Put a Python script on the clipboard that makes this result again, byte "
            "for byte, from the files of image and strokes, without napari.",
            self._why_not,
            lambda: self._copy(SCRIPT, "A script"),
        )
        methods = action(
            "Methods text",
            "Put a paragraph for a paper on the clipboard: method, parameters, "
            "versions and seed of this result.",
            self._why_not,
            lambda: self._copy(METHODS, "A paragraph for the methods section"),
        )
        super().__init__(
            "Record",
            side_by_side(script.button, methods.button),
            tooltip="How the result came about, to repeat it or to write about it.",
        )

    def _record(self) -> dict[str, Any] | None:
        layer = self._result()
        return None if layer is None else layer.metadata[MARK]["provenance"]

    def _was_edited(self) -> bool:
        layer = self._result()
        return array_hash(layer.data) != layer.metadata[MARK]["digest"]

    def _why_not(self) -> str:
        record = self._record()
        if record is None:
            return f"There is no result yet: {self._how_to_get_one}."
        return "" if SCRIPT in record else _NO_RECORD

    def _copy(self, what: str, title: str) -> None:
        record = self._record()
        if record is not None:
            QApplication.clipboard().setText(record[what])
            edited = EDITED if self._was_edited() else ""
            self._say(f"{title} is on the clipboard.{edited}")
