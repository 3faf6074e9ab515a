"""What every pixel classifier can do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import make_params
from napari_segen.core.steps import Steps, run
from napari_segen.probabilistic.evidence import Evidence
from napari_segen.probabilistic.held_out import HeldOut, held_out_by_folds_steps
from napari_segen.probabilistic.samples import TrainingSet, thinned

BLOCK_BYTES = 2**20
MOST_PIXELS_A_FOLD = 32  # of a stroke: its pixels are alike


class Classifier(ABC):
    """Learns the classes of pixels from their features.

    The classes are taken to be as frequent as `shares_of` says. Other frequencies are
    applied afterwards, see `prior`.

    Parameters
    ----------
    params : Params or mapping, optional
        The parameters of the method; defaults where left out.
    seed : int
        Of methods that draw random numbers in the fit.

    Attributes
    ----------
    needs_strokes : bool
        Whether the classes are those of strokes; otherwise the method finds them.
    frequencies_ : float32 array of shape (K,), or None
        How frequent the classes are, where the method learns that.
    temperature_ : float
        Log scores are divided by it: over 1 the posterior is softer than the scores
        say, under 1 sharper. Set by `calibrate_steps`.
    reason_ : str
        Why the method does what it does, where it chose something; else empty.
    """

    Params: ClassVar[type]
    title: ClassVar[str]
    summary: ClassVar[str]
    needs_strokes: ClassVar[bool] = True
    # Name of a method that gives a similar answer much sooner, for a first look.
    stand_in: ClassVar[str] = ""

    # What suits where no stroke can be held out.
    usual_temperature: ClassVar[float] = 1.0

    frequencies_: npt.NDArray[np.float32] | None = None
    n_features_: int
    n_classes_: int
    temperature_: float = 1.0
    reason_: str = ""

    def __init__(self, params: Any = None, seed: int = 0) -> None:
        self.params: Any = make_params(self.Params, params)
        self.seed = seed

    @abstractmethod
    def fit_steps(self, samples: TrainingSet) -> Steps[Self]:
        """Learn from labelled pixels; sets `n_features_` and `n_classes_`."""

    def fit(self, samples: TrainingSet) -> Self:
        """Learn from labelled pixels at one go."""
        return run(self.fit_steps(samples))

    def shares_of(self, samples: TrainingSet) -> npt.NDArray[np.float64]:
        """How frequent the scores take each class to be ``(K,)``, after the fit."""
        if self.needs_strokes:
            return samples.class_shares()
        return np.full(self.n_classes_, 1 / self.n_classes_)

    def held_out_steps(self, samples: TrainingSet) -> Steps[HeldOut]:
        """Posteriors of `samples` without their strokes, after a fit to them all."""

        def fitted_steps(part: TrainingSet) -> Steps[Callable[[Array], Array]]:
            model = type(self)(self.params, self.seed)
            yield from model.fit_steps(thinned(part, MOST_PIXELS_A_FOLD))
            return model.posterior

        return (yield from held_out_by_folds_steps(fitted_steps, samples))

    def calibrate_steps(self, samples: TrainingSet) -> Steps[HeldOut]:
        """Choose the temperature by held-out strokes; call after the fit.

        Returns what was held out, as it is at the chosen temperature.
        """
        held_out = yield from self.held_out_steps(samples)
        # As precise as a file may keep it, so that loaded the bytes are the same.
        self.temperature_ = float(
            np.float32(held_out.temperature(self.usual_temperature))
        )
        return held_out.sharpened(self.temperature_)

    def parts(self) -> Sequence["Classifier"]:
        """Return the classifiers that this one is made of, if any."""
        return ()

    @abstractmethod
    def log_scores(self, block: Array) -> npt.NDArray[np.float32]:
        """Log posterior up to a constant per pixel, ``(K, n)``, of features ``(F, n)``.

        Each pixel's scores depend on its own features alone.
        """

    def probabilities(self, block: Array) -> npt.NDArray[np.float32]:
        """Return the posterior ``(K, n)`` of features ``(F, n)``."""
        scores = self.log_scores(block)
        if self.temperature_ != 1:
            scores /= np.float32(self.temperature_)
        return normalized(scores)

    @abstractmethod
    def evidence(self, pixel: Array) -> Evidence:
        """Say what each feature of a pixel ``(F,)`` adds for each class.

        ``(1 + F, K)``, see `evidence`: down the columns it sums to the logarithm of
        `probabilities`, up to a number that the classes share.
        """

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
            check_array(name, arrays.get(name), shape)
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


def check_array(name: str, array: Array | None, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless it is finite float32 of this shape; None: any length."""
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
