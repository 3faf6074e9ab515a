"""When a docked widget's end comes, and a question before."""

from collections.abc import Callable
from contextlib import suppress
from weakref import WeakMethod

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QDockWidget, QMessageBox, QWidget

# Those of docks that are there. Python's garbage collector would take one that napari
# has let go of, and its connections with it, before Qt deletes the dock and says so.
_OF_DOCKS: set["Closing"] = set()


class Closing(QObject):
    """Calls back once when the widget's dock goes away, however that happens.

    A docked widget gets no close event. The dock's X takes the widget out and deletes
    the dock; closing the viewer deletes both.

    Parameters
    ----------
    widget : QWidget
    closed : bound method
        Called when the dock has gone.
    why_stay : callable
        Returns what would be lost now; if anything, the user is asked first when the X
        is pressed. (When the window is closed napari asks.)
    """

    def __init__(
        self,
        widget: QWidget,
        closed: Callable[[], None],
        why_stay: Callable[[], str] = str,
    ) -> None:
        super().__init__()
        self._closed = closed
        self._why_stay = why_stay
        self._dock: QDockWidget | None = None
        self._widget = widget
        # The garbage collector destroys a widget after it has emptied what belongs to
        # it: then nothing may be called any more.
        known = WeakMethod(closed)

        def widget_destroyed() -> None:
            if (call := known()) is not None:
                call()

        self._widget_destroyed = widget_destroyed
        widget.installEventFilter(self)
        widget.destroyed.connect(widget_destroyed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Find the dock when the widget is put into one."""
        if event.type() == QEvent.Type.ParentChange and self._dock is None:
            parent = watched.parent()
            while parent is not None and not isinstance(parent, QDockWidget):
                parent = parent.parent()
            if parent is not None:
                self._dock = parent
                _OF_DOCKS.add(self)
                parent.destroyed.connect(lambda: self._dock_destroyed())
                self._ask_before_closing(parent)
        return False

    def _dock_destroyed(self) -> None:
        _OF_DOCKS.discard(self)
        with suppress(RuntimeError, TypeError):  # the widget is gone, too
            self._widget.destroyed.disconnect(self._widget_destroyed)
        self._closed()

    def _ask_before_closing(self, dock: QDockWidget) -> None:
        # What napari's X calls. The dock gets a close event when it is hidden, which
        # ends nothing, and none when the X deletes it.
        close = getattr(dock, "destroyOnClose", None)
        if close is None:
            return

        def ask_and_close() -> None:
            reason = self._why_stay()
            if not reason or _says_yes(dock, reason):
                close()

        dock.destroyOnClose = ask_and_close


def _says_yes(parent: QWidget, reason: str) -> bool:
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    question = f"{reason}\nClose all the same?"
    return QMessageBox.question(parent, "napari-segen", question, yes | no, no) == yes
