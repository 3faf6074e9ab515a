"""Grey values to a common scale, and no-data pixels out of the way.

``auto`` scales each frame by its own percentiles, so that a brighter or dimmer image
of the same kind looks the same, but never by a span under half the smallest one seen
in training: otherwise the noise of an empty field would be blown up into objects. The
less of that span a frame has, the more its zero is the training frames': the brightness
of an empty field, bright or dark, can only be told by theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.lazyview import Sliced

LOW_PERCENTILE, HIGH_PERCENTILE = 0.5, 99.5
SAMPLE = 2**13  # pixels from which the percentiles are guessed before they are found
Range = tuple[Array, Array]
MODES = ("auto", "training", "image", "none")


def has_data(frames: Array) -> npt.NDArray[np.bool_]:
    """Return ``(N, *S)``: True where all channels of ``(N, C, *S)`` are finite."""
    if frames.dtype.kind != "f":
        return np.ones((frames.shape[0], *frames.shape[2:]), bool)
    return np.asarray(np.isfinite(frames).all(axis=1))


def data_at(values: Sliced, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Return which pixels at ``(M, ndim)`` of a frame ``(C, *S)`` hold data."""
    there: npt.NDArray[np.bool_] = has_data(values[:, *positions.T][np.newaxis])[0]
    return there


def channel_range(frame: Array) -> Range:
    """Low percentile and span of each channel of a frame ``(C, *S)``, as float64 (C,).

    No-data pixels do not count; a channel without any finite pixel has range (0, 0).
    """
    low = np.zeros(len(frame))
    high = np.zeros(len(frame))
    for c, plane in enumerate(frame):
        values = _finite(plane)
        if values.size:
            low[c], high[c] = _percentiles(values)
            if high[c] <= low[c]:  # nearly empty: sparse objects are all there is
                low[c], high[c] = float(values.min()), float(values.max())
    return low, high - low


def _finite(plane: Array) -> Array:
    """Return the pixels that hold data, in one row."""
    if plane.dtype.kind == "f" and not (finite := np.isfinite(plane)).all():
        return plane[finite]
    return plane.ravel()


def percentile_ranks(n: int) -> tuple[int, int]:
    """Return how many of `n` values are below the low and the high percentile."""
    last = n - 1
    return round(last * LOW_PERCENTILE / 100), round(last * HIGH_PERCENTILE / 100)


def _percentiles(values: Array) -> tuple[float, float]:
    """Order statistics, without interpolation: exact under monotone maps."""
    last, at = values.size - 1, percentile_ranks(values.size)
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        # Counting grey values is several times faster than sorting pixels.
        up_to = np.cumsum(np.bincount(values.ravel()))
        low, high = np.searchsorted(up_to, at, side="right")
        return float(low), float(high)
    low, high = _ends(values, at[0], last - at[1])
    return (
        float(np.partition(low, at[0])[at[0]]),
        float(np.partition(high, at[1] - values.size)[at[1] - values.size]),
    )


def _ends(values: Array, n_below: int, n_above: int) -> tuple[Array, Array]:
    """Narrow down where the value with `n_below` smaller ones is, and with `n_above`.

    Sorting parts of two small arrays is many times faster than of all pixels.
    """
    sample = np.sort(values[:: max(values.size // SAMPLE, 1)])
    # Twice as many as should do; where the sample misleads, all.
    margin = round(2 * len(sample) * LOW_PERCENTILE / 100) + 2
    low, high = values, values
    if values.size > 4 * SAMPLE:
        low = values[values <= sample[margin]]
        high = values[values >= sample[-1 - margin]]
    return (
        low if low.size > n_below else values,
        high if high.size > n_above else values,
    )


@dataclass(slots=True)
class Normalization:
    """How grey values are brought to a common scale.

    Parameters
    ----------
    mode : {"auto", "training", "image", "none"}
        ``auto``: each frame by its own percentiles, with a least span;
        ``training``: every frame by the training frames' mean range;
        ``image``: each frame by its own percentiles; ``none``: values as they are.
    low, span : array of shape (C,)
        Mean range of the training frames (learnt).
    least_span : array of shape (C,)
        Half the smallest span among the training frames (learnt).
    """

    mode: str = "auto"
    low: Array = field(default_factory=lambda: np.zeros(0))
    span: Array = field(default_factory=lambda: np.zeros(0))
    least_span: Array = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(
                f"normalization must be one of {', '.join(MODES)}, got {self.mode!r}."
            )

    def fit(self, images: list[Array]) -> "Normalization":
        """Learn from training images, each ``(N, C, *S)``; returns self."""
        return self.learn(
            [channel_range(frame) for frames in images for frame in frames]
        )

    def learn(self, ranges: Sequence[Range]) -> "Normalization":
        """Learn from the training frames' `channel_range`; returns self."""
        lows, spans = np.array([r[0] for r in ranges]), np.array([r[1] for r in ranges])
        self.low, self.span = lows.mean(axis=0), spans.mean(axis=0)
        # A blank training frame must not take the floor away.
        smallest = np.where(spans > 0, spans, np.inf).min(axis=0)
        self.least_span = np.where(np.isfinite(smallest), smallest / 2, 0.0)
        return self

    def scale_of(self, frame: Sliced, known: Range | None = None) -> Range:
        """Return what to subtract and what to divide by for a frame ``(C, *S)``.

        `known` is its `channel_range`, where that was computed before.
        """
        if self.mode == "none":
            return np.zeros(len(frame)), np.ones(len(frame))
        if self.mode == "training":
            low, span = self.low, self.span
        else:
            low, span = channel_range(np.asarray(frame)) if known is None else known
            if self.mode == "auto":
                low, span = self._with_least_span(low, span)
        return low, np.where(span > 0, span, 1.0)

    def _with_least_span(self, low: Array, span: Array) -> tuple[Array, Array]:
        least = np.maximum(span, self.least_span)
        own = np.divide(span, least, out=np.ones_like(span), where=least > 0)
        # Exactly its own where it has all of the span: what is not blank is scaled the
        # same whatever other frames were learnt from.
        return np.where(own < 1, self.low + own * (low - self.low), low), least

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; `from_json` reads them back."""
        return {
            "mode": self.mode,
            "low": self.low.tolist(),
            "span": self.span.tolist(),
            "least_span": self.least_span.tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Normalization":
        """Read what `as_json` wrote; ValueError where it cannot be used to scale."""
        low, span, least = (
            np.array(data[k], float) for k in ("low", "span", "least_span")
        )
        if not all(np.isfinite(a).all() for a in (low, span, least)):
            raise ValueError("the normalization holds numbers that are not finite.")
        if (span < 0).any() or (least < 0).any():
            raise ValueError("the normalization has a negative span.")
        return cls(data["mode"], low, span, least)


def scaled(frame: Array, low: Array, span: Array) -> npt.NDArray[np.float32]:
    """Return ``(frame - low) / span`` per channel as float32, no-data as 0.

    Works on any part of a frame, so that tiles give what the whole frame gives.
    """
    shape = (-1,) + (1,) * (frame.ndim - 1)
    # float64 first: large offsets would eat float32's digits.
    values = frame.astype(np.float64)
    values -= low.reshape(shape)
    values /= span.reshape(shape)
    if frame.dtype.kind == "f":
        values[:, ~np.isfinite(frame).all(axis=0)] = 0.0
    result: npt.NDArray[np.float32] = values.astype(np.float32)
    return result
