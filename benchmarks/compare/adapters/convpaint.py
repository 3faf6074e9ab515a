"""Convpaint by its API, with its Gaussian features; the setting is their scalings."""

import os
import sys
from functools import partial
from types import ModuleType

import numpy as np
from protocol import Predict, arguments, serve_strokes

# Importing the API imports its widget, too.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# PyPI's torchvision is built for CUDA: beside a torch for the processor alone it fails
# to import, as its own operators are missing. The Gaussian features use none of them.
sys.modules["torchvision._meta_registrations"] = ModuleType("left_out")
from napari_convpaint.convpaint_model import ConvpaintModel  # noqa: E402

TASKS, OUT, SCALINGS = arguments()


def learn(image, strokes) -> Predict:
    model = ConvpaintModel(alias="gaussian")
    model.set_params(fe_scalings=[int(s) for s in SCALINGS.split()])
    if image.ndim == 3:
        model.set_params(channel_mode="rgb")
    model.train(channels_first(image), strokes)
    return partial(posterior, model)


def posterior(model, image) -> np.ndarray:
    return model.predict_probas(channels_first(image))


def channels_first(image: np.ndarray) -> np.ndarray:
    return np.moveaxis(image, -1, 0) if image.ndim == 3 else image


serve_strokes(learn, TASKS, OUT)
