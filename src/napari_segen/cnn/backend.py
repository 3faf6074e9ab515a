"""The only module that imports Keras and TensorFlow, and only when first asked to.

Everything else reaches them through the functions here, so that a missing package is
one clear message and the seconds of the import are spent where they are expected.
"""

import importlib
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.errors import MissingBackend
from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps

INSTALL_LINE = "python -m pip install tensorflow"

# Options of layers whose weights are set afterwards. Keras' default initialisers draw
# their seeds from Python's global generator, which belongs to the user.
UNDRAWN: dict[str, Any] = {"kernel_initializer": "zeros"}

CPU = "/CPU:0"

Weights = list[npt.NDArray[np.float32]]


def tensorflow() -> Any:
    """Import TensorFlow on first use (seconds), or say how to install it."""
    # Read once, when TensorFlow's library is loaded; errors still show.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    module = _import("tensorflow")
    for device in module.config.list_physical_devices("GPU"):
        # By default TensorFlow takes nearly all memory, and napari needs textures.
        # RuntimeError: the device is in use already, too late to change.
        with suppress(RuntimeError):
            module.config.experimental.set_memory_growth(device, True)
    return module


def limit_threads(n: int) -> None:
    """Let TensorFlow, if it has not been imported, calculate on `n` threads."""
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(n))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def keras() -> Any:
    """Import Keras on first use (seconds), or say how to install it.

    Raises
    ------
    MissingBackend
        Where Keras or TensorFlow is missing, or Keras runs on another backend.
    """
    tensorflow()
    module = _import("keras")
    name = module.backend.backend()
    if name != "tensorflow":
        raise MissingBackend(
            f"Keras is set to the backend {name!r}, but napari-segen's networks need "
            "'tensorflow'. Set the environment variable KERAS_BACKEND=tensorflow (or "
            "edit ~/.keras/keras.json) and start again."
        )
    return module


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as err:
        raise MissingBackend(
            f"Convolutional networks need {name}, which cannot be imported ({err}). "
            f"Install it with: {INSTALL_LINE}"
        ) from err


def has_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tensorflow().config.list_physical_devices("GPU"))


def memory_errors() -> tuple[type[Exception], ...]:
    """Return what is raised where memory runs out."""
    errors = tensorflow().errors
    if has_gpu():  # whose libraries say so in their own way
        return MemoryError, errors.ResourceExhaustedError, errors.InternalError
    return MemoryError, errors.ResourceExhaustedError


def get_weights(model: Any) -> Weights:
    """Return copies of a Keras model's weights, in the order of its layers."""
    return [np.array(w, dtype=np.float32) for w in model.get_weights()]


def set_weights(model: Any, weights: Sequence[Array]) -> None:
    """Give a Keras model its weights.

    Raises
    ------
    ValueError
        Where number or shapes are not the model's.
    """
    wanted = [tuple(w.shape) for w in model.weights]
    given = [tuple(np.shape(w)) for w in weights]
    if wanted != given:
        raise ValueError(f"weights must have shapes {wanted}, got {given}.")
    model.set_weights(list(weights))


def initial_weights(model: Any, seed: int, gain: float = 2.0) -> Weights:
    """Draw a model's initial weights from `seed` alone, whatever the global state.

    Kernels are normal with variance gain / number of inputs (He et al. 2015 for
    ``gain=2``); scales and variances are 1, all else 0.
    """
    rng = np.random.default_rng(seed)
    return [_initial(rng, w.path, tuple(w.shape), gain) for w in model.weights]


def _initial(
    rng: np.random.Generator, path: str, shape: tuple[int, ...], gain: float
) -> npt.NDArray[np.float32]:
    name = path.rsplit("/", 1)[-1]
    values = np.full(shape, name in ("gamma", "moving_variance"), np.float32)
    if name == "kernel":
        # A transposed convolution stores (height, width, outputs, inputs), and with
        # a stride of its kernel's size each output sees one pixel.
        n_inputs = shape[-1] if "transpose" in path else math.prod(shape[:-1])
        values[...] = math.sqrt(gain / n_inputs) * rng.standard_normal(shape)
    return values


def warm_up_steps() -> Steps[None]:
    """Import TensorFlow and run a first small convolution, so that later ones start."""
    yield Step(0, 2, "Starting TensorFlow")
    tf, _ = tensorflow(), keras()
    yield Step(1, 2, "Starting TensorFlow")
    image, kernel = tf.zeros((1, 16, 16, 1)), tf.Variable(tf.zeros((3, 3, 1, 4)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.nn.conv2d(image, kernel, 1, "SAME"))
    tape.gradient(loss, kernel)
    yield Step(2, 2, "TensorFlow is ready")
