"""The table of measured objects: sorted by any column, and saved as it is shown."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_segen.core.imagespec import FRAME

if TYPE_CHECKING:
    import pandas as pd

_DIGITS = 6
_HEIGHT_PX = 180
_ASCENDING = Qt.SortOrder.AscendingOrder


class ObjectsModel(QAbstractTableModel):
    """What is measured, as text."""

    def __init__(self) -> None:
        super().__init__()
        self._titles: list[str] = []
        self._columns: list[np.ndarray] = []
        self._order = np.zeros(0, np.intp)
        self._sorted_by: tuple[int, Any] = (-1, _ASCENDING)

    def show(self, table: "pd.DataFrame") -> None:
        """Show other measurements; what they are sorted by stays."""
        self.beginResetModel()
        units = table.attrs.get("units", {})
        self._titles = [
            f"{name} [{units[name]}]" if name in units else str(name)
            for name in table.columns
        ]
        self._columns = [table[name].to_numpy() for name in table.columns]
        self._sort()
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return how many objects there are."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return how many figures each object has."""
        return 0 if parent is not None and parent.isValid() else len(self._titles)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if role != Qt.ItemDataRole.DisplayRole or not index.isValid():
            return None
        return self.text(index.row(), index.column())

    def headerData(
        self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        is_title = orientation == Qt.Orientation.Horizontal
        if not is_title or role != Qt.ItemDataRole.DisplayRole:
            return None
        return self._titles[section]

    def sort(self, column: int, order: Any = _ASCENDING) -> None:
        """Sort the rows by a column."""
        self.layoutAboutToBeChanged.emit()
        marked = self.persistentIndexList()  # what is chosen stays chosen
        positions = [self.at(index.row()) for index in marked]
        self._sorted_by = column, order
        self._sort()
        moved = [
            self.index(self.row_of(position), index.column())
            for position, index in zip(positions, marked, strict=True)
        ]
        self.changePersistentIndexList(marked, moved)
        self.layoutChanged.emit()

    def _sort(self) -> None:
        column, order = self._sorted_by
        n = len(self._columns[0]) if self._columns else 0
        self._order = np.arange(n)
        if 0 <= column < len(self._columns):
            values = self._columns[column]
            key = values if order == _ASCENDING else -values
            self._order = np.argsort(key, kind="stable")

    def text(self, row: int, column: int) -> str:
        """Return what the cell in this row and column shows."""
        value = self._columns[column][self._order[row]]
        return f"{value:.{_DIGITS}g}" if isinstance(value, np.floating) else str(value)

    @property
    def titles(self) -> list[str]:
        """The columns, with their units."""
        return self._titles

    def at(self, row: int) -> int:
        """Return which object is in a row: its position in the measurements."""
        return int(self._order[row])

    def row_of(self, position: int) -> int:
        """Return the row of the object at a position in the measurements."""
        return int(np.flatnonzero(self._order == position)[0])


class ObjectsTable(QTableView):
    """Shows the measurements; a row that is clicked is an object to go to.

    Signals
    -------
    picked(int)
        The user chose an object: its position in the measurements.
    """

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._model = ObjectsModel()
        self._table: pd.DataFrame | None = None
        self.setModel(self._model)
        self.setSortingEnabled(True)
        self.horizontalHeader().setSortIndicator(-1, _ASCENDING)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMinimumHeight(_HEIGHT_PX)
        self.setToolTip(
            "What is measured of each object. Click a row to go to its object, a title "
            "to sort."
        )
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self.clicked.connect(self._on_row)  # also the row that is chosen already

    @property
    def table(self) -> "pd.DataFrame | None":
        """The measurements, or None."""
        return self._table

    def show_table(self, table: "pd.DataFrame | None") -> None:
        """Show measurements, or none."""
        import pandas as pd

        titles = self._model.titles
        self._table = table
        self._model.show(pd.DataFrame() if table is None else table)
        if self._model.titles != titles:
            self.resizeColumnsToContents()

    def select(self, label: int, frame: dict[str, int]) -> None:
        """Mark the row of an object; `frame` says its index along each frame axis."""
        table = self._table
        if table is None:
            return
        is_it = table["label"].to_numpy() == label
        for letter, i in frame.items():
            is_it &= table[letter].to_numpy() == i
        rows = np.flatnonzero(is_it)
        marks = self.selectionModel()
        was_blocked = marks.blockSignals(True)
        if rows.size:
            self.selectRow(self._model.row_of(int(rows[0])))
        else:
            self.clearSelection()
        marks.blockSignals(was_blocked)
        self.viewport().update()
        if rows.size:
            self.scrollTo(self._model.index(self._model.row_of(int(rows[0])), 0))

    def save(self, path: str | Path) -> None:
        """Write a CSV file with what is shown, in the order in which it is shown."""
        model = self._model
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(model.titles)
            for row in range(model.rowCount()):
                cells = range(model.columnCount())
                writer.writerow([model.text(row, column) for column in cells])

    def _on_row(self, current: QModelIndex, previous: Any = None) -> None:
        if current.isValid():
            self.picked.emit(self._model.at(current.row()))


def frame_of(table: "pd.DataFrame", position: int) -> dict[str, int]:
    """Return where in a series an object is: its index along each frame axis."""
    return {a: int(table[a].iloc[position]) for a in FRAME if a in table}


def summary(table: "pd.DataFrame") -> str:
    """Say how many objects there are, and how large."""
    n = len(table)
    name = "volume" if "volume" in table else "area"
    unit = _short(table.attrs["units"].get(name, ""))
    frames = [a for a in FRAME if a in table]
    said = f"{n} object{'s' * (n != 1)}"
    if frames:
        m = len(table[frames].drop_duplicates())
        said += f" in {m} frame{'s' * (m != 1)}"
    if not n:
        return f"{said}."
    return f"{said}; mean {name} {table[name].mean():.4g} {unit}."


def _short(unit: str) -> str:
    return unit.replace("micrometer", "µm").replace("^2", "²").replace("^3", "³")
