"""From images with scribbles to what a classifier learns from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
    image, number : int
        Which image it belongs to, and which of its frames it is, from 0.
    """

    values: Array
    samples: Samples
    image: int = 0
    number: int = 0


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
        PaintedFrame(values, samples_of(labels), image, number)
        for image, pair in enumerate(pairs)
        if pair.labels is not None
        for number, (values, labels) in enumerate(
            zip(pair.frames, pair.labels, strict=True)
        )
    ]
    frames = [frame for frame in labelled if len(frame.samples.values)]
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
    kept = [replace(f, samples=f.samples.at(_usable(f))) for f in frames]
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
    return training_set(frames, chosen, features, classes)


def training_set(
    frames: Sequence[PaintedFrame],
    chosen: Sequence[Samples],
    features: Sequence[Array],
    classes: npt.NDArray[np.int64],
) -> TrainingSet:
    """Join what frames have: the chosen pixels of each and their features ``(M, F)``.

    Parameters
    ----------
    frames : sequence of PaintedFrame
        Where the pixels are from.
    """
    values = np.concatenate([s.values for s in chosen])
    places = [
        np.insert(s.positions, [0, 0], (f.image, f.number), axis=1)
        for f, s in zip(frames, chosen, strict=True)
    ]
    return TrainingSet(
        np.concatenate(features),
        np.searchsorted(classes, values).astype(np.int64),
        np.concatenate([s.strokes for s in chosen]),
        len(classes),
        places=np.concatenate(places),
    )
