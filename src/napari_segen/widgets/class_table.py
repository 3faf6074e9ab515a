"""The classes of a strokes layer: value, name, colour, how much is painted of each."""

from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_segen.core.checks import MAX_CLASSES
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.colors import color_in, names_in, recolor, rename
from napari_segen.widgets.jobs import Job
from napari_segen.widgets.layers import level_zero, pixels

COLUMNS = ("", "class", "strokes", "pixels")
_COLOR, _NAME, _STROKES, _PIXELS = range(4)
DEBOUNCE_MS = 100
MAX_ROWS = 30
_N_FIRST = 2


def count_painted(data: Any) -> Steps[dict[int, tuple[int, int]]]:
    """Count strokes and pixels of each class (on a worker).

    Returns
    -------
    dict from class value to (strokes, pixels)
        No strokes are counted where the values are so many that they are objects.
    """
    # SciPy's import: not while a dock opens.
    from napari_segen.core.scribbles import number_strokes

    yield Step(0, 1, "Counting strokes")
    labels = np.array(pixels(data))
    values, counts = np.unique(labels[labels != 0], return_counts=True)
    if len(values) > MAX_CLASSES:
        return {int(v): (1, int(n)) for v, n in zip(values, counts, strict=True)}
    ids, _ = number_strokes(labels)
    found = {}
    for value, n in zip(values, counts, strict=True):
        found[int(value)] = (len(np.unique(ids[labels == value])), int(n))
        yield Step(len(found), len(values), "Counting strokes")
    return found


