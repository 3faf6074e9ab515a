"""What a fit learns from: strokes, or whole images where the method needs none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.checks import Pair, check_spec
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.normalization import Normalization, channel_range
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.earlier import Earlier, learnt_scale
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.kept import KeptStrokes
from napari_segen.probabilistic.labelled import (
    LabelledFrame,
    classes_of,
    painted_frames,
)
from napari_segen.probabilistic.samples import TrainingSet, choose_samples
from napari_segen.probabilistic.unlabelled import unlabelled_set_steps


class Source(Protocol):
    """What a classifier learns from."""

    @property
    def classes(self) -> Array | None:
        """The class values ``(K,)``; None where the method finds classes."""

    @property
    def knows_texture(self) -> bool:
        """Whether texture energy is to be had of all samples."""

    def scale(self, mode: str) -> Normalization:
        """Learn how grey values are brought to a common scale."""

    def samples_steps(
        self, scale: Normalization, bank: FilterBank
    ) -> Steps[TrainingSet]:
        """Compute the features of the samples."""

    def kept(self, samples: TrainingSet, texture: Array | None) -> KeptStrokes | None:
        """Return the strokes with their features, for another day; None without any."""


@dataclass(frozen=True, slots=True)
class StrokeSource:
    """The labelled pixels of several frames.

    Parameters
    ----------
    frames : list of LabelledFrame
        Each with its chosen pixels, in canonical order.
    classes : int array of shape (K,)
        Class values, ascending.
    earlier : Earlier, optional
        What some of them were taken over from.
    """

    frames: list[LabelledFrame]
    classes: npt.NDArray[np.int64]
    earlier: Earlier | None

    @classmethod
    def of(
        cls, painted: Sequence[LabelledFrame], earlier: Earlier | None = None
    ) -> Self:
        """Choose what to learn from; ValueError unless there are 2 to 255 classes."""
        frames = painted if earlier is None else earlier.with_new(painted)
        classes = classes_of(frames)
        chosen = choose_samples(
            [f.samples for f in frames], [f.origin.shape for f in frames]
        )
        pairs = zip(frames, chosen, strict=True)
        return cls([replace(f, samples=s) for f, s in pairs], classes, earlier)

    @property
    def knows_texture(self) -> bool:
        """Whether texture energy is to be had of all samples."""
        return all(f.origin.knows_texture for f in self.frames)

    def scale(self, mode: str) -> Normalization:
        """Learn how grey values are brought to a common scale."""
        return learnt_scale(mode, self.frames, self.earlier)

    def samples_steps(
        self, scale: Normalization, bank: FilterBank
    ) -> Steps[TrainingSet]:
        """Compute the features of the labelled pixels."""
        features, n = [], len(self.frames)
        for i, frame in enumerate(self.frames):
            steps = frame.origin.features_steps(frame.samples.positions, scale, bank)
            features.append((yield from stretch_steps(steps, i / n, (i + 1) / n)))
        values = np.concatenate([f.samples.values for f in self.frames])
        return TrainingSet(
            np.concatenate(features),
            np.searchsorted(self.classes, values).astype(np.int64),
            np.concatenate([f.samples.strokes for f in self.frames]),
            len(self.classes),
            places=np.concatenate([f.places for f in self.frames]),
        )

    def kept(self, samples: TrainingSet, texture: Array | None) -> KeptStrokes:
        """Return the strokes with their features, for another day."""
        return KeptStrokes.of(self.frames, samples, texture)


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Whole frames, of which the method finds the classes.

    Parameters
    ----------
    frames : list of arrays of shape (C, *S)
    cache : FeatureCache, optional
    """

    frames: list[Array]
    cache: FeatureCache | None

    classes = None
    knows_texture = False

    def scale(self, mode: str) -> Normalization:
        """Learn how grey values are brought to a common scale."""
        return Normalization(mode).learn([channel_range(v) for v in self.frames])

    def samples_steps(
        self, scale: Normalization, bank: FilterBank
    ) -> Steps[TrainingSet]:
        """Compute the features of an even sample of pixels."""
        return (
            yield from unlabelled_set_steps(
                self.frames, lambda v: Frame.of(v, scale, bank, self.cache)
            )
        )

    def kept(self, samples: TrainingSet, texture: Array | None) -> None:
        """Keep nothing: there are no strokes."""


def source_of(
    pairs: Sequence[Pair],
    needs_strokes: bool,
    cache: FeatureCache | None,
    earlier: Earlier | None,
) -> Source:
    """Pick what a method learns from, out of images with their scribbles if any."""
    if needs_strokes:
        return StrokeSource.of(painted_frames(pairs, cache), earlier)
    return ImageSource([v for pair in pairs for v in pair.frames], cache)


def checked_spec(spec: ImageSpec, fitted: ImageSpec) -> ImageSpec:
    """Return `spec`; ValueError unless its frames are of the fitted dimensions."""
    check_spec(spec)
    if spec.n_space != fitted.n_space:
        raise ValueError(
            f"spec has the spatial axes {spec.space_axes!r}, but the model was "
            f"fitted on {fitted.space_axes!r}."
        )
    return spec
