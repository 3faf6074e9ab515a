"""What every pixel classifier can do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import make_params
from napari_segen.core.steps import Steps, run
from napari_segen.probabilistic.samples import TrainingSet

BLOCK_BYTES = 2**20


class Classifier(ABC):
    """Learns the classes of pixels from their features.

    The classes are taken as equally frequent: the posterior is proportional to each
    class's likelihood. Other frequencies are applied afterwards, see `prior`.

    Parameters
    ----------
    params : Params or mapping, optional
        The parameters of the method; defaults where left out.
    seed : int
        Of methods that draw random numbers in the fit.
    """

    Params: ClassVar[type]
    title: ClassVar[str]
    summary: ClassVar[str]

    n_features_: int
    n_classes_: int

    def __init__(self, params: Any = None, seed: int = 0) -> None:
        self.params: Any = make_params(self.Params, params)
        self.seed = seed

    @abstractmethod
    def fit_steps(self, samples: TrainingSet) -> Steps[Self]:
        """Learn from labelled pixels; sets `n_features_` and `n_classes_`."""

    def fit(self, samples: TrainingSet) -> Self:
        """Learn from labelled pixels at one go."""
        return run(self.fit_steps(samples))

    @abstractmethod
    def log_scores(self, block: Array) -> npt.NDArray[np.float32]:
        """Log posterior up to a constant per pixel, ``(K, n)``, of features ``(F, n)``.

        Each pixel's scores depend on its own features alone.
        """

    def probabilities(self, block: Array) -> npt.NDArray[np.float32]:
        """Return the posterior ``(K, n)`` of features ``(F, n)``."""
        return normalized(self.log_scores(block))

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """Return all that was learnt as named arrays."""

    @classmethod
    @abstractmethod
    def array_shapes(
        cls, n_features: int, n_classes: int
    ) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of `arrays`; None for a length that may vary."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` returned, after its shapes were checked."""

    @classmethod
    def from_arrays(
        cls, params: Any, arrays: Mapping[str, Array], n_features: int, n_classes: int
    ) -> Self:
        """Build the classifier that `arrays` describes.

        Raises
        ------
        ValueError
            Where an array is missing, or has another shape or type than expected.
        """
        model = cls(params)
        for name, shape in cls.array_shapes(n_features, n_classes).items():
            _check_array(name, arrays.get(name), shape)
        model.n_features_, model.n_classes_ = n_features, n_classes
        model.restore(arrays)
        return model

    def posterior(self, features: Array) -> npt.NDArray[np.float32]:
        """Class probabilities ``(K, *S)`` of features ``(F, *S)``."""
        n_features, *shape = features.shape
        if n_features != self.n_features_:
            raise ValueError(
                f"features must have {self.n_features_} planes, got {n_features}."
            )
        flat = features.reshape(n_features, -1)
        n = flat.shape[1]
        result = np.empty((self.n_classes_, n), np.float32)
        # Blocks that stay in the processor's cache from the first pass to the last.
        step = max(BLOCK_BYTES // (4 * n_features), 1)
        for start in range(0, n, step):
            part = slice(start, start + step)
            result[:, part] = self.probabilities(flat[:, part])
        return result.reshape(self.n_classes_, *shape)


def normalized(scores: Array) -> npt.NDArray[np.float32]:
    """Turn log scores ``(K, n)`` into probabilities, in place."""
    # Shift by the maximum: exp() overflows float32 beyond 88.
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores


def _check_array(name: str, array: Array | None, shape: tuple[int | None, ...]) -> None:
    if array is None:
        raise ValueError(f"array {name!r} is missing.")
    fits = len(array.shape) == len(shape) and all(
        want is None or got == want
        for got, want in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype != np.float32 or not np.isfinite(array).all():
        raise ValueError(
            f"array {name!r} must be finite float32 of shape {shape}, got "
            f"{array.dtype} of shape {array.shape}."
        )
