"""A plain U-Net (Ronneberger et al. 2015) that works at half the resolution inside."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from napari_segen.cnn import backend
from napari_segen.cnn.backend import UNDRAWN, Weights
from napari_segen.cnn.network import Network, Shape
from napari_segen.cnn.precision import layer_policy
from napari_segen.cnn.standardized import standardized, standardized_convolution
from napari_segen.cnn.unet_reach import BLOCK_REACH, halo_along, margins, stem_kernel
from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, choice, span

# Keras' own 0.99 needs hundreds of steps before predictions follow the training.
NORM_MOMENTUM = 0.9
NORM_EPSILON = 1e-3
# How strong the first edges are: what varies in an image varies by less than 1.
EDGE_GAIN = np.float32(2)

NORMS = choice(
    ("weights", "batch", "none"),
    "What keeps the layers' answers in range. weights: the kernels are standardised; "
    "learns quickly from masks and strokes, costs nothing. batch: the answers of a "
    "batch are; weak on strokes. none: learns slowly.",
)


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
    norm: str = field(default="weights", metadata=NORMS)

    def __post_init__(self) -> None:
        check_params(self)


class UNet(Network):
    """Label all pixels of a patch, seeing fine detail and wide surroundings.

    A 4 x 4 convolution with stride 2 begins, a transposed one of 2 x 2 ends: the
    work is done at half the resolution, a quarter of the cost. `_strides` lays the
    network out along any number of axes.
    """

    Params: ClassVar[type] = UNetParams
    title = "U-Net"
    summary = (
        "Sees fine detail and wide surroundings at once and labels all pixels of a "
        "patch together. The best choice for most images."
    )
    default_patch_px = 128
    default_batch_size = 8
    tile_shape: ClassVar[Shape] = (1536, 1536)
    # How many sets of maps at the finest level take as much as all; measured.
    _maps_at_once = 6
    params: UNetParams

    def initial_weights(
        self, model: Any, seed: int, *, from_strokes: bool = False
    ) -> Weights:
        """Draw weights; for masks, the first convolution begins with edges.

        Images of values from 0 to 1 are bright far more than they vary: plain kernels
        tell the layers after them little else. From masks the network learns faster
        without, but from a few strokes brightness is what carries over best.
        """
        stem, *rest = super().initial_weights(model, seed)
        if from_strokes:
            return [stem, *rest]
        axes = tuple(range(stem.ndim - 1))
        return [EDGE_GAIN * (stem - stem.mean(axis=axes, keepdims=True)), *rest]

    @property
    def _strides(self) -> tuple[Shape, ...]:
        """Strides along the axes of the first convolution and of each pooling."""
        return ((2,) * self.ndim,) * (self.params.depth + 1)

    @property
    def answer_shape(self) -> Shape:
        """The whole patch."""
        return self.patch_shape

    @property
    def answer_start(self) -> Shape:
        """The patch's first pixel."""
        return (0,) * self.ndim

    @property
    def multiple(self) -> Shape:
        """Sides of the box of pixels that is one pixel at the coarsest level."""
        return tuple(math.prod(along) for along in zip(*self._strides, strict=True))

    @property
    def halo(self) -> tuple[tuple[int, int], ...]:
        """Pixels before and after a tile: what any of its pixels depends on."""
        return tuple(halo_along(along) for along in zip(*self._strides, strict=True))

    @property
    def bytes_per_px(self) -> int:
        """Input, maps at the finest level, logits and posterior."""
        maps = self._maps_at_once * self.params.filters // math.prod(self._strides[0])
        return 4 * (2 * self.n_channels + maps + 3 * self.n_classes)

    def _check_patch(self) -> None:
        multiple = self.multiple[-1]
        if self.patch_px % multiple:
            nearest = max(1, round(self.patch_px / multiple)) * multiple
            raise ValueError(
                f"patch_px must be a multiple of {multiple} at depth="
                f"{self.params.depth}, got {self.patch_px}. {nearest} is the nearest."
            )

    def weight_shapes(self) -> list[Shape]:
        """Shapes in the order of the layers."""
        f, strides = self.params.filters, self._strides
        shapes = self._conv_shapes(self.n_channels, f, stem_kernel(strides[0]))
        n = f
        for level in range(len(strides)):
            m = f * 2**level
            shapes += [*self._conv_shapes(n, m), *self._conv_shapes(m, m)]
            n = m
        for level in reversed(range(1, len(strides))):
            m = f * 2 ** (level - 1)
            shapes += [(*strides[level], m, n), (m,)]
            shapes += [*self._conv_shapes(2 * m, m), *self._conv_shapes(m, m)]
            n = m
        return [*shapes, (*strides[0], self.n_classes, f), (self.n_classes,)]

    def build(self, precision: str = "float32") -> Any:
        """Make the Keras model: ``(B, *S, C)`` to logits ``(B, *S, K)``."""
        layers, policy = backend.keras().layers, layer_policy(precision)
        f, (stem, *pools) = self.params.filters, self._strides
        widen = getattr(layers, f"Conv{self.ndim}DTranspose")
        pool = getattr(layers, f"MaxPooling{self.ndim}D")
        inputs = backend.keras().Input((*(None,) * self.ndim, self.n_channels))
        x = self._convolved(layers, inputs, f, policy, stem)
        skips = []
        for level, stride in enumerate(pools):
            x = self._block(layers, x, f * 2**level, policy)
            skips.append(x)
            x = pool(stride, dtype=policy)(x)
        x = self._block(layers, x, f * 2 ** len(pools), policy)
        for level, stride in reversed(list(enumerate(pools))):
            x = widen(f * 2**level, stride, strides=stride, dtype=policy, **UNDRAWN)(x)
            x = layers.Concatenate(dtype=policy)([skips.pop(), x])
            x = self._block(layers, x, f * 2**level, policy)
        x = widen(self.n_classes, stem, strides=stem, dtype="float32", **UNDRAWN)(x)
        return backend.keras().Model(inputs, x)

    def _block(self, layers: Any, x: Any, filters: int, policy: Any) -> Any:
        for _ in range(2):
            x = self._convolved(layers, x, filters, policy)
        return x

    # How convolutions are normalised: three views of it, which go together. The first
    # one never is: standardised kernels would make it blind to how bright a field is.

    def _norm(self, kernel: Shape) -> str:
        is_stem = kernel == stem_kernel(self._strides[0])
        return "none" if is_stem else self.params.norm

    def _conv_shapes(
        self, before: int, after: int, kernel: Shape | None = None
    ) -> list[Shape]:
        """Shapes of the weights of a convolution and its normalisation."""
        kernel = kernel or (3,) * self.ndim
        n_more = {"weights": 2, "batch": 4, "none": 1}[self._norm(kernel)]
        return [(*kernel, before, after), *[(after,)] * n_more]

    def _convolved(
        self,
        layers: Any,
        x: Any,
        filters: int,
        policy: Any,
        stride: Shape | None = None,
    ) -> Any:
        """Convolve, normalise and bend, in training."""
        kernel = (3,) * self.ndim if stride is None else stem_kernel(stride)
        norm = self._norm(kernel)
        options = {"strides": stride or 1, "padding": "same", "dtype": policy}
        if norm == "weights":
            x = standardized_convolution()(filters, kernel, **options)(x)
            return layers.ReLU(dtype=policy)(x)
        x = getattr(layers, f"Conv{self.ndim}D")(
            filters, kernel, use_bias=norm == "none", **options, **UNDRAWN
        )(x)
        if norm == "batch":
            x = layers.BatchNormalization(
                momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, dtype=policy
            )(x)
        return layers.ReLU(dtype=policy)(x)

    def _plain(self, weights: Iterator[Array]) -> Weights:
        """Take a convolution's weights; return kernel and bias that do the same."""
        kernel = next(weights)
        norm = self._norm(kernel.shape[:-2])
        if norm == "none":
            return [kernel, next(weights)]
        if norm == "weights":
            gamma, bias = next(weights), next(weights)
            return [standardized(np, kernel, gamma), bias]
        gamma, beta, mean, variance = (next(weights) for _ in range(4))
        scale = gamma / np.sqrt(variance + np.float32(NORM_EPSILON))
        return [
            np.asarray(w, np.float32) for w in (kernel * scale, beta - mean * scale)
        ]

    def merged(self, weights: Weights) -> Weights:
        """Fold the normalisation into the convolutions: prediction is spared it."""
        left = iter(weights)
        depth = self.params.depth
        merged = []
        for _ in range(1 + 2 * (depth + 1)):
            merged += self._plain(left)
        for _ in range(depth):
            merged += [next(left), next(left), *self._plain(left), *self._plain(left)]
        return [*merged, next(left), next(left)]

    def plain(self) -> Any:
        """Make the network that needs no normalisation any more."""
        params = replace(self.params, norm="none")
        args = (params, self.n_channels, self.n_classes, self.patch_px)
        return type(self)(*args).build()

    def logits(self, x: Any, weights: Sequence[Any]) -> Any:
        """Label every pixel of tiles.

        Going up, each level is cut to what the pixels of the tile depend on: there
        the halo costs almost nothing.
        """
        tf, left = backend.tensorflow(), iter(weights)
        stem, *pools = self._strides
        x = _bent(tf, x, left, "SAME", stem)
        skips = []
        for stride in pools:
            x = _bent(tf, _bent(tf, x, left, "SAME"), left, "SAME")
            skips.append(x)
            x = tf.nn.max_pool(x, stride, stride, "VALID")
        x = _bent(tf, _bent(tf, x, left, "SAME"), left, "SAME")
        *finer, coarsest = margins(self._strides)
        x = _cut(x, coarsest[0], coarsest[1])
        margin = coarsest[1]
        for stride, skip, (there, wanted) in zip(
            reversed(pools), reversed(skips), reversed(finer), strict=True
        ):
            needed = [m + BLOCK_REACH for m in wanted]
            above = [(m * s,) * 2 for m, s in zip(margin, stride, strict=True)]
            x = _cut(_widened(tf, x, left, stride), above, needed)
            x = tf.concat([_cut(skip, there, needed), x], axis=-1)
            x = _bent(tf, _bent(tf, x, left, "VALID"), left, "VALID")
            margin = wanted
        return _widened(tf, tf.cast(x, tf.float32), left, stem)


def _bent(
    tf: Any, x: Any, weights: Iterator[Any], padding: str, stride: Shape | None = None
) -> Any:
    kernel, bias = next(weights), next(weights)
    x = tf.nn.convolution(x, kernel, strides=stride, padding=padding)
    return tf.nn.relu(tf.nn.bias_add(x, bias))


def _widened(tf: Any, x: Any, weights: Iterator[Any], stride: Shape) -> Any:
    kernel, bias = next(weights), next(weights)
    b, *sides = tf.unstack(tf.shape(x)[:-1])
    shape = [b, *(n * s for n, s in zip(sides, stride, strict=True)), kernel.shape[-2]]
    x = tf.nn.conv_transpose(x, kernel, tf.stack(shape), stride, "VALID")
    return tf.nn.bias_add(x, bias)


def _cut(x: Any, there: Sequence[tuple[int, int]], wanted: Sequence[int]) -> Any:
    """Cut the margins that are there down to the wanted ones."""
    inner = tuple(
        slice(before - m, None if after == m else m - after)
        for (before, after), m in zip(there, wanted, strict=True)
    )
    return x[:, *inner]
