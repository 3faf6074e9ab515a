"""Labelled pixels of frames, and where their features come from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_segen.core.checks import Pair, check_class_values, warn_if_flat
from napari_segen.core.imagespec import Array
from napari_segen.core.lazyview import Sliced
from napari_segen.core.normalization import (
    Normalization,
    Range,
    data_at,
)
from napari_segen.core.scribbles import Samples, classes_in, samples_of
from napari_segen.core.steps import Steps
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.lazyframe import LazyFrame, range_of


class Origin(Protocol):
    """What the features of a frame's labelled pixels come from."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(*S)`` of the frame."""

    @property
    def range(self) -> Range:
        """The frame's `channel_range`."""

    @property
    def digest(self) -> str:
        """The frame's `frame_digest`."""

    @property
    def knows_texture(self) -> bool:
        """Whether texture energy is to be had."""

    def features_steps(
        self, positions: npt.NDArray[np.intp], scale: Normalization, bank: FilterBank
    ) -> Steps[Array]:
        """Return the features ``(M, F)`` of the pixels at ``(M, ndim)``."""


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """A frame with labelled pixels.

    Parameters
    ----------
    origin : Origin
    samples : Samples
        Its labelled pixels that hold data.
    place : pair of int, optional
        Which of the images of the fit it belongs to, and which of its frames it is;
        None for one that is not among them.
    """

    origin: Origin
    samples: Samples
    place: tuple[int, int] | None = None

    @property
    def places(self) -> npt.NDArray[np.intp]:
        """Image, frame and position of each labelled pixel; -1 for an unknown image."""
        return np.insert(self.samples.positions, [0, 0], self.place or (-1, -1), axis=1)


@dataclass(frozen=True)
class ImageFrame:
    """A frame whose values are at hand: any feature can be computed.

    Parameters
    ----------
    values : array or LazyFrame of shape (C, *S)
        Only the channels that are used.
    cache : FeatureCache, optional
    """

    values: Sliced
    cache: FeatureCache | None

    knows_texture = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(*S)``."""
        return self.values.shape[1:]

    @cached_property
    def range(self) -> Range:
        """The `channel_range`."""
        return range_of(self.values)

    @cached_property
    def digest(self) -> str:
        """The `frame_digest`."""
        return frame_digest(self.values)

    def features_steps(
        self, positions: npt.NDArray[np.intp], scale: Normalization, bank: FilterBank
    ) -> Steps[Array]:
        """Compute the features ``(M, F)`` of the pixels at ``(M, ndim)``."""
        frame = Frame.of(self.values, scale, bank, self.cache, self.range)
        return (yield from frame.features_at_steps(positions))


def frame_digest(values: Sliced) -> str:
    """SHA-256 of a frame ``(C, *S)``; the same in whatever type it is stored.

    Of a lazy one that of a sample.
    """
    if isinstance(values, LazyFrame):
        return values.digest
    digest = hashlib.sha256(f"{values.shape}".encode())
    for channel in np.asarray(values):
        for part in channel:  # a row or plane at a time: no copy of the whole
            digest.update(part.astype(np.float32, order="C").data)
    return digest.hexdigest()


def painted_frames(
    pairs: Sequence[Pair], cache: FeatureCache | None
) -> list[LabelledFrame]:
    """Pick the frames that have labelled pixels.

    Raises
    ------
    ValueError
        Where a class has no pixel with data.
    """
    labelled = [
        ((image, number), values, samples_of(labels))
        for image, pair in enumerate(pairs)
        if pair.labels is not None
        for number, (values, labels) in enumerate(
            zip(pair.frames, pair.labels, strict=True)
        )
    ]
    painted = [frame for frame in labelled if len(frame[2].values)]
    for _, values, _ in painted:
        warn_if_flat(values[np.newaxis])
    usable = with_data([v for _, v, _ in painted], [s for _, _, s in painted])
    return [
        LabelledFrame(ImageFrame(values, cache), samples, place)
        for (place, values, _), samples in zip(painted, usable, strict=True)
    ]


def with_data(frames: Sequence[Sliced], painted: Sequence[Samples]) -> list[Samples]:
    """Leave out labelled pixels without data; ValueError where a class has no other."""
    kept = [
        samples.at(np.flatnonzero(data_at(values, samples.positions)))
        for values, samples in zip(frames, painted, strict=True)
    ]
    before, after = classes_in(painted), classes_in(kept)
    if lost := sorted(set(before.tolist()) - set(after.tolist())):
        raise ValueError(
            f"scribbles has class {lost[0]} only on pixels without data (NaN or "
            "infinite). Paint it where the image has values."
        )
    return kept


def classes_of(frames: Sequence[LabelledFrame]) -> npt.NDArray[np.int64]:
    """Return the class values, ascending; ValueError unless they are 2 to 255."""
    classes = classes_in([f.samples for f in frames])
    check_class_values(classes)
    return classes
