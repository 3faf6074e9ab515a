"""What every network of the registry declares and can do."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from napari_segen.cnn.backend import Weights
from napari_segen.core.imagespec import Array

MAX_WEIGHTS = 100_000_000

Shape = tuple[int, ...]


class Network(ABC):
    """A network for images with C channels and K classes; it holds no weights.

    It is made again from these four values and nothing else; `weight_shapes` needs
    no Keras, so that a model file can be checked without it.

    Parameters
    ----------
    params : instance of `Params`
    n_channels, n_classes : int
        C and K.
    patch_px : int
        Side of the square patches it is trained on.
    """

    Params: ClassVar[type]
    title: ClassVar[str]
    summary: ClassVar[str]
    default_patch_px: ClassVar[int]
    default_batch_size: ClassVar[int]
    tile_px: ClassVar[int]
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

    @classmethod
    def settled(cls, params: Any, *, from_strokes: bool) -> Any:
        """Decide what `params` leave to the labels: strokes, or areas and masks."""
        return params

    @abstractmethod
    def _check_patch(self) -> None:
        """Raise ValueError where `patch_px` does not suit the network."""

    @property
    @abstractmethod
    def answer_px(self) -> int:
        """Side of the square of pixels that the network labels in one patch."""

    @property
    @abstractmethod
    def answer_start(self) -> int:
        """Index in the patch, on each axis, of the first pixel that is labelled."""

    @property
    @abstractmethod
    def multiple(self) -> int:
        """Tiles start and end on multiples of this."""

    @property
    @abstractmethod
    def halo(self) -> tuple[int, int]:
        """Pixels that a tile needs before and after it, on each axis."""

    @abstractmethod
    def weight_shapes(self) -> list[Shape]:
        """Shapes of the weights, in the order of the layers of `build`."""

    @abstractmethod
    def build(self) -> Any:
        """Make the Keras model for training: patches to logits.

        Maps ``(B, patch_px, patch_px, C)`` to ``(B, answer_px, answer_px, K)``.
        """

    @abstractmethod
    def dense(self, weights: Weights) -> Callable[[Array], Array]:
        """Make the function that gives every pixel of a tile its posterior.

        It maps a float32 tile with its halo, ``(H + sum(halo), W + sum(halo), C)``
        where H and W are multiples of `multiple`, to ``(H, W, K)``.
        """
