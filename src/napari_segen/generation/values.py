"""From the real numbers of a generator back to an image's type and range."""

from dataclasses import dataclass

import numpy as np

from napari_segen.core.imagespec import Array

_EXACT_IN_FLOAT64 = 2**53


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The type of an image, and the least and greatest value of each channel.

    Parameters
    ----------
    low, high : array of shape (C,)
        Of the image's own type.
    """

    low: Array
    high: Array

    @classmethod
    def of(cls, frames: Array) -> "ValueRange":
        """Take the range of the finite pixels of ``(N, C, *S)``."""
        n_channels, dtype = frames.shape[1], frames.dtype
        low, high = np.zeros(n_channels, dtype), np.zeros(n_channels, dtype)
        for c in range(n_channels):
            values = frames[:, c]
            if dtype.kind == "f":
                values = values[np.isfinite(values)]
            if values.size:
                low[c], high[c] = values.min(), values.max()
        return cls(low, high)

    @classmethod
    def union(cls, ranges: "list[ValueRange]") -> "ValueRange":
        """Return the smallest range that holds all `ranges`, of their common type."""
        dtype = np.result_type(*(r.low.dtype for r in ranges))
        low = np.min([r.low.astype(dtype) for r in ranges], axis=0)
        high = np.max([r.high.astype(dtype) for r in ranges], axis=0)
        return cls(low, high)

    def fitted(self, image: Array) -> Array:
        """Bring an image ``(C, *S)`` to this type and range: round, then clip.

        Pixels without data stay so in floating types.
        """
        dtype = self.low.dtype
        if image.dtype == dtype and dtype.kind != "f":
            return image  # copied pixels: 64-bit integers stay exact
        result = np.empty(image.shape, dtype)
        for c, plane in enumerate(image):
            low, high = _inner_bounds(self.low[c], self.high[c])
            values = plane.astype(np.float64)
            if dtype.kind != "f":
                values = np.rint(values)
                no_data = ~np.isfinite(values)
                values[no_data] = low
            values = np.where(np.isinf(values), values, np.clip(values, low, high))
            result[c] = values
        return result


def _inner_bounds(low: Array, high: Array) -> tuple[float, float]:
    """Bounds as float64 that do not leave a 64-bit integer's range by rounding."""
    a, b = float(low), float(high)
    if low.dtype.kind in "ui":
        if abs(a) > _EXACT_IN_FLOAT64 and int(a) < int(low):
            a = float(np.nextafter(a, np.inf))
        if abs(b) > _EXACT_IN_FLOAT64 and int(b) > int(high):
            b = float(np.nextafter(b, -np.inf))
    return a, b
