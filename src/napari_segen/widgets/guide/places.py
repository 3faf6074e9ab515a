"""The places where a stroke would teach most, as pictures to click."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem

from napari_segen.widgets.guide.inputs import Position

N_PLACES = 5
_SIDE_PX = 46


class PlacesList(QListWidget):
    """A row of pictures, the best place first.

    Signals
    -------
    picked(object)
        A picture was clicked: the position.
    """

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._places: list[Position] = []
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(QSize(_SIDE_PX, _SIDE_PX))
        self.setGridSize(QSize(_SIDE_PX + 4, _SIDE_PX + 4))
        self.setFixedHeight(_SIDE_PX + 12)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip(
            "The next places where a stroke would teach most, the best first. Click "
            "one to go there."
        )
        self.itemClicked.connect(self._on_item)

    @property
    def places(self) -> list[Position]:
        """The positions of the pictures."""
        return self._places

    def show_places(
        self, places: Sequence[Position], pictures: Sequence[npt.NDArray[np.uint8]]
    ) -> None:
        """Show these places and what is around them, ``(h, w, 3)`` each."""
        self.clear()
        self._places = list(places)
        for picture in pictures:
            self.addItem(QListWidgetItem(_icon(picture), ""))

    def take_first(self) -> Position | None:
        """Take the best place out of the list."""
        return self._take(0) if self._places else None

    def _take(self, row: int) -> Position:
        self.takeItem(row)
        return self._places.pop(row)

    def _on_item(self, item: QListWidgetItem) -> None:
        self.picked.emit(self._take(self.row(item)))


def _icon(picture: npt.NDArray[np.uint8]) -> QIcon:
    data = np.ascontiguousarray(picture)
    height, width, _ = data.shape
    rgb = QImage.Format.Format_RGB888
    image = QImage(data.tobytes(), width, height, 3 * width, rgb)
    return QIcon(QPixmap.fromImage(image.copy()))
