"""Small pictures of images, with labels drawn over them, in a grid."""

import colorsys
from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_segen.core.imagespec import CHANNEL, SPACE, Array

_GAP_PX = 3
_MOST_CELL_PX = 128
_LEAST_HEIGHT_PX = 60
_CUT = (0.5, 99.5)
_FILL, _EDGE = 0.25, 0.9
_N_COLORS = 61
# Neighbouring ids are to look different.
_GOLDEN = 0.61803398875


def middle_plane(image: Array, axes: str) -> Array:
    """Return one plane ``(C, y, x)`` of an image: the first frame, half way down."""
    lead = [a for a in axes if a not in SPACE[1:] + CHANNEL]
    for letter in lead:
        at = axes.index(letter)
        index = image.shape[at] // 2 if letter in SPACE else 0
        image = image.take(index, axis=at)
        axes = axes.replace(letter, "")
    if CHANNEL not in axes:
        return image[np.newaxis]
    return np.moveaxis(image, axes.index(CHANNEL), 0)


def in_colors(planes: Sequence[Array], is_rgb: bool) -> list[Array]:
    """Turn planes ``(C, y, x)`` into pictures ``(y, x, 3)``, all equally bright.

    Of other than red, green and blue channels up to three are shown as such.
    """
    if not planes:
        return []
    if is_rgb and planes[0].dtype == np.uint8:
        return [np.ascontiguousarray(np.moveaxis(p[:3], 0, -1)) for p in planes]
    n = min(len(planes[0]), 3)
    shown = []
    for c in range(n):
        values = np.concatenate([p[c].ravel() for p in planes]).astype(np.float64)
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, _CUT) if values.size else (0.0, 1.0)
        scale = 255 / (high - low) if high > low else 0.0
        shown.append([_as_bytes(p[c], low, scale) for p in planes])
    if n == 1:
        return [np.repeat(one[..., np.newaxis], 3, axis=-1) for one in shown[0]]
    dark = [np.zeros_like(one) for one in shown[0]]
    shown += [dark] * (3 - n)
    return [np.stack(channels, axis=-1) for channels in zip(*shown, strict=True)]


def _as_bytes(plane: Array, low: float, scale: float) -> Array:
    values = (np.nan_to_num(plane.astype(np.float64), nan=low) - low) * scale
    return np.clip(values, 0, 255).astype(np.uint8)


def with_labels(picture: Array, labels: Array) -> Array:
    """Draw labels ``(y, x)`` over a picture: their outlines, and a shade inside."""
    colors = _colors()[labels.astype(np.int64) % _N_COLORS]
    share = np.where(_is_edge(labels), _EDGE, _FILL) * (labels > 0)
    mixed = picture * (1 - share[..., np.newaxis]) + colors * share[..., np.newaxis]
    return mixed.astype(np.uint8)


def label_picture(labels: Array) -> Array:
    """Show labels ``(y, x)`` alone."""
    return with_labels(np.zeros((*labels.shape, 3), np.uint8), labels)


def _is_edge(labels: Array) -> Array:
    edge = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge


def _colors() -> Array:
    hues = [(i * _GOLDEN) % 1.0 for i in range(_N_COLORS)]
    return np.array([colorsys.hsv_to_rgb(h, 0.75, 1.0) for h in hues]) * 255


class PictureGrid(QWidget):
    """Pictures in rows, as large as the width allows; a line of text if there are none.

    Parameters
    ----------
    columns : int
    tooltip : str
    """

    def __init__(self, columns: int, tooltip: str) -> None:
        super().__init__()
        self._columns = columns
        self._pictures: list[QImage] = []
        self._expected = 0
        self._text = ""
        self.setToolTip(tooltip)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def n_pictures(self) -> int:
        """How many are shown."""
        return len(self._pictures)

    @property
    def text(self) -> str:
        """What is said in place of pictures."""
        return self._text

    def show_text(self, text: str) -> None:
        """Say something in place of the pictures."""
        self._text = text
        self._pictures, self._expected = [], 0
        self._resized()

    def show_pictures(self, pictures: Sequence[Array], expected: int = 0) -> None:
        """Show pictures ``(y, x, 3)``, in a place for `expected` ones."""
        self._text = ""
        self._pictures = [_as_image(p) for p in pictures]
        self._expected = max(expected, len(pictures))
        self._resized()

    def _resized(self) -> None:
        self.updateGeometry()
        self.setFixedHeight(self.heightForWidth(max(self.width(), 1)))
        self.update()

    def resizeEvent(self, event) -> None:
        """Keep the height that belongs to the width."""
        super().resizeEvent(event)
        if self.height() != (wanted := self.heightForWidth(self.width())):
            self.setFixedHeight(wanted)

    def sizeHint(self) -> QSize:
        """Ask for little width: the dock decides."""
        return QSize(200, self.heightForWidth(200))

    def hasHeightForWidth(self) -> bool:
        """Say that the height follows from the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all rows."""
        if not self._expected:
            return _LEAST_HEIGHT_PX
        rows = -(-self._expected // self._columns)
        return max(rows * (self._cell(width) + _GAP_PX), _LEAST_HEIGHT_PX)

    def _cell(self, width: int) -> int:
        fits = (width + _GAP_PX) // self._columns - _GAP_PX
        return max(8, min(_MOST_CELL_PX, fits))

    def paintEvent(self, event) -> None:
        """Draw the pictures, each in its cell, or the text."""
        painter = QPainter(self)
        cell = self._cell(self.width())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        faint = QColor(self.palette().text().color())
        faint.setAlpha(30)
        for i in range(self._expected):
            row, column = divmod(i, self._columns)
            place = QRectF(
                column * (cell + _GAP_PX), row * (cell + _GAP_PX), cell, cell
            )
            if i < len(self._pictures):
                painter.drawImage(_inside(place, self._pictures[i]), self._pictures[i])
            else:
                painter.fillRect(place, faint)
        if self._text:
            painter.setPen(self.palette().text().color())
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(
                QRectF(self.rect()).adjusted(4, 0, -4, 0), flags, self._text
            )


def _inside(place: QRectF, picture: QImage) -> QRectF:
    """Return the largest rectangle of the picture's proportions in the cell."""
    w, h = picture.width(), picture.height()
    scale = min(place.width() / w, place.height() / h)
    made = QRectF(0, 0, w * scale, h * scale)
    made.moveCenter(place.center())
    return made


def _as_image(picture: Array) -> QImage:
    rows = np.ascontiguousarray(picture, np.uint8)
    height, width = rows.shape[:2]
    kind = QImage.Format.Format_RGB888
    # A copy: the image only borrows the array's memory.
    return QImage(rows.tobytes(), width, height, 3 * width, kind).copy()
