"""Following a learnt velocity from noise to an image, tile by tile."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.cnn import backend
from napari_segen.cnn.backend import Weights
from napari_segen.cnn.network import Network
from napari_segen.cnn.precision import settle
from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import tile_grid
from napari_segen.generation.flow_path import N_TIME_MAPS, time_maps

Floats = npt.NDArray[np.float32]
Velocity = Callable[[Floats, float], Steps[Floats]]

# Pixels around an image that are made and cut off: near the border of a patch, the
# network knows less.
MARGIN = 16


def euler_steps(
    velocity_steps: Velocity, start: Floats, first: float, n: int
) -> Steps[Floats]:
    """Follow a velocity from time `first` to 1 by `n` equal steps of Euler's.

    Parameters
    ----------
    velocity_steps : callable
        From pixels and time to the pixels' velocity.
    start : float32 array
        Pixels at time `first`; not written to.
    """
    pixels = start
    length = (1 - first) / n
    for i in range(n):
        moved = yield from velocity_steps(pixels, first + i * length)
        pixels = pixels + np.float32(length) * moved
    return pixels


class FlowNetwork:
    """A trained network as the velocity of images of any size.

    Parameters
    ----------
    network : Network
    weights : list of array
    """

    def __init__(self, network: Network, weights: Weights) -> None:
        tf = backend.tensorflow()
        self._halo = tuple(max(h) for h in network.halo)
        self._tile = _TILES[network.ndim]
        model = network.build(settle("auto"))
        backend.set_weights(model, weights)
        n_kinds = network.n_channels - network.n_classes - N_TIME_MAPS

        def answer(pixels: Any, maps: Any, times: Any) -> Any:
            shape = tf.concat([tf.shape(pixels)[:-1], [N_TIME_MAPS]], 0)
            inputs = [pixels, maps, tf.broadcast_to(times, shape)]
            return model(tf.concat(inputs, -1)[tf.newaxis], training=False)[0]

        sides = (None,) * network.ndim
        widths = (network.n_classes, n_kinds)
        signature = [tf.TensorSpec((*sides, n), tf.float32) for n in widths]
        signature.append(tf.TensorSpec((N_TIME_MAPS,), tf.float32))
        self._answer = tf.function(
            answer, input_signature=signature, autograph=False
        ).get_concrete_function()
        self._constant = tf.constant

    def velocity_of(self, kinds: Array, maps_of: Callable[[Array], Floats]) -> Velocity:
        """Return the velocity where the kinds of the labels are ``(*S)``.

        `maps_of` makes maps ``(..., n_kinds)`` of them, tile by tile: many maps of a
        whole image would take more memory than anything else.
        """

        def velocity_steps(pixels: Floats, t: float) -> Steps[Floats]:
            velocity = np.empty_like(pixels)
            times = self._constant(time_maps(np.array(t)))
            tiles = list(tile_grid(pixels.shape[:-1], self._tile, self._halo))
            for i, tile in enumerate(tiles):
                yield Step(i, len(tiles), "Making an image")
                part = [pixels[tile.padded], maps_of(kinds[tile.padded])]
                found = self._answer(*map(self._constant, part), times).numpy()
                velocity[tile.core] = found[tile.inner]
            return velocity

        return velocity_steps


# Larger ones are faster and take longer until somebody may cancel.
_TILES = {2: (1024, 1024), 3: (64, 192, 192)}


def canvas_of(
    network: Network, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """Return the shape to make, and where in it the image of `shape` lies.

    It ends on the network's multiples, and holds at least one patch: the network has
    seen nothing smaller.
    """
    canvas, inner = [], []
    for n, patch, m in zip(shape, network.patch_shape, network.multiple, strict=True):
        # Along z a patch has fewer pixels, and the network sees less far.
        margin = -(-MARGIN * patch // network.patch_shape[-1] // m) * m
        size = max(n + 2 * margin, patch)
        canvas.append(-(-size // m) * m)
        inner.append(slice(margin, margin + n))
    return tuple(canvas), tuple(inner)


def continued(array: Array, canvas: tuple[int, ...], inner: tuple[slice, ...]) -> Array:
    """Put an array ``(*S, ...)`` on a canvas and go on by its mirror image."""
    pad = [(s.start, n - s.stop) for s, n in zip(inner, canvas, strict=True)]
    return np.pad(array, pad + [(0, 0)] * (array.ndim - len(pad)), mode="symmetric")
