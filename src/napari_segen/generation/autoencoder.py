"""A small fully convolutional variational autoencoder.

The encoder gives mean and log variance of L numbers at each point of a grid that is
``2**levels`` times coarser than the image; the decoder makes the image from them.
Loss of a patch of P pixels (Kingma and Welling 2014, with the Gaussian's variance at
its optimum as in Rybkin et al. 2021)::

    sum_c 1/2 log(mean squared error of channel c)
        + weight / P * sum 1/2 (mean^2 + variance - log variance - 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from napari_segen.cnn.backend import keras, set_weights, tensorflow
from napari_segen.core.imagespec import Array

# Grid points from which a decoded or encoded point can still see a border: each
# stack reaches under 4 (two 3x3 convolutions, and less than 2 for the 4x4 ones).
HALO = 4
_LEAST_ERROR = 1e-4
_LOG_VARIANCE_LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution; ``up`` doubles the resolution, ``down`` halves it."""

    kind: Literal["same", "down", "up"]
    kernel: int
    n_in: int
    n_out: int
    is_linear: bool = False

    @property
    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the kernel and the bias, as Keras stores them."""
        ends = (self.n_in, self.n_out)
        if self.kind == "up":
            ends = (self.n_out, self.n_in)
        return [(self.kernel, self.kernel, *ends), (self.n_out,)]

    def initial(self, rng: np.random.Generator) -> list[Array]:
        """Draw weights that keep the variance of what goes through (He 2015)."""
        inputs = self.kernel**2 * self.n_in / (4 if self.kind == "up" else 1)
        std = np.sqrt((1 if self.is_linear else 2) / inputs)
        kernel, bias = self.weight_shapes
        values = std * rng.standard_normal(kernel)
        return [values.astype(np.float32), np.zeros(bias, np.float32)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the autoencoder is built from.

    Parameters
    ----------
    n_channels : int
        Image and label channels together.
    width, levels, latent : int
        Filters of the first layer, halvings, numbers at each grid point.
    """

    n_channels: int
    width: int
    levels: int
    latent: int

    @property
    def stride(self) -> int:
        """Pixels between grid points."""
        return int(2**self.levels)

    def widths(self) -> list[int]:
        """Return the filters at each level, from fine to coarse."""
        return [self.width * min(2**i, 4) for i in range(self.levels)]

    def encoder(self) -> list[Layer]:
        """Layers from image to mean and log variance."""
        w = self.widths()
        ends = [self.n_channels, *w]
        down = [Layer("down", 4, a, b) for a, b in zip(ends, w, strict=False)]
        return [
            *down,
            Layer("same", 3, w[-1], w[-1]),
            Layer("same", 1, w[-1], 2 * self.latent, is_linear=True),
        ]

    def decoder(self) -> list[Layer]:
        """Layers from the grid to the image."""
        w = self.widths()
        outs = [*w[::-1][1:], self.n_channels]
        up = [
            Layer("up", 4, a, b, is_linear=i == self.levels - 1)
            for i, (a, b) in enumerate(zip(w[::-1], outs, strict=True))
        ]
        return [
            Layer("same", 3, self.latent, w[-1]),
            Layer("same", 3, w[-1], w[-1]),
            *up,
        ]


def weight_shapes(layers: list[Layer]) -> list[tuple[int, ...]]:
    """Shapes of all weights of a stack, without building it."""
    return [shape for layer in layers for shape in layer.weight_shapes]


def stored_weights(
    name: str, layers: list[Layer], arrays: Mapping[str, Array]
) -> list[Array]:
    """Take the weights of a stack from a model file's arrays."""
    shapes = weight_shapes(layers)
    weights = [arrays[f"{name}_{i}"].astype(np.float32) for i in range(len(shapes))]
    if [w.shape for w in weights] != shapes:
        raise ValueError(f"the {name}'s weights have other shapes than its layers.")
    if not all(np.isfinite(w).all() for w in weights):
        raise ValueError(f"the {name}'s weights are not all finite.")
    return weights


def build(layers: list[Layer], weights: list[Array] | None = None) -> Any:
    """Build a stack of layers as a Keras model."""
    k = keras()
    model = k.Sequential([k.Input((None, None, layers[0].n_in))])
    for layer in layers:
        make = k.layers.Conv2DTranspose if layer.kind == "up" else k.layers.Conv2D
        model.add(
            make(
                layer.n_out,
                layer.kernel,
                strides=1 if layer.kind == "same" else 2,
                padding="same",
                activation=None if layer.is_linear else "relu",
            )
        )
    if weights is not None:
        set_weights(model, weights)
    return model


def losses(
    encoder: Any, decoder: Any, x: Any, seen: Any, noise: Any, margin: int
) -> tuple[Any, Any, Any]:
    """Return the terms of the loss of a batch of patches.

    Parameters
    ----------
    encoder, decoder : Keras models
    x : tensor of shape (B, P, P, C)
    seen : tensor of shape (B, P, P, 1)
        0 where a pixel has no data, else 1.
    noise : tensor of shape (B, P / stride, P / stride, L)
        Standard normal numbers.
    margin : int
        Pixels at the patches' borders that are not compared.

    Returns
    -------
    log_error, squared_error, divergence : scalar tensors
        Per pixel; the divergence in nats.
    """
    tf = tensorflow()
    mean, log_variance = split(encoder(x, training=True))
    y = decoder(mean + tf.exp(log_variance / 2) * noise, training=True)
    inner = slice(margin, x.shape[1] - margin)
    weight = seen[:, inner, inner]
    squares = weight * tf.square(y - x)[:, inner, inner]
    error = tf.reduce_sum(squares, (0, 1, 2)) / tf.maximum(tf.reduce_sum(weight), 1.0)
    nats = tf.square(mean) + tf.exp(log_variance) - log_variance - 1
    divergence = tf.reduce_sum(nats) / (2.0 * np.float32(np.prod(x.shape[:3])))
    log_error = tf.reduce_sum(tf.math.log(error + _LEAST_ERROR)) / 2
    return log_error, tf.reduce_mean(error), divergence


def split(encoded: Any) -> tuple[Any, Any]:
    """Mean and log variance from the encoder's output."""
    tf = tensorflow()
    mean, log_variance = tf.split(encoded, 2, axis=-1)
    limit = _LOG_VARIANCE_LIMIT
    return mean, tf.clip_by_value(log_variance, -limit, limit)
