"""Timers that go off once, after a while without a new start."""

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer


def debounced(parent: QObject, ms: int, slot: Callable[[], object]) -> QTimer:
    """Make a timer that calls `slot` once, `ms` after its last `start`."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(slot)
    return timer
