"""Reading a network's model file: nothing in it is believed before it is checked."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.calibration import LIMITS
from napari_segen.cnn.holdout import LEAST_HELD
from napari_segen.cnn.network import Network
from napari_segen.cnn.precision import PRECISIONS
from napari_segen.cnn.record import HISTORY_KEYS, History
from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization

MAX_LOOKS = 1_000_000


# What the first files called the U-Net's `norm`.
_NORM = {"on": "batch", "off": "none"}


def current_params(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network's parameters under today's names."""
    # The first files also had those that were given, which could leave things open.
    params = dict(header.get("settled_params", header["params"]))
    if "batch_norm" in params:
        params["norm"] = _NORM[params.pop("batch_norm")]
    return params


def weight_name(i: int) -> str:
    """Name the array of weight `i` in a model file."""
    return f"weights_{i:03d}"


def whole_number(value: Any, least: int = 1) -> int:
    """Return `value` if it is a whole number from `least` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"expected a whole number from {least} on, got {value!r}.")
    return value


def checked_weights(network: Network, arrays: Mapping[str, Array]) -> Weights:
    """Take the weights from the arrays of a model file, if they fit the network."""
    shapes = network.weight_shapes()
    if set(arrays) != {weight_name(i) for i in range(len(shapes))}:
        raise ValueError("the arrays are not the network's weights.")
    weights = [arrays[weight_name(i)] for i in range(len(shapes))]
    for w, shape in zip(weights, shapes, strict=True):
        if w.shape != shape or w.dtype != np.float32 or not np.isfinite(w).all():
            raise ValueError(f"weights of shape {w.shape} do not fit the network.")
    return weights


def checked_scale(scale: Normalization, n_channels: int) -> Normalization:
    """Return `scale` if it fits the channels."""
    for values in (scale.low, scale.span, scale.least_span):
        if values.shape != (n_channels,) or not np.isfinite(values).all():
            raise ValueError("the normalisation does not fit the channels.")
    return scale


def checked_history(history: Mapping[str, Any]) -> History:
    """Return the training curves if they are a table of numbers."""
    if not all(isinstance(history[key], list) for key in HISTORY_KEYS):
        raise ValueError("the history is not a table.")
    columns = {key: list(history[key]) for key in HISTORY_KEYS}
    lengths = {len(c) for c in columns.values()}
    if len(lengths) != 1 or max(lengths) > MAX_LOOKS:
        raise ValueError("the history is not a table, or too long.")
    for key, column in columns.items():
        may_miss = key.startswith("val_")
        if not all(is_number(v) or (v is None and may_miss) for v in column):
            raise ValueError(f"the history's {key} are not all numbers.")
    return columns


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and math.isfinite(value)


def checked_temperature(value: Any) -> float:
    """Return `value` if logits can be divided by it."""
    low, high = LIMITS
    if not is_number(value) or not low <= value <= high:
        raise ValueError(f"the temperature is {value!r}.")
    return float(value)


def checked_precision(value: Any) -> str:
    """Return `value` if it names a precision to calculate in."""
    if value not in PRECISIONS[1:]:
        raise ValueError(f"the precision is {value!r}.")
    return str(value)


def checked_held_out(value: Any) -> dict[str, Any]:
    """Return what was held out, if it says so much and no more."""
    if set(value) != {"unit", "n", "of"} or value["unit"] not in LEAST_HELD:
        raise ValueError(f"what was held out is {value!r}.")
    n, of = whole_number(value["n"], 0), whole_number(value["of"], 0)
    return {"unit": value["unit"], "n": n, "of": of}
