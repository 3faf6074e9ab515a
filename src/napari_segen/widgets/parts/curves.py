"""A small live plot of named curves, painted by Qt itself.

Matplotlib would take 20-30 ms of the window's thread for each draw.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
_AXES = ("seconds", "step", "level", "strokes")
_HEIGHT = 130
_MARGIN = 6
MAX_POINTS = 2000
_FEW_POINTS = 12


class CurvePlot(QWidget):
    """Curves over time, each on a scale of its own kind: losses left, shares right.

    Figures whose name contains "iou", "score", "accuracy" or "recall" are shares from 0
    to 1.

    Parameters
    ----------
    empty : str
        What stands in the frame before there are curves.
    """

    def __init__(self, empty: str = "curves appear while it trains") -> None:
        super().__init__()
        self._empty = empty
        self._curves: dict[str, list[tuple[float, float]]] = {}
        self._n_seen = 0
        self.last_figures: Mapping[str, float] = {}
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_HEIGHT)
        self.setToolTip(
            "The training over time. loss: on the labels it learns from; val loss and "
            "val IoU (overlap, 1 is perfect): on labels kept apart. A val loss that "
            "rises while the loss falls means that it learns by heart: press Stop."
        )

    @property
    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """Points of each curve: seconds (or step), value."""
        return self._curves

    def sizeHint(self) -> QSize:
        """Ask for little width: the dock decides."""
        return QSize(200, _HEIGHT)

    def clear(self) -> None:
        """Forget all curves."""
        self._curves = {}
        self._n_seen = 0
        self.last_figures = {}
        self.update()

    def add_history(self, history: Mapping[str, Sequence[float | None]]) -> None:
        """Append the curves of an earlier training."""
        rows = zip(*history.values(), strict=True)
        named = [dict(zip(history, row, strict=True)) for row in rows]
        self.add(
            (i, {key: v for key, v in row.items() if v is not None})
            for i, row in enumerate(named)
        )

    def add(self, figures: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Append figures of some steps; values that are not finite are left out.

        A figure called "seconds", or else "step", "level" or "strokes", says where on
        the axis the others are; else they are put side by side.
        """
        for _, named in figures:
            self._n_seen += 1
            axis = next((a for a in _AXES if a in named), None)
            step = float(self._n_seen if axis is None else named[axis])
            self.last_figures = named
            for name, value in named.items():
                if name not in _AXES and math.isfinite(value):
                    self._curves.setdefault(name, []).append((step, float(value)))
        for name, points in self._curves.items():
            if len(points) > MAX_POINTS:
                self._curves[name] = points[::2]
        self.update()

    def paintEvent(self, event) -> None:
        """Draw the curves and, above them, what they are and where they stand."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = painter.fontMetrics().height()
        text = self.palette().text().color()
        top = self._draw_legend(painter, line) + 4
        frame = QRectF(
            _MARGIN, top, self.width() - 2 * _MARGIN, self.height() - top - line - 4
        )
        faint = QColor(text)
        faint.setAlpha(70)
        painter.setPen(faint)
        painter.drawRect(frame)
        if not self._curves:
            painter.setPen(text)
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, self._empty)
            return
        first = min(points[0][0] for points in self._curves.values())
        last = max(points[-1][0] for points in self._curves.values())
        painter.setPen(text)
        below = QRectF(frame.left(), frame.bottom() + 2, frame.width(), line)
        painter.drawText(
            below, Qt.AlignmentFlag.AlignRight, _in_words(self.last_figures)
        )
        for i, points in enumerate(self._curves.values()):
            painter.setPen(QPen(QColor(_COLORS[i % len(_COLORS)]), 1.6))
            _draw_curve(painter, points, frame, (first, last), self._range_of(i))

    def _range_of(self, index: int) -> tuple[float, float]:
        name = list(self._curves)[index]
        if _is_share(name):
            return 0.0, 1.0
        values = [
            value
            for other, points in self._curves.items()
            if not _is_share(other)
            for _, value in points
        ]
        low, high = min(0.0, *values), max(values)
        return low, high if high > low else low + 1.0

    def _draw_legend(self, painter: QPainter, line: int) -> float:
        x, y = float(_MARGIN), 0.0
        for i, (name, points) in enumerate(self._curves.items()):
            title = name.replace("_", " ").replace("iou", "IoU")
            label = f"{title} {points[-1][1]:.3g}"
            width = painter.fontMetrics().horizontalAdvance(label) + 10
            if x + width > self.width() - _MARGIN and x > _MARGIN:
                x, y = float(_MARGIN), y + line
            painter.setPen(QColor(_COLORS[i % len(_COLORS)]))
            painter.drawText(QPointF(x, y + line - 3), label)
            x += width
        return y + line


def _in_words(figures: Mapping[str, float]) -> str:
    words = [f"{figures['seconds']:.0f} s"] if "seconds" in figures else []
    words += [f"{key} {figures[key]:g}" for key in _AXES[1:] if key in figures]
    return ", ".join(words)


def _is_share(name: str) -> bool:
    return any(word in name for word in ("iou", "score", "accuracy", "recall"))


def _draw_curve(
    painter: QPainter,
    points: list[tuple[float, float]],
    frame: QRectF,
    times: tuple[float, float],
    span: tuple[float, float],
) -> None:
    (first, last), (low, high) = times, span
    polygon = QPolygonF(
        [
            QPointF(
                frame.left() + frame.width() * (at - first) / max(last - first, 1e-3),
                frame.bottom() - frame.height() * (value - low) / (high - low),
            )
            for at, value in points
        ]
    )
    painter.drawPolyline(polygon)
    if len(points) < _FEW_POINTS:
        for point in polygon:
            painter.drawEllipse(point, 2, 2)
