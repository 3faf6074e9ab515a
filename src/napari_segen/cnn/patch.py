"""The textbook network: convolution, activation, pooling; a label for one pixel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from napari_segen.cnn import backend
from napari_segen.cnn.backend import UNDRAWN, Weights
from napari_segen.cnn.network import Network, Shape
from napari_segen.cnn.precision import layer_policy
from napari_segen.core.parameters import check_params, choice, span

POOL_PX = 2


@dataclass(frozen=True, slots=True)
class PatchParams:
    """How the textbook network is laid out."""

    filters: tuple[int, ...] = field(
        default=(32, 64, 128),
        metadata=span(
            1, 1024, "Filters of each convolution; each is followed by a pooling."
        ),
    )
    kernel_size: int = field(
        default=3, metadata=span(1, 15, "Side of the convolution kernels in pixels.")
    )
    activation: str = field(
        default="relu",
        metadata=choice(
            ("relu", "sigmoid", "tanh"),
            "Bend after each convolution; relu learns fastest.",
        ),
    )
    pooling: str = field(
        default="max",
        metadata=choice(
            ("max", "average"),
            "How 2 x 2 pixels become one: the strongest answer, or the mean.",
        ),
    )
    dense_units: int = field(
        default=512,
        metadata=span(1, 4096, "Units of the dense layer before the classes."),
    )

    def __post_init__(self) -> None:
        check_params(self)
        if len(self.filters) > 6:
            raise ValueError(f"filters has at most 6 entries, got {self.filters!r}.")


class PatchNetwork(Network):
    """Label a patch's centre pixel, the one with index ``patch_px // 2``.

    The dense pass gives every pixel of an image the same answer as its own patch
    would, at a fraction of the cost: pooling moves by one pixel instead of two, and
    what comes after it leaves out every second pixel (dilation doubles at each
    pooling). The weights are the same, reshaped.
    """

    Params = PatchParams
    title = "Textbook CNN (patches)"
    summary = (
        "Convolution, activation and pooling, then dense layers: looks at a small "
        "square around a pixel and labels the pixel. Simple and well understood; "
        "coarser than the U-Net."
    )
    default_patch_px = 32
    default_batch_size = 64
    tile_shape = (128, 128)
    answer_shape = (1, 1)
    multiple = (1, 1)
    params: PatchParams

    @property
    def answer_start(self) -> Shape:
        """Index of the centre pixel."""
        return (self.patch_px // 2,) * 2

    @property
    def initial_gain(self) -> float:  # type: ignore[override]
        """Variance of the initial kernels, times their inputs."""
        return 2.0 if self.params.activation == "relu" else 1.0

    @property
    def final_px(self) -> int:
        """Side of the feature map that is flattened; 0 or less: patch too small."""
        side = self.patch_px
        for _ in self.params.filters:
            side = (side - self.params.kernel_size + 1) // POOL_PX
        return side

    @property
    def seen_px(self) -> int:
        """Side of the part of the patch that matters: pooling drops odd rests."""
        stride: int = POOL_PX ** len(self.params.filters)
        return 1 + (self.final_px - 1) * stride + self.params.kernel_size * (stride - 1)

    @property
    def halo(self) -> tuple[tuple[int, int], ...]:
        """Pixels before and after a tile."""
        before = self.patch_px // 2
        return ((before, max(0, self.seen_px - 1 - before)),) * 2

    @property
    def bytes_per_px(self) -> int:
        """Input, the widest layer before and after its bend, logits and posterior."""
        widest = max(*self.params.filters, self.params.dense_units)
        return 4 * (2 * self.n_channels + 3 * widest + 3 * self.n_classes)

    def _check_patch(self) -> None:
        if self.final_px < 1:
            raise ValueError(
                f"patch_px={self.patch_px} is too small for {len(self.params.filters)} "
                f"convolutions of {self.params.kernel_size} pixels with pooling. "
                "Choose larger patches or fewer filters."
            )

    def weight_shapes(self) -> list[Shape]:
        """Shapes of kernels and biases, layer by layer."""
        p = self.params
        shapes: list[Shape] = []
        for before, after in pairwise((self.n_channels, *p.filters)):
            shapes += [(p.kernel_size, p.kernel_size, before, after), (after,)]
        flat = self.final_px**2 * p.filters[-1]
        shapes += [(flat, p.dense_units), (p.dense_units,)]
        return [*shapes, (p.dense_units, self.n_classes), (self.n_classes,)]

    def build(self, precision: str = "float32") -> Any:
        """Make the Keras model: ``(B, patch_px, patch_px, C)`` to ``(B, 1, 1, K)``."""
        keras, p, policy = backend.keras(), self.params, layer_policy(precision)
        pool = {
            "max": keras.layers.MaxPooling2D,
            "average": keras.layers.AveragePooling2D,
        }[p.pooling]
        inputs = keras.Input((self.patch_px, self.patch_px, self.n_channels))
        x = inputs
        for n in p.filters:
            x = keras.layers.Conv2D(
                n, p.kernel_size, activation=p.activation, dtype=policy, **UNDRAWN
            )(x)
            x = pool(POOL_PX, dtype=policy)(x)
        x = keras.layers.Flatten(dtype=policy)(x)
        x = keras.layers.Dense(
            p.dense_units, activation=p.activation, dtype=policy, **UNDRAWN
        )(x)
        x = keras.layers.Dense(self.n_classes, dtype="float32", **UNDRAWN)(x)
        return keras.Model(inputs, keras.layers.Reshape((1, 1, self.n_classes))(x))

    def plain(self) -> Any:
        """Make the dense pass of `logits` with zeros around the image."""
        keras, p = backend.keras(), self.params
        layers = keras.layers
        inputs = keras.Input((None, None, self.n_channels))
        x = layers.ZeroPadding2D(self.halo)(inputs)
        join = {"max": layers.Maximum, "average": layers.Average}[p.pooling]
        dilation = 1
        for n in p.filters:
            x = layers.Conv2D(n, p.kernel_size, dilation_rate=dilation, **UNDRAWN)(x)
            x = layers.Activation(p.activation)(x)
            for rows, columns in ((dilation, 0), (0, dilation)):
                here = layers.Cropping2D(((0, rows), (0, columns)))(x)
                further = layers.Cropping2D(((rows, 0), (columns, 0)))(x)
                x = join()([here, further])
            dilation *= POOL_PX
        x = layers.Conv2D(
            p.dense_units, self.final_px, dilation_rate=dilation, **UNDRAWN
        )(x)
        x = layers.Activation(p.activation)(x)
        x = layers.Conv2D(self.n_classes, 1, **UNDRAWN)(x)
        rest = max(0, self.patch_px // 2 - (self.seen_px - 1))
        return keras.Model(inputs, layers.Cropping2D(((0, rest), (0, rest)))(x))

    def logits(self, x: Any, weights: Sequence[Any]) -> Any:
        """Label every pixel of tiles at once."""
        tf = backend.tensorflow()
        inner = tf.shape(x)[1:3] - np.sum(self.halo, axis=1)
        kernels, biases = weights[0::2], weights[1::2]
        bend = getattr(tf.nn, self.params.activation)
        dilation = 1
        for kernel, bias in zip(kernels[:-2], biases[:-2], strict=True):
            x = bend(tf.nn.conv2d(x, kernel, 1, "VALID", dilations=dilation) + bias)
            x = self._pooled(tf, x, dilation)
            dilation *= POOL_PX
        x = tf.nn.conv2d(x, kernels[-2], 1, "VALID", dilations=dilation)
        x = tf.cast(bend(x + biases[-2]), tf.float32)
        x = tf.nn.conv2d(x, kernels[-1], 1, "VALID")
        # A patch whose last pixels no pooling reaches leaves more than the tile.
        return (x + biases[-1])[:, : inner[0], : inner[1]]

    def merged(self, weights: Weights) -> Weights:
        """Reshape the dense layers' kernels to those of convolutions."""
        *convolutions, hidden, hidden_bias, last, last_bias = weights
        side, n = self.final_px, self.params.filters[-1]
        return [
            *convolutions,
            hidden.reshape(side, side, n, -1),
            hidden_bias,
            last[np.newaxis, np.newaxis],
            last_bias,
        ]

    def _pooled(self, tf: Any, x: Any, dilation: int) -> Any:
        """Pool each pixel with its neighbours `dilation` further down and right."""
        down = x[:, :-dilation], x[:, dilation:]
        if self.params.pooling == "max":
            x = tf.maximum(*down)
            return tf.maximum(x[:, :, :-dilation], x[:, :, dilation:])
        x = (down[0] + down[1]) / 2
        return (x[:, :, :-dilation] + x[:, :, dilation:]) / 2
