"""Generators of steps for tests of `core.child`, importable by the child process."""

import os
import time
import warnings

import numpy as np

from napari_segen.core.doubts import doubt
from napari_segen.core.errors import ModelFileError
from napari_segen.core.steps import FINISH, Step


def counting(n, seconds=0.0):
    for i in range(n):
        time.sleep(seconds)
        yield Step(i, n, "counting", {"half": i / 2})
    return n


MOST_ROUNDS = 6000  # a minute


def until_finish():
    n = 0
    while (yield Step(n, 0, "waiting")) is not FINISH and n < MOST_ROUNDS:
        n += 1
        time.sleep(0.01)
    return n


def obeying():
    orders = []
    while FINISH not in orders:
        if (order := (yield Step(len(orders), 0, "listening"))) is not None:
            orders.append(order)
        time.sleep(0.01)
    return orders


def showing():
    yield Step(0, 1, "before")
    yield Step(0, 1, "showing", picture=np.arange(1, 4, dtype=np.uint8))
    time.sleep(0.3)
    yield Step(1, 1, "after")


HANG_SECONDS = 60


def hanging():
    yield Step(0, 0, "about to hang")
    time.sleep(HANG_SECONDS)


def dying(code):
    yield Step(0, 0, "about to die")
    os._exit(code)


def failing():
    yield Step(0, 1, "about to fail")
    raise ModelFileError("the file is damaged")


class Stubborn(Exception):
    """An error that cannot be pickled back."""

    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


def failing_oddly():
    yield Step(0, 1, "about to fail")
    raise Stubborn("very", "odd")


def raising(error):
    yield Step(0, 1, "about to fail")
    raise error("of the job's own")


def refusing():
    raise ValueError("at once")


def leaving():
    yield Step(0, 1, "about to leave")
    raise SystemExit(3)


def printing():
    print("this must not break the connection")
    yield Step(0, 1, "printed")
    return "printed"


def unsendable():
    yield Step(0, 1, "about to answer")
    return lambda: None


def negating(image):
    yield Step(0, 1, "negating")
    image *= -1
    return {"image": image, "flags": [np.array([True, False])]}


def warning():
    yield Step(0, 1, "about to warn")
    doubt("image is constant")
    warnings.warn("third-party noise", DeprecationWarning, stacklevel=1)
    return 1


def process_id():
    yield Step(0, 1, "asking")
    return os.getpid()


def immediately():
    return 5
    yield
