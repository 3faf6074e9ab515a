"""What a stretch of the soak test looks at: complaints, threads, timers, memory."""

import ctypes
import logging
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEventLoop, QTimer, QtMsgType, qInstallMessageHandler
from qtpy.QtWidgets import QApplication

from napari_segen.widgets.dock import EXPECTED
from napari_segen.widgets.jobs.steps_worker import THREAD_NAME as JOB
from napari_segen.widgets.live.latest import THREAD_NAME as LIVE

STOP_SECONDS = 30

# napari deletes what a removed layer drew with in whichever OpenGL context is current.
# With two viewers that may be the other's, whose drawing raises these from then on:
# `python -m tests.soak.napari_alone` shows it without this package.
SPOILT = (
    "description = b'invalid value'",
    "(Check before draw): GL_INVALID_VALUE",
    "description = b'invalid operation',\n\tbaseOperation = glTexSubImage2D",
)


def settle(seconds):
    """Let Qt work for a while.

    In a loop of its own: `processEvents` deletes no dock that napari deletes later.
    """
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def wait_until(is_so, seconds=STOP_SECONDS):
    """Let Qt work until something is so; return whether it is."""
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        settle(0.02)
    return is_so()


def memory_mb():
    """Resident memory of this process that is in use, in MB (Linux, glibc)."""
    # What was freed would count, too.
    ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    line = next(x for x in status.splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def job_threads():
    """List the threads of jobs and of live previews."""
    return [t for t in threading.enumerate() if t.name in (JOB, LIVE)]


def running_timers():
    """How many Qt timers run below any widget of this package, or of napari."""
    widgets = QApplication.topLevelWidgets()
    return sum(t.isActive() for w in widgets for t in w.findChildren(QTimer))


def callbacks(viewer):
    """How many functions wait for events of the viewer, its parts and its layers."""
    parts = (viewer, viewer.layers, viewer.dims, viewer.cursor, *viewer.layers)
    emitters = (e for part in parts for e in part.events.emitters.values())
    waiting = (call for emitter in emitters for call in emitter.callbacks)
    # Those of owners that are gone are taken out when the event comes.
    return sum(not isinstance(c, tuple) or c[0]() is not None for c in waiting)


class _Log(logging.Handler):
    """Hears of what a dock only writes in its message line: faults of ours."""

    def __init__(self, raised):
        super().__init__(logging.INFO)
        self._raised = raised

    def emit(self, record):
        if record.exc_info and not isinstance(record.exc_info[1], EXPECTED):
            self._raised(*record.exc_info)


def is_spoilt(error, trace):
    """Whether this was raised by drawing that napari has spoilt."""
    draws = any(frame.name == "paintGL" for frame in traceback.extract_tb(trace))
    return draws and any(text in str(error) for text in SPOILT)


@contextmanager
def caught(spoilt=None):
    """Collect all that is raised or complained of anywhere, as texts.

    Parameters
    ----------
    spoilt : list, optional
        Gets what napari's spoilt drawing raises; without, that is a complaint as well.
    """
    found = []

    def raised(kind, error, trace):
        apart = spoilt is not None and is_spoilt(error, trace)
        text = "".join(traceback.format_exception(kind, error, trace))
        (spoilt if apart else found).append(text)

    def notified(notification):
        # What the docks expect, such as a file that is no model, is a message too.
        if getattr(notification, "exception", None) is not None:
            found.append(f"notification: {notification.message}")

    def of_qt(kind, context, message):
        if kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg):
            found.append(f"Qt: {message}")

    ours, log = logging.getLogger("napari_segen"), _Log(raised)
    level = ours.level
    before = sys.excepthook, sys.unraisablehook, threading.excepthook
    sys.excepthook = raised
    sys.unraisablehook = lambda u: raised(u.exc_type, u.exc_value, u.exc_traceback)
    threading.excepthook = lambda a: raised(a.exc_type, a.exc_value, a.exc_traceback)
    notification_manager.notification_ready.connect(notified)
    ours.addHandler(log)
    ours.setLevel(logging.INFO)
    qt_before = qInstallMessageHandler(of_qt)
    try:
        yield found
    finally:
        sys.excepthook, sys.unraisablehook, threading.excepthook = before
        notification_manager.notification_ready.disconnect(notified)
        ours.removeHandler(log)
        ours.setLevel(level)
        qInstallMessageHandler(qt_before)
