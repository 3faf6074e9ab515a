"""Generators of steps that stand for real work; also run in child processes."""

import time
from functools import partial

import numpy as np

from napari_segen.core.doubts import doubt
from napari_segen.core.errors import MissingBackend
from napari_segen.core.labels import Segmentation
from napari_segen.core.provenance import provenance
from napari_segen.core.steps import FINISH, PAUSE, RESUME, Show, Step
from napari_segen.widgets.cnn.checkpoints import Checkpoint
from napari_segen.widgets.jobs.keras_child import KerasChild
from napari_segen.workflows.comparison import Comparison


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


def deaf(block):
    yield Step(0, 0, "about to block")
    block()
    yield Step(1, 1, "awake again")
    return "too late"


def failing(error):
    yield Step(0, 1, "before")
    raise error


def warning():
    yield Step(0, 1, "before")
    doubt("image 0 is constant.")
    yield Step(1, 1, "after")
    return "result"


def without_tensorflow():
    yield Step(0, 1, "importing")
    raise MissingBackend("Needs TensorFlow. Install it with: pip install tensorflow")


def no_warm_up():
    yield Step(1, 1, "ready")


def listening(heard):
    """Note every order, until told to finish."""
    order = None
    while order is not FINISH:
        time.sleep(0.005)
        order = yield Step(0, 0, "listening")
        heard += [] if order is None else [order]
    return len(heard)


def picturing():
    """Show something new, and then nothing new again and again."""
    figures = {"loss": 0.5}
    yield Step(0, 0, "a picture", figures, np.ones((2, 2), np.uint8))
    for _ in range(20):
        time.sleep(0.01)
        yield Step(0, 0, "a picture", figures)


class ElsewhereChild(KerasChild):
    """A real process that runs `function` whatever it is asked for."""

    def __init__(self, function):
        super().__init__(no_warm_up)
        self._function = function

    def run_steps(self, function, *args):
        return super().run_steps(self._function)


class HereChild(KerasChild):
    """Answers at once what a network would after training, without a process.

    Parameters
    ----------
    wait : int
        Steps of a training.
    """

    def __init__(self, wait=0):
        super().__init__(no_warm_up)
        self.wait = wait
        self.learnt_from = None
        self.options = {}
        self.orders = []
        self.error = None

    def run_steps(self, function, *args):
        if not isinstance(function, partial):
            return (yield from function(*args))
        if len(args) == 3:
            return (yield from self._fitted(function, *args))
        return (yield from self._segmented(function, *args))

    def _fitted(self, function, model, images, labels):
        self.learnt_from, self.options = labels, function.keywords
        if self.error is not None:
            yield Step(0, 0, "Building the network")
            raise self.error
        if "checkpoint" in self.options:
            self.options["checkpoint"].write_bytes(b"half a model")
        for i in range(self.wait):
            time.sleep(0.02)
            figures = {"step": i + 1, "seconds": i / 50, "loss": 1 / (i + 1)}
            order = yield Step(i + 1, self.wait, "Training", figures)
            if (yield from self._obey(order, labels)):
                break
        model.spec_ = self.options["spec"]
        found = np.unique(np.concatenate([x[x > 0] for x in labels]))
        model.classes_ = found.astype(np.int64)
        model.weights_ = []
        model.n_steps_, model.note_ = self.wait, "stopped"
        model.provenance_ = provenance(images, labels)
        model.history_ = {"step": [1], "seconds": [0.1], "loss": [0.5]}
        return model

    def _obey(self, order, labels):
        """Do what is ordered, and what is ordered meanwhile; return whether to stop."""
        is_paused = False
        while order is not None or is_paused:
            if order is not None:
                self.orders.append(order)
            if order is FINISH:
                return True
            is_paused = order is PAUSE or (is_paused and order is not RESUME)
            picture = None
            if isinstance(order, Show):
                shape = [w.stop - w.start for w in order.window]
                picture = np.full(shape, labels[order.pair].max(), np.uint8)
            time.sleep(0.02)
            text = "Paused" if is_paused else "Training"
            order = yield Step(0, 0, text, picture=picture)
        return False

    def _segmented(self, function, image):
        yield Step(0, 1, "Applying")
        model, spec = function.func.__self__, function.keywords["spec"]
        self.options = function.keywords
        shape = spec.label_shape(image.shape)
        k = len(model.classes_)
        posterior = np.full((k, *shape), 1 / k, np.float32)
        labels = np.full(shape, model.classes_[-1], np.uint8)
        return Segmentation(posterior, labels, np.ones(shape, np.float32))


def comparing(model, images, labels, *, spec, unlabelled):
    """Stand for `comparison_steps`: the network is worse."""
    yield Step(0, 1, "Comparing")
    return Comparison(0.71, 0.86, "softmax", 6, "blocks")


def comparing_forever(*args, **more):
    yield from endless()


def checkpoint(path):
    """Stand for what an interrupted training left."""
    return Checkpoint(path, 12, 0.0)
