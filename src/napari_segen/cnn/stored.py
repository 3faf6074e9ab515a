"""Reading a network's model file: nothing in it is believed before it is checked."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.network import Network
from napari_segen.cnn.training import HISTORY_KEYS, History
from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization


def weight_name(i: int) -> str:
    """Name the array of weight `i` in a model file."""
    return f"weights_{i:03d}"


def whole_number(value: Any) -> int:
    """Return `value` if it is a whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"expected a whole number from 1 on, got {value!r}.")
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
    columns = {key: list(history[key]) for key in HISTORY_KEYS}
    if len({len(c) for c in columns.values()}) != 1 or not all(
        v is None or isinstance(v, int | float) for c in columns.values() for v in c
    ):
        raise ValueError("the history is not a table of numbers.")
    return columns
