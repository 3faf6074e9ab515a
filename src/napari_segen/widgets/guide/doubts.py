"""The strokes that a model without them takes for another class."""

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QListWidget

from napari_segen.widgets.guide.inputs import Position

_ROWS = 3
MOST_SHOWN = 20


class DoubtsList(QListWidget):
    """One line for each doubtful stroke, the most doubtful first.

    Signals
    -------
    picked(object)
        A stroke was chosen: a position in it.
    """

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._doubts: list[Any] = []
        height = self.fontMetrics().height() + 4
        self.setFixedHeight(_ROWS * height + 6)
        self.setToolTip(
            "Strokes that the model, fitted without them, finds at least twice as "
            "likely under another class: painted in the wrong colour, or on a place "
            "like no other of their class. Click one to go there."
        )
        self.itemClicked.connect(lambda item: self._pick(self.row(item)))

    def show_doubts(self, doubts: Sequence[Any], title: Callable[[int], str]) -> None:
        """Show doubtful strokes; `title` names a class value."""
        if list(doubts) == self._doubts:
            return
        self.clear()
        self._doubts = list(doubts)[:MOST_SHOWN]
        for doubt in self._doubts:
            own, other = title(doubt.class_value), title(doubt.likeliest)
            times = f"{doubt.odds:.0f}" if doubt.odds < 1000 else "over 1000"
            self.addItem(f"“{own}” looks like “{other}”: {times} times likelier")

    @property
    def position(self) -> Position | None:
        """A pixel of the chosen stroke, or None."""
        row = self.currentRow()
        if not (0 <= row < len(self._doubts)):
            return None
        position: Position = self._doubts[row].position
        return position

    def _pick(self, row: int) -> None:
        self.picked.emit(self._doubts[row].position)
