"""Features to comparable, well-behaved numbers before a linear or Gaussian model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

NOISE_FLOOR = 1e-5  # of the largest feature
LEAST_SPREAD = 1e-20


@dataclass(frozen=True, slots=True)
class FeatureScaling:
    """Bounded, then of zero mean and unit deviation, feature by feature.

    ``z = (x / (|x| + spread) - mean) * factor``. The quotient tames the long tails
    that derivatives and eigenvalues have; `spread` is twice the feature's root mean
    square, so that its bulk stays nearly linear.

    Parameters
    ----------
    spread, mean, factor : float32 array of shape (F,)
        `factor` is one over the deviation; 0 where a feature only holds noise.
    """

    spread: Array
    mean: Array
    factor: Array

    @classmethod
    def fit(cls, features: Array, weights: Array) -> "FeatureScaling":
        """Learn from features ``(M, F)`` with weights ``(M,)`` that sum to one."""
        x = features.astype(np.float64)
        size = np.sqrt(weights @ x**2)
        # Rounding errors of a constant feature must not be blown up into a signal.
        floor = max(NOISE_FLOOR * float(size.max(initial=0)), LEAST_SPREAD)
        spread = 2 * np.maximum(size, floor)
        y = x / (np.abs(x) + spread)
        mean = weights @ y
        deviation = np.sqrt(weights @ (y - mean) ** 2)
        constant = deviation * spread <= floor
        factor = np.where(constant, 0, 1 / np.where(constant, 1, deviation))
        return cls(*(a.astype(np.float32) for a in (spread, mean, factor)))

    def apply(self, block: Array) -> npt.NDArray[np.float32]:
        """Scale features ``(F, n)``."""
        z = np.abs(block, dtype=np.float32)
        z += self.spread[:, np.newaxis]
        np.divide(block, z, out=z)
        z -= self.mean[:, np.newaxis]
        z *= self.factor[:, np.newaxis]
        return z

    def as_arrays(self) -> dict[str, Array]:
        """Return the arrays by name; `from_arrays` reads them back.

        The first has a name of its own: files of another formula, which called it
        "spread", are refused rather than misread.
        """
        return {"half_at": self.spread, "mean": self.mean, "factor": self.factor}

    @staticmethod
    def array_shapes(n_features: int) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of `as_arrays`."""
        return dict.fromkeys(("half_at", "mean", "factor"), (n_features,))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "FeatureScaling":
        """Read what `as_arrays` wrote."""
        return cls(arrays["half_at"], arrays["mean"], arrays["factor"])
