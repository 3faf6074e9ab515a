"""StarDist trained from nothing, as in its example notebook, but for a given time.

The setting is the side of its patches and its learning rate.
"""

import tempfile
import time
from functools import partial

import numpy as np
from csbdeep.utils import normalize
from csbdeep.utils.tf import keras_import
from protocol import Predict, arguments, serve_objects
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D

TASKS, OUT, SETTING = arguments()
PATCH_PX, RATE = SETTING.split()
Callback = keras_import("callbacks", "Callback")
FOR_THE_CLOCK_TO_END, STEPS_PER_EPOCH = 10_000, 10


class Until(Callback):
    """Ends the training when the time is over, and counts its steps."""

    def __init__(self, end: float) -> None:
        super().__init__()
        self.end, self.steps = end, 0

    def on_train_batch_end(self, batch, logs=None) -> None:
        self.steps += 1
        if time.perf_counter() > self.end:
            self.model.stop_training = True


def scaled(image: np.ndarray) -> np.ndarray:
    return normalize(image, 1, 99.8)


def augmented(rng: np.random.Generator, image, ids):
    """Flips, turns, and other brightness and noise, as in the notebook."""
    turns, flip = rng.integers(4), rng.integers(2)
    image, ids = (np.rot90(a, turns) for a in (image, ids))
    if flip:
        image, ids = image[::-1], ids[::-1]
    image = image * rng.uniform(0.6, 2) + rng.uniform(-0.2, 0.2)
    return image + rng.normal(0, 0.02 * rng.uniform(), image.shape), ids


def train(images, ids, seconds, seed) -> tuple[Predict, int]:
    end = time.perf_counter() + seconds
    np.random.seed(seed)  # noqa: NPY002 (StarDist draws its patches from it)
    x, y = [scaled(i) for i in images], [fill_label_holes(i) for i in ids]
    n_held_out = max(1, round(0.15 * len(x)))
    config = Config2D(
        n_rays=32,
        grid=(2, 2),
        train_patch_size=(int(PATCH_PX), int(PATCH_PX)),
        train_learning_rate=float(RATE),
        train_epochs=FOR_THE_CLOCK_TO_END,
        train_steps_per_epoch=STEPS_PER_EPOCH,
        train_tensorboard=False,
    )
    model = StarDist2D(config, name="compared", basedir=tempfile.mkdtemp())
    model.prepare_for_training()
    until = Until(end)
    model.callbacks.append(until)
    held_out = x[:n_held_out], y[:n_held_out]
    model.train(
        x[n_held_out:],
        y[n_held_out:],
        validation_data=held_out,
        augmenter=partial(augmented, np.random.default_rng(seed)),
    )
    model.optimize_thresholds(*held_out)
    return lambda image: model.predict_instances(scaled(image))[0], until.steps


serve_objects(train, TASKS, OUT)
