"""Grey values to numbers that a network is at ease with, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and standard deviation of each channel.

    Parameters
    ----------
    mean, std : float64 arrays of shape (C,)
    """

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, images: Sequence[Array]) -> "Scaling":
        """Measure the pixels with data in ``(C, *S)`` images."""
        planes = [i.reshape(len(i), -1) for i in images]
        values = [p[:, np.isfinite(p).all(axis=0)].astype(np.float64) for p in planes]
        joined = np.concatenate(values, axis=1)
        if joined.shape[1] == 0:
            raise ValueError("image has no pixel with data: there is nothing to learn.")
        mean, std = joined.mean(axis=1), joined.std(axis=1)
        # A constant image, to rounding: any scale will do.
        std = np.where(std > 1e-9 * np.abs(mean), std, np.maximum(np.abs(mean), 1.0))
        return cls(mean, std)

    @property
    def n_channels(self) -> int:
        """C."""
        return len(self.mean)

    def apply(self, image: Array) -> npt.NDArray[np.float32]:
        """Give ``(C, *S)`` mean 0 and variance 1; pixels without data stay so."""
        at = (slice(None), *(np.newaxis,) * (image.ndim - 1))
        scaled = (image.astype(np.float64) - self.mean[at]) / self.std[at]
        return scaled.astype(np.float32)

    def undo(self, image: Array) -> npt.NDArray[np.float64]:
        """Give ``(C, *S)`` grey values again."""
        at = (slice(None), *(np.newaxis,) * (image.ndim - 1))
        grey: npt.NDArray[np.float64] = image * self.std[at] + self.mean[at]
        return grey

    def arrays(self) -> dict[str, Array]:
        """Return the arrays for a model file; `from_arrays` reads them back."""
        return {"mean": self.mean, "std": self.std}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "Scaling":
        """Read what `arrays` returned."""
        found = [arrays.get("mean"), arrays.get("std")]
        numbers = [a for a in found if a is not None and a.dtype == np.float64]
        if len(numbers) < 2 or not all(np.isfinite(a).all() for a in numbers):
            raise ValueError("the scaling of grey values is damaged.")
        mean, std = numbers
        if mean.ndim != 1 or mean.size == 0 or mean.shape != std.shape:
            raise ValueError("the scaling of grey values has an odd shape.")
        if not (std > 0).all():
            raise ValueError("the scaling of grey values is by 0 or less.")
        return cls(mean, std)