class ClassTable(QWidget):
    """Lists the classes of a strokes layer; a click on one takes it in hand.

    Signals
    -------
    picked(int)
        A row was clicked, or a class added: paint with this value.
    """

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self._counts: dict[int, tuple[int, int]] = {}
        self._added: set[int] = set()
        self._again = False
        self._filling = False
        self._job = Job(is_listed=False)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DEBOUNCE_MS)
        self._timer.timeout.connect(self._count)
        self._table = self._make_table()
        self._add = QPushButton("Add class")
        self._add.clicked.connect(self._add_class)
        self._build()
        self._fill()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setHorizontalHeaderLabels(COLUMNS)
        table.verticalHeader().hide()
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = table.horizontalHeader()
        header.setMinimumSectionSize(24)
        fit = QHeaderView.ResizeMode.ResizeToContents
        for column in (_COLOR, _STROKES, _PIXELS):
            header.setSectionResizeMode(column, fit)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        table.setToolTip(
            "The classes of the strokes. Click a row to paint with that class, its "
            "colour to change it, and double-click a name to rename the class."
        )
        table.cellClicked.connect(self._on_click)
        table.itemChanged.connect(self._on_renamed)
        return table

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._table)
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self._add)
        layout.addLayout(row)

    @property
    def counts(self) -> dict[int, tuple[int, int]]:
        """Strokes and pixels of each class value that is painted."""
        return self._counts

    @property
    def values(self) -> list[int]:
        """Class values of the rows, from top to bottom."""
        painted = sorted(self._counts)[:MAX_ROWS]
        first = set() if self._layer is None else set(range(1, _N_FIRST + 1))
        return sorted(
            set(painted) | self._added | (first if len(painted) < 2 else set())
        )

    def show_layer(self, layer: Labels | None) -> None:
        """List the classes of `layer` from now on."""
        if layer is self._layer:
            return
        self._disconnect()
        self._layer, self._counts, self._added = layer, {}, set()
        if layer is not None:
            self._added = {v for v in names_in(layer) if v > 0}
            layer.events.paint.connect(self._soon)
            layer.events.set_data.connect(self._soon)
            layer.events.colormap.connect(self._fill)
            layer.events.selected_label.connect(self._mark_selected)
            self._soon()
        self._fill()

    def shut_down(self) -> None:
        """Let go of the layer, and end what runs."""
        self._disconnect()
        self._layer = None
        with suppress(RuntimeError):  # Qt may have deleted the timer
            self._timer.stop()
        self._job.shut_down()

    def _disconnect(self) -> None:
        if self._layer is not None:
            events = self._layer.events
            events.paint.disconnect(self._soon)
            events.set_data.disconnect(self._soon)
            events.colormap.disconnect(self._fill)
            events.selected_label.disconnect(self._mark_selected)

    def _soon(self, event=None) -> None:
        self._timer.start()

    def _count(self) -> None:
        if self._layer is None:
            return
        layer = self._layer
        started = self._job.start(
            count_painted,
            level_zero(layer),
            done=lambda counts: self._on_counted(layer, counts),
        )
        self._again = not started

    def _on_counted(self, layer: Labels, counts: dict[int, tuple[int, int]]) -> None:
        if layer is self._layer and counts != self._counts:
            self._counts = counts
            self._fill()
        if layer is not self._layer or self._again:
            self._soon()

    def _fill(self, event=None) -> None:
        layer = self._layer
        self._filling = True
        names = {} if layer is None else names_in(layer)
        self._table.setRowCount(len(self.values))
        for row, value in enumerate(self.values):
            strokes, painted = self._counts.get(value, (0, 0))
            self._set(row, _COLOR, str(value), _swatch(color_in(layer, value)))
            self._set(row, _NAME, names.get(value, f"class {value}"))
            self._set(row, _STROKES, f"{strokes:,}")
            self._set(row, _PIXELS, f"{painted:,}")
        self._filling = False
        height = self._table.horizontalHeader().sizeHint().height() + 4
        rows = min(max(len(self.values), 2), 6)
        self._table.setFixedHeight(height + rows * self._row_height())
        self._add.setEnabled(layer is not None)
        self._add.setToolTip(
            "Take the brush for one more class."
            if layer is not None
            else "There is no strokes layer yet: press New strokes."
        )
        self._mark_selected()

    def _row_height(self) -> int:
        return self._table.verticalHeader().defaultSectionSize()

    def _set(self, row: int, column: int, text: str, icon: QIcon | None = None) -> None:
        item = QTableWidgetItem(text)
        if column != _NAME:
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
        if column in (_STROKES, _PIXELS):
            item.setTextAlignment(
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            )
        if icon is not None:
            item.setIcon(icon)
        self._table.setItem(row, column, item)

    def _mark_selected(self, event=None) -> None:
        if self._layer is None:
            return
        values = self.values
        if self._layer.selected_label in values:
            self._table.selectRow(values.index(self._layer.selected_label))
        else:
            self._table.clearSelection()

    def _on_click(self, row: int, column: int) -> None:
        value = self.values[row]
        if column == _COLOR:
            self._choose_color(value)
        self.picked.emit(value)

    def _choose_color(self, value: int) -> None:
        chosen = QColorDialog.getColor(
            QColor(color_in(self._layer, value)), self, f"Colour of class {value}"
        )
        if chosen.isValid():
            self.set_color(value, chosen.name())

    def set_color(self, value: int, color: str) -> None:
        """Show class `value` in another colour, in the layer too."""
        recolor(self._layer, self.values, value, color)

    def _on_renamed(self, item: QTableWidgetItem) -> None:
        if self._filling or self._layer is None or item.column() != _NAME:
            return
        value = self.values[item.row()]
        name = item.text().strip()
        names = names_in(self._layer) | {value: name}
        if name == f"class {value}":
            names.pop(value)
        rename(self._layer, {v: n for v, n in names.items() if n})
        self._added.add(value)

    def _add_class(self) -> None:
        free = next(v for v in range(1, MAX_CLASSES + 2) if v not in self.values)
        self._added.add(free)
        self._fill()
        self.picked.emit(free)


def _swatch(color: str) -> QIcon:
    picture = QPixmap(14, 14)
    picture.fill(QColor(color))
    icon = QIcon(picture)
    # Qt would tint it in the selected row: another colour than that of the strokes.
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon
