"""A window with the contact sheets: a picture that is clicked is opened."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import QDialog, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_segen.scale.folder.sheet import COLUMNS, PER_PAGE, tile_at
from napari_segen.widgets.parts.panels import stacked

_SIZE_PX = 1230, 760


class SheetsWindow(QDialog):
    """Shows pages below each other.

    Parameters
    ----------
    parent : QWidget
    paths : sequence of Path
        The pages.
    n : int
        How many pictures they hold.

    Signals
    -------
    chosen(int)
        The user clicks a picture: its number among all.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget, paths: Sequence[Path], n: int) -> None:
        super().__init__(parent)
        self.setWindowTitle("Contact sheets: click a picture to open it")
        self._pages: list[_Page] = []
        for i, path in enumerate(paths):
            page = _Page(path, min(n - i * PER_PAGE, PER_PAGE))
            page.chosen.connect(lambda at, i=i: self.chosen.emit(i * PER_PAGE + at))
            self._pages.append(page)
        scroll = QScrollArea()
        scroll.setWidget(stacked(*self._pages))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        inside = scroll.widget().sizeHint()
        self.resize(
            min(inside.width() + 24, _SIZE_PX[0]),
            min(inside.height() + 12, _SIZE_PX[1]),
        )


class _Page(QLabel):
    chosen = Signal(int)

    def __init__(self, path: Path, n: int) -> None:
        super().__init__()
        self._n = n
        self.setPixmap(QPixmap(str(path)))
        self.setToolTip("Click a picture to open image and result as layers.")
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)

    def mousePressEvent(self, event: Any) -> None:
        at = tile_at(event.pos().x(), event.pos().y(), min(self._n, COLUMNS))
        if at is not None and at < self._n:
            self.chosen.emit(at)
