"""From images without strokes to what a classifier learns from."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import data_at, scaled
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.sampling import (
    Positions,
    even_sample,
    look_regions,
    sampled_features_steps,
)

MAX_PIXELS = 8192
WIDTHS_APART = 4  # of the widest filter, from where on pixels are taken as independent


def unlabelled_set_steps(
    frames: Sequence[Array], frame_of: Callable[[Array], Frame]
) -> Steps[TrainingSet]:
    """Compute the features of an even sample of pixels, all of one class.

    Pixels that are too near one another to be independent count as one stroke.

    Parameters
    ----------
    frames : sequence of arrays of shape (C, *S)
    frame_of : callable
        Joins a frame's values with normalisation and filter bank.
    """
    shapes = [values.shape[1:] for values in frames]
    looked = look_regions(shapes)
    chosen = even_sample(
        shapes, looked, lambda i, at: data_at(frames[i], at), MAX_PIXELS
    )
    features, brightness, patches = [], [], []
    for i, (values, at, regions) in enumerate(zip(frames, chosen, looked, strict=True)):
        if not len(at):
            continue
        frame, n = frame_of(values), len(frames)
        steps = sampled_features_steps(frame, at, regions)
        features.append((yield from stretch_steps(steps, i / n, (i + 1) / n)))
        first = scaled(values[:1, *at.T], frame.low[:1], frame.span[:1])
        brightness.append(first[0])
        patches.append(np.column_stack([np.full(len(at), i), _patches(frame, at)]))
    if not features:
        raise ValueError("image has no pixel with data: all are NaN or infinite.")
    _, strokes = np.unique(np.concatenate(patches), axis=0, return_inverse=True)
    rows = np.concatenate(features)
    nothing = np.zeros(len(rows), np.int64)
    return TrainingSet(rows, nothing, strokes.ravel(), 1, np.concatenate(brightness))


def _patches(frame: Frame, positions: Positions) -> npt.NDArray[np.int64]:
    """Return in which patch about the frame's middle each pixel lies, ``(M, ndim)``."""
    width = np.array(frame.bank.sigmas_px).max(axis=0) * WIDTHS_APART
    middle = (np.array(frame.shape) - 1) / 2
    patch: npt.NDArray[np.int64] = np.rint((positions - middle) / width).astype(int)
    return patch
