"""What every network of the registry declares and can do."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from napari_segen.cnn import backend
from napari_segen.cnn.backend import Weights
from napari_segen.cnn.precision import compute_dtype
from napari_segen.core.imagespec import Array

MAX_WEIGHTS = 100_000_000

Shape = tuple[int, ...]


class Network(ABC):
    """A network for images with C channels and K classes; it holds no weights.

    It is made again from these four values and nothing else; `weight_shapes` needs
    no Keras, so that a model file can be checked without it. What counts pixels along
    the axes is a tuple with one entry for each of `ndim` axes.

    Parameters
    ----------
    params : instance of `Params`
    n_channels, n_classes : int
        C and K.
    patch_px : int
        Side of the patches it is trained on, along rows and columns.

    Attributes
    ----------
    ndim : int
        2: looks at planes; 3: looks at volumes.
    tile_shape : tuple of int
        The largest tiles that prediction uses, without their halo.
    """

    Params: ClassVar[type]
    title: ClassVar[str]
    summary: ClassVar[str]
    default_patch_px: ClassVar[int]
    default_batch_size: ClassVar[int]
    ndim: ClassVar[int] = 2
    tile_shape: ClassVar[Shape]
    initial_gain: float = 2.0

    def __init__(
        self, params: Any, n_channels: int, n_classes: int, patch_px: int
    ) -> None:
        self.params = params
        self.n_channels = n_channels
        self.n_classes = n_classes
        self.patch_px = patch_px
        self._check_patch()
        if (count := sum(math.prod(s) for s in self.weight_shapes())) > MAX_WEIGHTS:
            raise ValueError(
                f"params and patch_px make a network of {count} weights; at most "
                f"{MAX_WEIGHTS} are possible. Choose smaller ones."
            )

    def initial_weights(
        self, model: Any, seed: int, *, from_strokes: bool = False
    ) -> Weights:
        """Draw the weights that training begins with, for the model of `build`.

        `from_strokes`: whether it learns from strokes, and not from areas or masks.
        """
        return backend.initial_weights(model, seed, self.initial_gain)

    @abstractmethod
    def _check_patch(self) -> None:
        """Raise ValueError where `patch_px` does not suit the network."""

    @property
    def patch_shape(self) -> Shape:
        """Pixels of a training patch."""
        return (self.patch_px,) * self.ndim

    @property
    @abstractmethod
    def answer_shape(self) -> Shape:
        """Pixels that the network labels in one patch."""

    @property
    @abstractmethod
    def answer_start(self) -> Shape:
        """Index in the patch of the first pixel that is labelled."""

    @property
    @abstractmethod
    def multiple(self) -> Shape:
        """Tiles start and end on multiples of this."""

    @property
    @abstractmethod
    def halo(self) -> tuple[tuple[int, int], ...]:
        """Pixels that a tile needs before and after it."""

    @property
    @abstractmethod
    def bytes_per_px(self) -> int:
        """About the memory that labelling takes for each pixel of tile and halo."""

    @abstractmethod
    def weight_shapes(self) -> list[Shape]:
        """Shapes of the weights, in the order of the layers of `build`."""

    @abstractmethod
    def build(self, precision: str = "float32") -> Any:
        """Make the Keras model for training: patches to logits.

        Maps ``(B, *patch_shape, C)`` to float32 ``(B, *answer_shape, K)``. In
        another `precision` (see `settle`) it calculates so inside; its weights stay
        float32.
        """

    @abstractmethod
    def merged(self, weights: Weights) -> Weights:
        """Bring the weights to the form that `logits` takes.

        The last two are the kernel and the bias that make the logits.
        """

    @abstractmethod
    def plain(self) -> Any:
        """Make a Keras model of standard layers, for other software.

        Maps ``(B, *S, C)``, its sides multiples of `multiple`, to the logits
        ``(B, *S, K)``, in float32; its weights are those that `merged` makes. Within
        `halo` of the border the answer is not that of `logits`: it sees zeros there.
        """

    @abstractmethod
    def logits(self, x: Any, weights: Sequence[Any]) -> Any:
        """Give every pixel of tiles its logits, as operations of TensorFlow.

        Maps ``(B, *(tile + halo), C)``, where the tile's sides are multiples of
        `multiple`, to ``(B, *tile, K)``, with `weights` as `merged` makes them: the
        last two in float32, the others, as `x`, in the type to calculate in.
        """

    def labeller(self, precision: str = "float32") -> "Labeller":
        """Make what gives the pixels of tiles their posterior."""
        return Labeller(self, precision)


class Labeller:
    """Gives every pixel of tiles its posterior, with weights that can be changed.

    Parameters
    ----------
    network : Network
    precision : str
        In what it calculates; see `settle`.
    """

    def __init__(self, network: Network, precision: str) -> None:
        tf = backend.tensorflow()
        self._network = network
        dtype = compute_dtype(precision)
        blank = network.merged(
            [np.zeros(s, np.float32) for s in network.weight_shapes()]
        )
        self._variables = [
            tf.Variable(w, trainable=False, dtype=t)
            for w, t in zip(
                blank, [dtype] * (len(blank) - 2) + ["float32"] * 2, strict=True
            )
        ]

        def posterior(x: Any) -> Any:
            z = network.logits(tf.cast(x, dtype), self._variables)
            # Classes in front: TensorFlow's own softmax takes four times as long.
            z = tf.transpose(z, (0, network.ndim + 1, *range(1, network.ndim + 1)))
            z = tf.exp(z - tf.reduce_max(z, axis=1, keepdims=True))
            return z / tf.reduce_sum(z, axis=1, keepdims=True)

        # Sizes left open: one trace serves tiles of every size.
        shape = (None,) * (network.ndim + 1) + (network.n_channels,)
        self._compiled = tf.function(
            posterior,
            input_signature=[tf.TensorSpec(shape, tf.float32)],
            autograph=False,
        ).get_concrete_function()

    def set_weights(self, weights: Weights, temperature: float = 1.0) -> None:
        """Use these weights from now on; the logits are divided by `temperature`.

        Raises
        ------
        ValueError
            Where the number or the shapes of the weights are not the network's.
        """
        wanted = self._network.weight_shapes()
        given = [tuple(w.shape) for w in weights]
        if given != wanted:
            raise ValueError(f"weights must have shapes {wanted}, got {given}.")
        *inner, kernel, bias = self._network.merged(weights)
        last = [(w / temperature).astype(np.float32) for w in (kernel, bias)]
        for variable, w in zip(self._variables, [*inner, *last], strict=True):
            variable.assign(backend.tensorflow().cast(w, variable.dtype))

    def __call__(self, tiles: Array) -> Array:
        """Map float32 ``(B, *(tile + halo), C)`` to the posterior ``(B, *tile, K)``.

        The tile's sides are multiples of the network's `multiple`.
        """
        answer: Array = self._compiled(backend.tensorflow().constant(tiles)).numpy()
        return np.moveaxis(answer, 1, -1)
