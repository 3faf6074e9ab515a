"""A die, painted: not every font has the sign."""

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import QWidget

DIE_PX = 18


def die_icon(widget: QWidget) -> QIcon:
    """Paint a die, as sharp as the screen of `widget` allows."""
    ratio = widget.devicePixelRatioF()
    picture = QPixmap(int(DIE_PX * ratio), int(DIE_PX * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    # As a real die: to be seen on dark and on bright buttons.
    painter.setBrush(QColor("#d8d8d8"))
    painter.drawRoundedRect(QRectF(1, 1, 16, 16), 3, 3)
    painter.setBrush(QColor("#202020"))
    for x, y in ((5, 5), (13, 5), (9, 9), (5, 13), (13, 13)):
        painter.drawEllipse(QPointF(x, y), 1.5, 1.5)
    painter.end()
    return QIcon(picture)
