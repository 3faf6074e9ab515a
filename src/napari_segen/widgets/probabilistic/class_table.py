"""The classes of a strokes layer: value, name, colour, how much is painted of each."""

from contextlib import suppress

from napari.layers import Labels
from qtpy.QtCore import Qt, Signal
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
from napari_segen.core.labels import default_color
from napari_segen.widgets.colors import (
    class_title,
    color_in,
    names_in,
    recolor,
    rename,
)
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.jobs.timers import debounced
from napari_segen.widgets.layers import level_zero
from napari_segen.widgets.probabilistic.class_figures import NO_FIGURES, ClassFigures
from napari_segen.widgets.strokes import count_painted

# Title and explanation of each column.
COLUMNS = {
    "": "Colour of the class and its value in the strokes layer; click to change it.",
    "class": "Name of the class; double-click to change it.",
    "strokes": "How many strokes of the class are painted.",
    "image": "How much of the image the class covers in the last result.",
    "recall": "Which part of the class is found on strokes that the method was fitted "
    "without; 1 is all. Of the model at hand.",
}
_COLOR, _NAME, _STROKES, _IMAGE, _RECALL = range(len(COLUMNS))
DEBOUNCE_MS = 100
MAX_ROWS = 30
_N_FIRST = 2


class ClassTable(QWidget):
    """Lists the classes of a strokes layer; a click on one takes it in hand.

    Signals
    -------
    picked(int)
        A row was clicked, or a class added: paint with this value.
    listed()
        Classes or their names may be others than before.
    """

    picked = Signal(int)
    listed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self._counts: dict[int, tuple[int, int]] = {}
        self._added: set[int] = set()
        self._figures = NO_FIGURES
        self._again = False
        self._filling = False
        self._job = Job(is_listed=False)
        self._timer = debounced(self, DEBOUNCE_MS, self._count)
        self._table = self._make_table()
        self._add = QPushButton("Add class")
        self._add.clicked.connect(self._add_class)
        self._build()
        self._fill()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setHorizontalHeaderLabels(list(COLUMNS))
        for column, meaning in enumerate(COLUMNS.values()):
            table.horizontalHeaderItem(column).setToolTip(meaning)
        table.verticalHeader().hide()
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = table.horizontalHeader()
        header.setMinimumSectionSize(24)
        # What titles take, names lack.
        header.setHighlightSections(False)
        header.setStyleSheet("QHeaderView::section { padding: 1px; }")
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
        known = set(sorted(self._figures.info)[:MAX_ROWS])
        first = first if len(known | set(painted)) < _N_FIRST else set()
        return sorted(set(painted) | self._added | known | first)

    @property
    def titles(self) -> dict[int, str]:
        """Names of the classes of the rows."""
        names = {} if self._layer is None else names_in(self._layer)
        own = set() if self._layer is None else self._added | set(self._counts)
        info = {v: i for v, i in self._figures.info.items() if v not in own}
        return {v: names.get(v) or class_title(v, info) for v in self.values}

    def show_figures(self, figures: ClassFigures) -> None:
        """Show what the last result says, until another layer is shown."""
        self._figures = figures
        self._fill()

    def show_layer(self, layer: Labels | None) -> None:
        """List the classes of `layer` from now on."""
        if layer is self._layer:
            return
        self._disconnect()
        self._layer, self._counts, self._added = layer, {}, set()
        self._figures = NO_FIGURES
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

    def _resize_columns(self, mode: QHeaderView.ResizeMode) -> None:
        for column in (_COLOR, _STROKES, _IMAGE, _RECALL):
            self._table.horizontalHeader().setSectionResizeMode(column, mode)

    def _fill(self, event=None) -> None:
        layer = self._layer
        self._filling = True
        # Or each cell that is set would measure its whole column.
        self._resize_columns(QHeaderView.ResizeMode.Fixed)
        self._table.setRowCount(len(self.values))
        for row, (value, title) in enumerate(self.titles.items()):
            strokes, painted = self._counts.get(value, (0, 0))
            self._set(row, _COLOR, str(value)).setIcon(_swatch(self._color_of(value)))
            self._set(row, _NAME, title, title)
            self._set(row, _STROKES, f"{strokes:,}", f"{painted:,} pixels painted")
            self._set(row, _IMAGE, *self._figures.said_of_fraction(value))
            self._set(row, _RECALL, *self._figures.said_of_recall(value))
        self._resize_columns(QHeaderView.ResizeMode.ResizeToContents)
        self._filling = False
        self._fit_height()
        self._add.setEnabled(layer is not None)
        self._add.setToolTip(
            "Take the brush for one more class."
            if layer is not None
            else "No strokes are used: press New strokes, or choose another method."
        )
        self._mark_selected()
        self.listed.emit()

    def _fit_height(self) -> None:
        height = self._table.horizontalHeader().sizeHint().height() + 4
        row = self._table.verticalHeader().defaultSectionSize()
        self._table.setFixedHeight(height + min(max(len(self.values), 2), 6) * row)

    def _color_of(self, value: int) -> str:
        if self._layer is not None:
            return color_in(self._layer, value)
        return self._figures.info[value].color or default_color(value)

    def _set(
        self, row: int, column: int, text: str, tooltip: str = ""
    ) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setToolTip(tooltip)
        if column != _NAME:
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
        if column in (_STROKES, _IMAGE, _RECALL):
            item.setTextAlignment(
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            )
        self._table.setItem(row, column, item)
        return item

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
        if column == _COLOR and self._layer is not None:
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
        self.listed.emit()

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
