"""The table of a folder: a row for each image, sorted by any column."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

_HEIGHT_PX = 260
_WARNING = QColor("#e69f00")
# What a person does not look for in a row; it is in summary.csv.
_LEFT_OUT = {"image", "status", "flag", "reason", "error", "dtype", "axes", "unit"}
_NOTE = "flag"
_FIRST = ("average_precision", "mean_iou", "objects")
_POSITION = Qt.ItemDataRole.UserRole


class _Cell(QTableWidgetItem):
    """Text that is sorted as the value it stands for; nothing comes last."""

    def __init__(self, value: Any) -> None:
        is_number = isinstance(value, int | float)
        text = "" if value is None else f"{value:.4g}" if is_number else str(value)
        super().__init__(text)
        self._key = (0, float(value), "") if is_number else (1, 0.0, text.casefold())
        if not text:
            self._key = (2, 0.0, "")
        self.setFlags(Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        return self._key < other._key


class FolderTable(QTableWidget):
    """Shows the summary; a row that is opened is a field to look at.

    Signals
    -------
    chosen(int)
        The user opens an image: its number among the rows.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setMinimumHeight(_HEIGHT_PX)
        self.setToolTip(
            "A row for each image. Double-click one (or press Enter) to open image and "
            "result as layers; click a title to sort. Orange: look at it first, the "
            "tooltip of the row says why."
        )
        self.cellDoubleClicked.connect(lambda row, _: self._choose(row))

    def show_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Show the rows of a summary, in their order."""
        names = dict.fromkeys(n for row in rows for n in row if n not in _LEFT_OUT)
        first = [n for n in _FIRST if n in names]
        columns = ["image", _NOTE, *first, *(n for n in names if n not in _FIRST)]
        self.setSortingEnabled(False)
        self.clear()
        self.setRowCount(len(rows))
        self.setColumnCount(len(columns))
        self.setHorizontalHeaderLabels([c.replace("_", " ") for c in columns])
        for i, row in enumerate(rows):
            values = {**row, "image": Path(row["image"]).name, _NOTE: note_of(row)}
            for j, name in enumerate(columns):
                cell = _Cell(values.get(name))
                cell.setData(_POSITION, i)
                cell.setToolTip(why_look(row) or str(row["image"]))
                if note_of(row):
                    cell.setForeground(_WARNING)
                self.setItem(i, j, cell)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.resizeColumnsToContents()

    def open_marked(self) -> None:
        """Open the row that is marked."""
        self._choose(self.currentRow())

    def keyPressEvent(self, event: Any) -> None:
        """Open the row that is marked when Enter is pressed."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_marked()
            return
        super().keyPressEvent(event)

    def _choose(self, row: int) -> None:
        if (cell := self.item(row, 0)) is not None:
            self.chosen.emit(cell.data(_POSITION))


def note_of(row: Mapping[str, Any]) -> str:
    """Return what a row is marked for; empty if for nothing."""
    if row["status"] != "done":
        return str(row["status"])
    return str(row.get("flag") or ("error" if row.get("error") else ""))


def why_look(row: Mapping[str, Any]) -> str:
    """Say why a row is marked."""
    return str(row.get("error") or row.get("reason") or "")
