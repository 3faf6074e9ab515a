"""A user who does anything, in any order, in a real napari."""

import gc
import hashlib
import random
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from tests.scale.fields import field
from tests.soak.buttons import DOCKS, Buttons
from tests.soak.hand import Hand
from tests.soak.watch import job_threads, settle, wait_until

import napari_segen as ns
from napari_segen.workflows.files import write_tiff

# Of the images here one is larger.
HUGE_PIXELS = 20_000


@contextmanager
def surroundings(folder):
    """Let the larger image count as huge, and answer what would be asked in dialogs."""
    changes = {
        "napari_segen.widgets.layers.MOST_PIXELS": HUGE_PIXELS,
        "napari_segen.probabilistic.lazyframe.WHOLE_BYTES": 0,
        "napari_segen.widgets.huge.runs.where_to_write": lambda *_: str(folder),
        "napari_segen.widgets.jobs.closing._says_yes": lambda *_: True,
    }
    with ExitStack() as stack:
        for what, value in changes.items():
            stack.enter_context(patch(what, value))
        yield


class Session(Hand, Buttons):
    """Random actions on one viewer; what went wrong is told by `faults`.

    Parameters
    ----------
    viewer : napari.Viewer
    folder : Path
        Gets what is written.
    seed : int
    tag : str
        In the names of all layers of the user's: tells two viewers' layers apart.
    without : collection of str
        Actions that are left out.
    """

    def __init__(self, viewer, folder, seed, tag="", without=()):
        self.viewer, self.folder, self.tag = viewer, Path(folder), tag
        self.random = random.Random(seed)
        self.docks = {}
        self.done, self.closed_at_work = Counter(), Counter()
        self._add_layers(np.random.default_rng(seed))
        self._hashes = [self._hash(layer) for layer in self._users]
        self._write_files()
        left_out = {f"do_{name}" for name in without}
        names = [n for n in dir(self) if n.startswith("do_") and n not in left_out]
        self._actions = [getattr(self, name) for name in names]

    def _add_layers(self, noise):
        image, truth = field(int(noise.integers(99)), (96, 128), 6)
        color = np.stack([image, image[::-1], image // 2], -1)
        holes = image.astype(np.float32)
        holes[:8] = np.nan
        slide = np.tile(image, (2, 2))
        add, tag = self.viewer.add_image, self.tag
        self.slide = add(slide, name=f"{tag}slide")
        self.cells = add(image, name=f"{tag}cells")
        self.masks = self.viewer.add_labels(truth, name=f"{tag}masks")
        self._users = [
            self.slide,
            self.cells,
            self.masks,
            add(np.stack([image, image[::-1], image]), name=f"{tag}stack"),
            add(color, name=f"{tag}tissue", rgb=True),
            add(holes, name=f"{tag}holes"),
        ]

    def _write_files(self):
        self.folder.mkdir(exist_ok=True)
        self.images_path = self.folder / "images"
        self.images_path.mkdir()
        for i in range(2):
            write_tiff(self.images_path / f"{i}.tif", field(i)[0], ns.ImageSpec("yx"))
        self.model_path = self.folder / "given.segen"
        image, truth = field(0)
        model = ns.ProbabilisticSegmenter("bayes", sigmas=(1.0,), smoothing=0)
        model.fit(image, (truth > 0) + np.uint8(1)).save(self.model_path)

    @staticmethod
    def _hash(layer):
        return hashlib.sha256(np.ascontiguousarray(layer.data)).hexdigest()

    def act(self):
        """Do one thing, and give Qt some time for it; returns its name."""
        action = self.random.choice(self._actions)
        name = action.__name__.removeprefix("do_")
        self.done[name] += 1
        action()
        self.remove_surplus()
        settle(self.random.choice((0.01, 0.05, 0.2)))
        return name

    def faults(self):
        """Return what is not as it was: names of the user's layers."""
        pairs = zip(self._users, self._hashes, strict=True)
        return [layer.name for layer, was in pairs if self._hash(layer) != was]

    # -- docks ----------------------------------------------------------------

    def open(self, name):
        """Open a dock, or return the one that is open."""
        if name not in self.docks:
            add = self.viewer.window.add_plugin_dock_widget
            self.docks[name] = add("napari-segen", name)[1]
        return self.docks[name]

    def begin(self):
        """Open every dock."""
        for name in DOCKS:
            self.open(name)

    def close(self, name):
        """Close a dock as its X does, whatever runs in it."""
        dock = self.docks.pop(name)
        self.closed_at_work[name] += dock._job.is_running
        parent = dock.native.parent()
        while not hasattr(parent, "destroyOnClose"):
            parent = parent.parent()
        parent.destroyOnClose()

    def close_all(self):
        """Close every dock, and wait for the threads that they had."""
        for name in list(self.docks):
            self.close(name)
        wait_until(lambda: not job_threads())
        settle(0.5)
        gc.collect()

    def tidy(self):
        """Close every dock and remove all but the user's layers: to compare memory."""
        self.close_all()
        for layer in self._removable():
            self.viewer.layers.remove(layer)
        settle(0.5)
        gc.collect()

    def do_open(self):
        if closed := [n for n in DOCKS if n not in self.docks]:
            self.open(self.random.choice(closed))

    def do_close(self):
        if self.docks and self.random.random() < 0.3:
            self.close(self.random.choice(list(self.docks)))

    def do_close_at_work(self):
        at_work = [n for n, dock in self.docks.items() if dock._job.is_running]
        if at_work and self.random.random() < 0.5:
            self.close(self.random.choice(at_work))
