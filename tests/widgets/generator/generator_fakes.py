"""Generators of images that stand for trained ones; they learn at once, or never."""

import time

import numpy as np
from tests.widgets import fakes

from napari_segen import ImageGenerator
from napari_segen.core.steps import FINISH, Step

PAUSE = 0.0
FAILS_AT = None


class PlainChild(fakes.HereChild):
    """Runs whatever it is asked for, in this process."""

    def run_steps(self, function, *args):
        return (yield from function(*args))


class Learnt(ImageGenerator):
    """Makes transformed copies, but says that it is a trained flow."""

    waits = 0

    def fit_steps(self, images, labels=None, **options):
        yield from ImageGenerator.fit_steps(self, images, labels, **options)
        i = 0
        while True:
            i += 1
            time.sleep(0.01)
            figures = {"step": i, "seconds": i / 100, "loss": 1 / i}
            order = yield Step(i, 3, "Training", figures)
            if order is FINISH or (i >= 3 and not self.waits):
                break
        self.method = "flow"
        return self

    @property
    def can_paint(self):
        return True

    def generate_steps(self, n, shape, seed, *, first=0):
        yield from _waiting(first)
        return (
            yield from self._as_transform().generate_steps(n, shape, seed, first=first)
        )

    def generate_pairs_steps(self, n, shape, seed, *, first=0):
        yield from _waiting(first)
        return (
            yield from self._as_transform().generate_pairs_steps(
                n, shape, seed, first=first
            )
        )

    def from_labels_steps(self, labels, seed, *, first=0):
        yield from _waiting(first)
        return np.asarray(labels).astype(self.values_.low.dtype)

    def recipe_from_labels(self, labels, seed):
        return self.recipe(1, labels.shape, seed)

    def _as_transform(self):
        plain = ImageGenerator("transform")
        plain.__dict__.update(self.__dict__, method="transform")
        return plain


class Counted(ImageGenerator):
    """Knows how often it was sent to another process, and used there."""

    n_sent, n_used = 0, 0

    def __getstate__(self):
        self.n_sent += 1
        return {**self.__dict__, "n_used": 0}


def using(model):
    yield Step(0, 1, "using")
    model.n_used += 1
    return model.n_used


def _waiting(first):
    if first == FAILS_AT:
        raise MemoryError("no room")
    end = time.monotonic() + PAUSE
    while time.monotonic() < end:
        time.sleep(0.005)
        yield Step(0, 0, "working")


def fresh():
    return Learnt("transform")


def endless():
    model = Learnt("transform")
    model.waits = 1
    return model
