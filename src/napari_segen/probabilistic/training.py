"""From images with scribbles to what a classifier learns from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.checks import Pair, check_class_values, warn_if_flat
from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import data_at
from napari_segen.core.scribbles import Samples, classes_in, samples_of
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.samples import TrainingSet, choose_samples


@dataclass(frozen=True, slots=True)
class PaintedFrame:
    """A frame with labelled pixels.

    Parameters
    ----------
    values : array of shape (C, *S)
    samples : Samples
        Its labelled pixels that hold data.
    """

    values: Array
    samples: Samples


def painted_frames(
    pairs: Sequence[Pair],
) -> tuple[list[PaintedFrame], npt.NDArray[np.int64]]:
    """Pick the frames that have labelled pixels; returns them and the class values.

    Raises
    ------
    ValueError
        Where there are not from 2 to 255 classes, or a class has no pixel with data.
    """
    labelled = [
        (values, samples_of(labels))
        for pair in pairs
        if pair.labels is not None
        for values, labels in zip(pair.frames, pair.labels, strict=True)
    ]
    frames = [PaintedFrame(v, s) for v, s in labelled if len(s.values)]
    for frame in frames:
        warn_if_flat(frame.values[np.newaxis])
    return usable_frames(frames)


def usable_frames(
    frames: Sequence[PaintedFrame],
) -> tuple[list[PaintedFrame], npt.NDArray[np.int64]]:
    """Leave out labelled pixels without data; returns frames and class values.

    Raises what `painted_frames` raises.
    """
    classes = classes_in([f.samples for f in frames])
    check_class_values(classes)
    kept = [PaintedFrame(f.values, f.samples.at(_usable(f))) for f in frames]
    found = classes_in([f.samples for f in kept])
    if lost := sorted(set(classes.tolist()) - set(found.tolist())):
        raise ValueError(
            f"scribbles has class {lost[0]} only on pixels without data (NaN or "
            "infinite). Paint it where the image has values."
        )
    return kept, classes


def _usable(frame: PaintedFrame) -> npt.NDArray[np.intp]:
    return np.flatnonzero(data_at(frame.values, frame.samples.positions))


def training_set_steps(
    frames: Sequence[PaintedFrame],
    classes: npt.NDArray[np.int64],
    frame_of: Callable[[Array], Frame],
) -> Steps[TrainingSet]:
    """Compute the features of the labelled pixels.

    Parameters
    ----------
    frames : sequence of PaintedFrame
    classes : int array of shape (K,)
        Class values, ascending.
    frame_of : callable
        Joins a frame's values ``(C, *S)`` with normalisation and filter bank.
    """
    chosen = choose_samples(
        [f.samples for f in frames], [f.values.shape[1:] for f in frames]
    )
    features = []
    for i, (frame, samples) in enumerate(zip(frames, chosen, strict=True)):
        steps = frame_of(frame.values).features_at_steps(samples.positions)
        n = len(frames)
        features.append((yield from stretch_steps(steps, i / n, (i + 1) / n)))
    return training_set(chosen, features, classes)


def training_set(
    chosen: Sequence[Samples],
    features: Sequence[Array],
    classes: npt.NDArray[np.int64],
) -> TrainingSet:
    """Join what frames have: labelled pixels and their features ``(M, F)``."""
    values = np.concatenate([s.values for s in chosen])
    return TrainingSet(
        np.concatenate(features),
        np.searchsorted(classes, values).astype(np.int64),
        np.concatenate([s.strokes for s in chosen]),
        len(classes),
    )
