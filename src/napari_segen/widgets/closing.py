"""When a docked widget's end comes."""

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QDockWidget, QWidget


class Closing(QObject):
    """Calls back once when the widget's dock goes away, however that happens.

    A docked widget gets no close event. The dock's X takes the widget out and deletes
    the dock; closing the viewer deletes both.
    """

    def __init__(self, widget: QWidget, closed: Callable[[], None]) -> None:
        super().__init__()
        self._closed = closed
        self._dock: QDockWidget | None = None
        widget.installEventFilter(self)
        widget.destroyed.connect(lambda: closed())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Find the dock when the widget is put into one."""
        if event.type() == QEvent.Type.ParentChange and self._dock is None:
            parent = watched.parent()
            while parent is not None and not isinstance(parent, QDockWidget):
                parent = parent.parent()
            if parent is not None:
                self._dock = parent
                parent.destroyed.connect(lambda: self._closed())
        return False
