"""Generators of steps that stand for real work; also run in child processes."""

import time
import warnings
from functools import partial

import numpy as np

from napari_segen.core.errors import DataWarning, MissingBackend
from napari_segen.core.labels import Segmentation
from napari_segen.core.steps import FINISH, Step
from napari_segen.widgets.keras_child import KerasChild


def counting(n, pause=0.0):
    for i in range(n):
        time.sleep(pause)
        yield Step(i + 1, n, f"step {i + 1}", {"loss": 1 / (i + 1)})
    return n


def endless():
    while True:
        time.sleep(0.02)
        yield Step(0, 0, "working")


def until_finished():
    done = 0
    while True:
        time.sleep(0.01)
        done += 1
        if (yield Step(done, 0, "training", {"loss": 1 / done})) is FINISH:
            return "the best so far"


def deaf(seconds):
    yield Step(0, 0, "about to block")
    time.sleep(seconds)
    yield Step(1, 1, "awake again")
    return "too late"


def failing(error):
    yield Step(0, 1, "before")
    raise error


def warning():
    yield Step(0, 1, "before")
    warnings.warn("image 0 is constant.", DataWarning, stacklevel=1)
    yield Step(1, 1, "after")
    return "result"


def without_tensorflow():
    yield Step(0, 1, "importing")
    raise MissingBackend("Needs TensorFlow. Install it with: pip install tensorflow")


def no_warm_up():
    yield Step(1, 1, "ready")


class ElsewhereChild(KerasChild):
    """A real process that runs `function` whatever it is asked for."""

    def __init__(self, function):
        super().__init__(no_warm_up)
        self._function = function

    def run_steps(self, function, *args):
        return super().run_steps(self._function)


class HereChild(KerasChild):
    """Answers at once what a network would after training, without a process."""

    def __init__(self, wait=0):
        super().__init__(no_warm_up)
        self.wait = wait
        self.learnt_from = None

    def run_steps(self, function, *args):
        if not isinstance(function, partial):
            return (yield from function(*args))
        if len(args) == 3:
            return (yield from self._fitted(function, *args))
        return (yield from self._segmented(function.func.__self__, *args))

    def _fitted(self, function, model, image, labels):
        self.learnt_from = labels
        for i in range(self.wait):
            time.sleep(0.02)
            command = yield Step(i + 1, self.wait, "Training", {"loss": 1 / (i + 1)})
            if command is FINISH:
                break
        model.spec_ = function.keywords["spec"]
        model.classes_ = np.unique(labels[labels > 0]).astype(np.int64)
        model.weights_ = []
        model.n_steps_, model.note_ = self.wait, "stopped"
        return model

    def _segmented(self, model, image):
        yield Step(0, 1, "Applying")
        shape = model.spec_.label_shape(image.shape)
        k = len(model.classes_)
        posterior = np.full((k, *shape), 1 / k, np.float32)
        labels = np.full(shape, model.classes_[-1], np.uint8)
        return Segmentation(posterior, labels, np.ones(shape, np.float32))
