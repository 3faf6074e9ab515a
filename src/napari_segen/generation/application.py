"""Applying the autoencoder's networks to arrays of any size, tile by tile."""

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_segen.cnn.backend import tensorflow
from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import tile_grid
from napari_segen.generation.autoencoder import HALO, split

_TILE_POINTS = 32


def as_function(model: Any, *, is_encoder: bool) -> Callable[[Array], Array]:
    """Make a function of arrays ``(H, W, C)`` from a Keras model."""
    tf = tensorflow()
    spec = tf.TensorSpec((1, None, None, model.input_shape[-1]), tf.float32)

    @tf.function(input_signature=[spec], autograph=False)  # type: ignore[untyped-decorator]
    def apply(x: Any) -> Any:
        y = model(x, training=False)
        return tf.concat(split(y), axis=-1) if is_encoder else y

    def on_array(array: Array) -> Array:
        result: Array = apply(array[np.newaxis].astype(np.float32)).numpy()[0]
        return result

    return on_array


def by_tiles(
    network: Callable[[Array], Array],
    array: Array,
    points: tuple[int, ...],
    stride_in: int,
    stride_out: int,
) -> Steps[Array]:
    """Apply a network by tiles of grid points with a halo; equals the whole."""
    tiles = list(tile_grid(points, (_TILE_POINTS,) * 2, (HALO,) * 2))
    result = None
    for i, tile in enumerate(tiles):
        yield Step(i, len(tiles), "Applying the network")
        part = network(array[_scaled(tile.padded, stride_in)])
        if result is None:
            size = tuple(n * stride_out for n in points)
            result = np.empty((*size, part.shape[-1]), np.float32)
        result[_scaled(tile.core, stride_out)] = part[_scaled(tile.inner, stride_out)]
    assert result is not None
    return result


def _scaled(box: tuple[slice, ...], factor: int) -> tuple[slice, ...]:
    return tuple(slice(s.start * factor, s.stop * factor) for s in box)
