"""What a fit learns from: strokes, or whole images where the method needs none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from napari_segen.core.checks import Pair, check_spec
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.training import painted_frames, training_set_steps
from napari_segen.probabilistic.unlabelled import unlabelled_set_steps

COLOURS = (3, 4)


@dataclass(frozen=True, slots=True)
class Source:
    """The frames of a fit.

    Parameters
    ----------
    frames : list of arrays of shape (C, *S)
    classes : int array of shape (K,), or None
        The class values that were painted; None where the method finds classes.
    samples_steps : callable
        ``samples_steps(frame_of)`` computes what the classifier learns from.
    """

    frames: list[Array]
    classes: Array | None
    samples_steps: Callable[[Callable[[Array], Frame]], Steps[TrainingSet]]


def source_of(pairs: Sequence[Pair], needs_strokes: bool) -> Source:
    """Pick what a method learns from, out of images with their scribbles if any."""
    if needs_strokes:
        painted, classes = painted_frames(pairs)
        steps = partial(training_set_steps, painted, classes)
        return Source([f.values for f in painted], classes, steps)
    frames = [values for pair in pairs for values in pair.frames]
    return Source(frames, None, partial(unlabelled_set_steps, frames))


def check_scribbles(
    method: str, needs_strokes: bool, image: Any, scribbles: Any, spec: ImageSpec | None
) -> None:
    """Raise ValueError where scribbles are missing, or are of no use."""
    if needs_strokes and scribbles is None:
        raise ValueError(
            f"scribbles is None, but method {method!r} learns from strokes. Paint "
            'strokes of two classes, or choose method="mixture".'
        )
    if needs_strokes:
        return
    if scribbles is not None:
        raise ValueError(
            f"method {method!r} takes no scribbles. Leave them out, or choose a "
            'method that learns from them, such as method="softmax".'
        )
    shape = np.shape(image[0] if isinstance(image, list | tuple) and image else image)
    if spec is None and len(shape) == 3 and shape[-1] in COLOURS:
        raise ValueError(
            f"cannot tell whether the last axis of an image of shape {shape} is colour "
            "or space without scribbles. Say it with spec=ImageSpec('yxc') or "
            "ImageSpec('zyx')."
        )


def checked_spec(spec: ImageSpec, fitted: ImageSpec) -> ImageSpec:
    """Return `spec`; ValueError unless its frames are of the fitted dimensions."""
    check_spec(spec)
    if spec.n_space != fitted.n_space:
        raise ValueError(
            f"spec has the spatial axes {spec.space_axes!r}, but the model was "
            f"fitted on {fitted.space_axes!r}."
        )
    return spec
