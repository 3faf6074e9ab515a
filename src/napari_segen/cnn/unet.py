"""A plain U-Net (Ronneberger et al. 2015) that works at half the resolution inside."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_segen.cnn import backend
from napari_segen.cnn.backend import UNDRAWN, Weights
from napari_segen.cnn.network import Network, Shape
from napari_segen.core.parameters import check_params, choice, span

# Keras' own 0.99 needs hundreds of steps before predictions follow the training.
NORM_MOMENTUM = 0.9
NORM_EPSILON = 1e-3


@dataclass(frozen=True, slots=True)
class UNetParams:
    """How the U-Net is laid out."""

    filters: int = field(
        default=32,
        metadata=span(
            4, 256, "Filters at the finest level; more can learn more, more slowly."
        ),
    )
    depth: int = field(
        default=3,
        metadata=span(
            1, 5, "Halvings of the resolution; deeper sees a wider surrounding."
        ),
    )
    batch_norm: str = field(
        default="auto",
        metadata=choice(
            ("auto", "on", "off"),
            "Normalise between the layers: learns masks in fewer steps, but "
            "generalises badly from strokes. auto: on for masks, off for strokes.",
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)


class UNet(Network):
    """Label all pixels of a patch, seeing fine detail and wide surroundings.

    A 4 x 4 convolution with stride 2 begins, a transposed one of 2 x 2 ends: the
    work is done at half the resolution, a quarter of the cost.
    """

    Params = UNetParams
    title = "U-Net"
    summary = (
        "Sees fine detail and wide surroundings at once and labels all pixels of a "
        "patch together. The best choice for most images."
    )
    default_patch_px = 128
    default_batch_size = 8
    tile_shape = (512, 512)
    answer_start = (0, 0)
    params: UNetParams

    @classmethod
    def settled(cls, params: UNetParams, *, from_strokes: bool) -> UNetParams:
        """Decide on batch normalisation, where that is left open."""
        if params.batch_norm != "auto":
            return params
        return replace(params, batch_norm="off" if from_strokes else "on")

    @property
    def _normalizes(self) -> bool:
        return bool(self.params.batch_norm == "on")

    @property
    def answer_shape(self) -> Shape:
        """The whole patch."""
        return self.patch_shape

    @property
    def multiple(self) -> Shape:
        """Side of the square of pixels that is one pixel at the coarsest level."""
        return (1 << (self.params.depth + 1),) * 2

    @property
    def halo(self) -> tuple[tuple[int, int], ...]:
        """Pixels before and after a tile: what any of its pixels depends on."""
        multiple = self.multiple[0]
        reach = [_reach(i, self.params.depth) for i in range(multiple)]
        far = max(max(i - low, high - i) for i, (low, high) in enumerate(reach))
        halo = -(-far // multiple) * multiple
        return ((halo, halo),) * 2

    @property
    def bytes_per_px(self) -> int:
        """Input, maps at half the resolution, logits and posterior."""
        maps = 6 * self.params.filters // 4
        return 4 * (2 * self.n_channels + maps + 3 * self.n_classes)

    def _check_patch(self) -> None:
        multiple = self.multiple[-1]
        if self.patch_px % multiple:
            nearest = max(1, round(self.patch_px / multiple)) * multiple
            raise ValueError(
                f"patch_px must be a multiple of {multiple} at "
                f"depth={self.params.depth}, got {self.patch_px}. "
                f"{nearest} is the nearest."
            )

    def weight_shapes(self) -> list[Shape]:
        """Shapes in the order of the layers."""
        f, depth = self.params.filters, self.params.depth
        shapes: list[Shape] = [(4, 4, self.n_channels, f), (f,)]
        n = f
        for level in range(depth + 1):
            shapes += self._block_shapes(n, f * 2**level)
            n = f * 2**level
        for level in reversed(range(depth)):
            m = f * 2**level
            shapes += [(2, 2, m, n), (m,), *self._block_shapes(2 * m, m)]
            n = m
        return [*shapes, (2, 2, self.n_classes, f), (self.n_classes,)]

    def _block_shapes(self, before: int, after: int) -> list[Shape]:
        per_channel: list[Shape] = [(after,)] * (4 if self._normalizes else 1)
        return [
            (3, 3, before, after),
            *per_channel,
            (3, 3, after, after),
            *per_channel,
        ]

    def build(self, precision: str = "float32") -> Any:
        """Make the Keras model: ``(B, H, W, C)`` to logits ``(B, H, W, K)``."""
        layers = backend.keras().layers
        f, depth = self.params.filters, self.params.depth
        inputs = backend.keras().Input((None, None, self.n_channels))
        x = layers.Conv2D(
            f, 4, strides=2, padding="same", activation="relu", **UNDRAWN
        )(inputs)
        skips = []
        for level in range(depth + 1):
            x = self._block(layers, x, f * 2**level)
            if level < depth:
                skips.append(x)
                x = layers.MaxPooling2D(2)(x)
        for level in reversed(range(depth)):
            x = layers.Conv2DTranspose(f * 2**level, 2, strides=2, **UNDRAWN)(x)
            x = layers.Concatenate()([skips.pop(), x])
            x = self._block(layers, x, f * 2**level)
        x = layers.Conv2DTranspose(self.n_classes, 2, strides=2, **UNDRAWN)(x)
        return backend.keras().Model(inputs, x)

    def _block(self, layers: Any, x: Any, filters: int) -> Any:
        norm = self._normalizes
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=not norm, **UNDRAWN)(
                x
            )
            if norm:
                x = layers.BatchNormalization(
                    momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON
                )(x)
            x = layers.ReLU()(x)
        return x

    def merged(self, weights: Weights) -> Weights:
        """Fold the batch normalisation into the convolutions before it."""
        if not self._normalizes:
            return weights
        merged, left = list(weights[:2]), list(weights[2:])
        while left:
            kernel = left.pop(0)
            n_outputs = kernel.shape[-1]
            if kernel.shape[:2] != (3, 3):  # transposed: it has a bias of its own
                merged += [kernel, left.pop(0)]
                continue
            gamma, beta, mean, variance = (left.pop(0) for _ in range(4))
            scale = gamma / np.sqrt(variance + NORM_EPSILON)
            merged += [kernel * scale, beta - mean * scale]
            assert len(scale) == n_outputs
        return merged

    def logits(self, x: Any, weights: Sequence[Any]) -> Any:
        """Label every pixel of tiles."""
        tf = backend.tensorflow()
        left = iter(weights)

        def block(x: Any) -> Any:
            for _ in range(2):
                x = tf.nn.conv2d(x, next(left), 1, "SAME")
                x = tf.nn.relu(tf.nn.bias_add(x, next(left)))
            return x

        def widened(x: Any) -> Any:
            kernel = next(left)
            b, h, w = tf.unstack(tf.shape(x)[:3])
            shape = (b, 2 * h, 2 * w, kernel.shape[2])
            x = tf.nn.conv2d_transpose(x, kernel, shape, 2, "VALID")
            return tf.nn.bias_add(x, next(left))

        x = tf.nn.conv2d(x, next(left), 2, "SAME")
        x = tf.nn.relu(tf.nn.bias_add(x, next(left)))
        skips = []
        for _ in range(self.params.depth):
            x = block(x)
            skips.append(x)
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = block(x)
        for skip in reversed(skips):
            x = block(tf.concat([skip, widened(x)], axis=-1))
        (top, bottom), (first, last) = self.halo
        return widened(x)[:, top:-bottom, first:-last]


def _reach(pixel: int, depth: int) -> tuple[int, int]:
    """First and last input pixel that an output pixel depends on, walking back."""
    low, high = pixel // 2, pixel // 2  # the last transposed convolution
    for _ in range(depth):
        # Two 3 x 3 convolutions, then the transposed one; skips reach less far.
        low, high = (low - 2) // 2, (high + 2) // 2
    for _ in range(depth):
        low, high = 2 * (low - 2), 2 * (high + 2) + 1
    # The finest level's two convolutions, then 4 x 4 with stride 2.
    return 2 * (low - 2) - 1, 2 * (high + 2) + 2
