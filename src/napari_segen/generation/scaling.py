"""Grey values to numbers that a network is at ease with, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array


@dataclass(frozen=True, slots=True)
class Scaling:
    """A rising curve of straight pieces for each channel; its ends go on straight.

    Parameters
    ----------
    grey, scaled : float64 arrays of shape (C, M)
        Rising along M >= 2.
    """

    grey: npt.NDArray[np.float64]
    scaled: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, images: Sequence[Array]) -> "Scaling":
        """Give the pixels with data in ``(C, *S)`` images mean 0 and variance 1."""
        planes = [i.reshape(len(i), -1) for i in images]
        values = [p[:, np.isfinite(p).all(axis=0)].astype(np.float64) for p in planes]
        joined = np.concatenate(values, axis=1)
        if joined.shape[1] == 0:
            raise ValueError("image has no pixel with data: there is nothing to learn.")
        mean, std = joined.mean(axis=1), joined.std(axis=1)
        # A constant image, to rounding: any scale will do.
        std = np.where(std > 1e-9 * (1 + np.abs(mean)), std, 1.0 + 1e-6 * np.abs(mean))
        scaled = np.tile([-1.0, 1.0], (len(mean), 1))
        return cls(mean[:, np.newaxis] + std[:, np.newaxis] * scaled, scaled)

    @property
    def n_channels(self) -> int:
        """C."""
        return len(self.grey)

    def apply(self, image: Array) -> npt.NDArray[np.float32]:
        """Scale ``(C, *S)``; pixels without data stay so."""
        return _bent(image, self.grey, self.scaled).astype(np.float32)

    def undo(self, image: Array) -> npt.NDArray[np.float64]:
        """Give ``(C, *S)`` grey values again."""
        return _bent(image, self.scaled, self.grey)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays for a model file; `from_arrays` reads them back."""
        return {"grey": self.grey, "scaled": self.scaled}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "Scaling":
        """Read what `arrays` returned."""
        pair: list[Any] = [arrays.get("grey"), arrays.get("scaled")]
        for curve in pair:
            if curve is None or curve.ndim != 2 or curve.dtype.kind != "f":
                raise ValueError("the scaling of grey values is damaged.")
            if len(curve) == 0 or curve.shape[1] < 2 or curve.shape != pair[0].shape:
                raise ValueError("the scaling of grey values has an odd shape.")
            if not (np.isfinite(curve).all() and (np.diff(curve) > 0).all()):
                raise ValueError("the scaling of grey values does not rise.")
        return cls(*(c.astype(np.float64) for c in pair))


def _bent(image: Array, x: Array, y: Array) -> npt.NDArray[np.float64]:
    """Send each channel through its curve."""
    result = np.empty(image.shape, np.float64)
    for c, plane in enumerate(image):
        values = plane.astype(np.float64)
        if len(x[c]) == 2:
            slope = (y[c, 1] - y[c, 0]) / (x[c, 1] - x[c, 0])
            result[c] = y[c, 0] + slope * (values - x[c, 0])
            continue
        bent = np.interp(values, x[c], y[c])
        for end, inner in ((0, 1), (-1, -2)):
            slope = (y[c, end] - y[c, inner]) / (x[c, end] - x[c, inner])
            beyond = values < x[c, 0] if end == 0 else values > x[c, -1]
            bent[beyond] = y[c, end] + slope * (values[beyond] - x[c, end])
        result[c] = bent
    return result
