"""An image as the live preview reads it: frame by frame, at any resolution."""

from collections import OrderedDict
from typing import Any

import numpy as np

from napari_segen.core.imagespec import FRAME, ImageSpec
from napari_segen.core.lazyview import Sliced
from napari_segen.core.normalization import Range
from napari_segen.probabilistic.channels import Channels, is_colour_image
from napari_segen.probabilistic.labelled import frame_digest
from napari_segen.probabilistic.lazyframe import (
    Blocks,
    LazyFrame,
    range_of,
    reads_whole,
)
from napari_segen.probabilistic.live.halved import HalvedFrame, halved

KEPT_FRAMES = 8
MOST_LAZY_LEVEL = 2  # 64 Mpx are read for one answer there


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
        self.is_lazy = not reads_whole(data, spec)
        self._blocks = Blocks()
        self._kept: OrderedDict[tuple[int, int], Sliced] = OrderedDict()
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

    def values(self, frame: int, level: int = 0) -> Sliced:
        """Return a frame ``(C, *S)``; at each level y and x are halved, rounded up.

        A large one of a lazy image is to be sliced: it is read where it is looked at.
        """
        key = frame, level
        if key not in self._kept:
            found = self._made(frame, level)
            self._kept[key] = found
            if len(self._kept) > KEPT_FRAMES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def range_of(self, frame: int) -> Range:
        """Return the `channel_range` of a frame."""
        if frame not in self._ranges:
            self._ranges[frame] = range_of(self.values(frame))
        return self._ranges[frame]

    def digest_of(self, frame: int) -> str:
        """Return the `frame_digest` of a frame."""
        if frame not in self._digests:
            self._digests[frame] = frame_digest(self.values(frame))
        return self._digests[frame]

    def check_level(self, level: int) -> None:
        """Raise ValueError where that would take reading too much of a lazy frame."""
        if self.is_lazy and level > MOST_LAZY_LEVEL:
            raise ValueError(
                "The preview follows once you zoom in: of an image this large only a "
                "part can be read at once."
            )

    def _made(self, frame: int, level: int) -> Sliced:
        if level == 0:
            return self._whole(frame)
        finer = self.values(frame, level - 1)
        return halved(finer) if isinstance(finer, np.ndarray) else HalvedFrame(finer)

    def _whole(self, frame: int) -> Sliced:
        """Return a frame at full resolution."""
        lazy = LazyFrame(
            self.data, self.spec, frame, self.channels, self.is_colour, self._blocks
        )
        if self.is_lazy:
            return lazy
        return lazy.read(tuple(slice(0, n) for n in self.shape))
