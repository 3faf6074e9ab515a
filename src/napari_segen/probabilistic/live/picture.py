"""An image as the live preview reads it: frame by frame, at any resolution."""

from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import FRAME, Array, ImageSpec
from napari_segen.core.normalization import Range, channel_range
from napari_segen.probabilistic.channels import Channels, is_colour_image, looked_at
from napari_segen.probabilistic.labelled import frame_digest

KEPT_FRAMES = 8


class Picture:
    """The frames of an image, and what was found out about them.

    Parameters
    ----------
    data : array or array-like
        The image. Of a lazy one only the frames that are asked for are loaded.
    spec : ImageSpec
        Its axes; y and x are the last that are not channels.
    channels : tuple of int, optional
        Which channels are looked at; None: all.
    """

    def __init__(self, data: Any, spec: ImageSpec, channels: Channels = None) -> None:
        self.data, self.spec, self.channels = data, spec, channels
        shape = tuple(int(n) for n in data.shape)
        self.label_shape = spec.label_shape(shape)
        n_channels = spec.n_channels(shape)
        self.is_colour = channels is None and is_colour_image(spec, n_channels)
        self._kept: OrderedDict[tuple[int, int], Array] = OrderedDict()
        self._ranges: dict[int, Range] = {}
        self._digests: dict[int, str] = {}

    @property
    def frame_axes(self) -> tuple[int, ...]:
        """Lengths of the axes whose points are frames, in the image's order."""
        pairs = zip(self.spec.label_axes, self.label_shape, strict=True)
        return tuple(n for a, n in pairs if a in FRAME)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(*S)`` of a frame."""
        return self.label_shape[len(self.frame_axes) :]

    def values(self, frame: int, level: int = 0) -> Array:
        """Return a frame ``(C, *S)``; at each level y and x are halved, rounded up."""
        key = frame, level
        if key not in self._kept:
            found = (
                self._read(frame)
                if level == 0
                else halved(self.values(frame, level - 1))
            )
            self._kept[key] = found
            if len(self._kept) > KEPT_FRAMES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def range_of(self, frame: int) -> Range:
        """Return the `channel_range` of a frame."""
        if frame not in self._ranges:
            self._ranges[frame] = channel_range(self.values(frame))
        return self._ranges[frame]

    def digest_of(self, frame: int) -> str:
        """Return the `frame_digest` of a frame."""
        if frame not in self._digests:
            self._digests[frame] = frame_digest(self.values(frame))
        return self._digests[frame]

    def _read(self, frame: int) -> Array:
        place = iter(
            np.unravel_index(frame, self.frame_axes) if self.frame_axes else ()
        )
        axes = self.spec.axes
        index = tuple(int(next(place)) if a in FRAME else slice(None) for a in axes)
        own = ImageSpec("".join(a for a in axes if a not in FRAME))
        frames = own.frames(np.asarray(self.data[index]))
        values: Array = looked_at(frames, self.channels, self.is_colour)[0]
        return values


def halved(values: Array) -> npt.NDArray[np.float32]:
    """Average squares of 2 x 2 pixels of ``(..., H, W)``; odd ends stand for two."""
    pads = [(0, 0)] * (values.ndim - 2) + [(0, n % 2) for n in values.shape[-2:]]
    even = np.pad(values, pads, "edge") if any(p != (0, 0) for p in pads) else values
    result = even[..., ::2, ::2].astype(np.float32)
    for y, x in ((0, 1), (1, 0), (1, 1)):
        result += even[..., y::2, x::2]
    result *= np.float32(0.25)
    return result
