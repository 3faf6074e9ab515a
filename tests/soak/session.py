"""A user who does anything, in any order, in a real napari."""

import gc
import hashlib
import random
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEventLoop, QTimer, QtMsgType, qInstallMessageHandler
from qtpy.QtWidgets import QApplication

from napari_segen.widgets.jobs.steps_worker import THREAD_NAME
from napari_segen.widgets.results import MARK

PROBABILISTIC, CNN, GENERATOR = (
    "Probabilistic segmentation",
    "CNN segmentation",
    "Image generator",
)
OBJECTS, COMPARE, FOLDER = "Objects", "Compare labels", "Apply to folder"
DOCKS = (PROBABILISTIC, CNN, GENERATOR, OBJECTS, COMPARE, FOLDER)
UNTRAINED = ("transform", "texture", "shapes")
STOP_SECONDS = 30


def settle(seconds):
    """Let Qt work for a while.

    In a loop of its own: `processEvents` deletes no dock that napari deletes later.
    """
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def memory_mb():
    """Resident memory of this process, in MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    line = next(x for x in status.splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def job_threads():
    return [t for t in threading.enumerate() if t.name == THREAD_NAME]


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


@contextmanager
def caught():
    """Collect all that is raised or complained of anywhere, as texts."""
    found = []

    def raised(kind, error, trace):
        found.append("".join(traceback.format_exception(kind, error, trace)))

    def notified(notification):
        # What the docks expect, such as a file that is no model, is a message too.
        if getattr(notification, "exception", None) is not None:
            found.append(f"notification: {notification.message}")

    def of_qt(kind, context, message):
        if kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg):
            found.append(f"Qt: {message}")

    before = sys.excepthook, sys.unraisablehook, threading.excepthook
    sys.excepthook = raised
    sys.unraisablehook = lambda u: raised(u.exc_type, u.exc_value, u.exc_traceback)
    threading.excepthook = lambda a: raised(a.exc_type, a.exc_value, a.exc_traceback)
    notification_manager.notification_ready.connect(notified)
    qt_before = qInstallMessageHandler(of_qt)
    try:
        yield found
    finally:
        sys.excepthook, sys.unraisablehook, threading.excepthook = before
        notification_manager.notification_ready.disconnect(notified)
        qInstallMessageHandler(qt_before)


class Session:
    """Random actions on one viewer; what went wrong is told by `faults`.

    Image layers are never removed: napari itself crashes in Mesa when one is removed
    and the view is moved at once.
    """

    def __init__(self, viewer, folder, seed):
        self.viewer, self.folder = viewer, Path(folder)
        self.random = random.Random(seed)
        self.docks = {}
        self.done = Counter()
        noise = np.random.default_rng(seed)
        image = noise.normal(60, 8, (96, 128))
        image[24:70, 30:90] += 90
        color = np.stack([image, image[::-1], 0.5 * image], -1).clip(0, 255)
        holes = image.astype(np.float32)
        holes[:8] = np.nan
        self._users = [
            viewer.add_image(image.clip(0, 255).astype(np.uint8), name="cells"),
            viewer.add_image(color.astype(np.uint8), name="tissue", rgb=True),
            viewer.add_image(holes, name="holes"),
        ]
        self._hashes = [self._hash(layer) for layer in self._users]
        names = [n for n in dir(self) if n.startswith("do_")]
        self._actions = [getattr(self, name) for name in names]

    @staticmethod
    def _hash(layer):
        return hashlib.sha256(np.ascontiguousarray(layer.data)).hexdigest()

    def act(self):
        """Do one thing, and give Qt some time for it."""
        action = self.random.choice(self._actions)
        self.done[action.__name__[3:]] += 1
        action()
        settle(self.random.choice((0.01, 0.05, 0.2)))
        return action.__name__[3:]

    def faults(self):
        """Return what is not as it was: names of the user's layers."""
        pairs = zip(self._users, self._hashes, strict=True)
        return [layer.name for layer, was in pairs if self._hash(layer) != was]

    # -- docks ----------------------------------------------------------------

    def open(self, name):
        if name not in self.docks:
            add = self.viewer.window.add_plugin_dock_widget
            self.docks[name] = add("napari-segen", name)[1]
        return self.docks[name]

    def close(self, name):
        dock = self.docks.pop(name)
        dock._job.cancel()
        end = time.monotonic() + STOP_SECONDS
        while dock._job.is_running and time.monotonic() < end:
            settle(0.02)
        self.viewer.window.remove_dock_widget(dock.native)

    def close_all(self):
        """Close every dock, and wait for the threads that they had."""
        for name in list(self.docks):
            self.close(name)
        end = time.monotonic() + STOP_SECONDS
        while job_threads() and time.monotonic() < end:
            settle(0.05)
        settle(0.5)
        gc.collect()

    def do_open(self):
        self.open(self.random.choice(DOCKS))

    def do_close(self):
        if self.docks and self.random.random() < 0.4:
            self.close(self.random.choice(list(self.docks)))

    # -- the user's hand ------------------------------------------------------

    def _strokes(self):
        layers = self.viewer.layers
        return [x for x in layers if isinstance(x, Labels) and MARK not in x.metadata]

    def do_paint(self):
        for layer in self._strokes()[:1]:
            layer.selected_label = self.random.choice((0, 1, 2, 3))
            for _ in range(3):
                spot = [self.random.uniform(0, n - 1) for n in layer.data.shape]
                layer.paint(spot, layer.selected_label)

    def do_undo(self):
        for layer in self._strokes():
            self.random.choice((layer.undo, layer.redo))()

    def do_view(self):
        camera = self.viewer.scene.camera
        camera.zoom = self.random.choice((0.5, 1, 2, 5))
        camera.center = (0, self.random.uniform(0, 96), self.random.uniform(0, 128))

    def do_switch(self):
        self.viewer.layers.selection.active = self.random.choice(self.viewer.layers)

    def do_delete(self):
        if (labels := self._strokes()) and self.random.random() < 0.3:
            self.viewer.layers.remove(self.random.choice(labels))

    def do_hide(self):
        layer = self.random.choice(self.viewer.layers)
        layer.visible = not layer.visible

    # -- buttons --------------------------------------------------------------

    def do_new_strokes(self):
        if (dock := self.docks.get(PROBABILISTIC)) and len(self._strokes()) < 3:
            dock._new_strokes.button.click()

    def do_choose_image(self):
        for name in (PROBABILISTIC, GENERATOR):
            if dock := self.docks.get(name):
                dock._image.value = self.random.choice(self._users)

    def do_method(self):
        if dock := self.docks.get(PROBABILISTIC):
            dock._method.choice.value = self.random.choice(
                ("auto", "bayes", "softmax", "forest", "mixture")
            )

    def do_run(self):
        if dock := self.docks.get(PROBABILISTIC):
            dock._run.button.click()

    def do_live(self):
        if dock := self.docks.get(PROBABILISTIC):
            dock._live.bar._switch.click()

    def do_guide(self):
        if dock := self.docks.get(PROBABILISTIC):
            dock._guide._next.button.click()
            dock._guide.explaining.button.click()

    def do_find(self):
        if dock := self.docks.get(OBJECTS):
            dock._finding.preview.value = self.random.random() < 0.5
            dock._find.button.click()

    def do_compare(self):
        if (dock := self.docks.get(COMPARE)) and len(dock._first.choices) > 2:
            layers = [x for x in dock._first.choices if x is not None]
            dock._first.value, dock._second.value = self.random.sample(layers, 2)
            dock._compare.button.click()

    def do_generate(self):
        if dock := self.docks.get(GENERATOR):
            made = [x for x in self.viewer.layers if isinstance(x, Image)]
            names = [n for n in dock._form.method.choice.choices if n in UNTRAINED]
            if names and len(made) < 12:
                dock._form.method.choice.value = self.random.choice(names)
                dock._form.size.value = "64, 64"
                dock._generate.button.click()

    def do_cancel(self):
        for dock in self.docks.values():
            if self.random.random() < 0.5:
                dock._job.cancel()

    def do_save(self):
        dock = self.docks.get(PROBABILISTIC)
        if dock and not dock._why_no_model():
            dock.save_model(self.folder / "kept.segen")

    def do_load(self):
        path = self.folder / "kept.segen"
        names = [n for n in (PROBABILISTIC, FOLDER) if n in self.docks]
        for name in names if path.exists() else ():
            if not (dock := self.docks[name])._why_busy():
                with suppress(ValueError):
                    dock.load_model(path)
