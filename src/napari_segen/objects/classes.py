"""Objects from a map of classes, where their probabilities are not at hand."""

import numpy as np

from napari_segen.core.checks import check_labels
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.objects.instances import Ids, Rules, ids_steps


def instances_of_steps(
    classes: Array,
    *,
    foreground: int,
    boundary: int | None = None,
    wall: Array | None = None,
    method: str = "distance",
    min_size: int = 0,
    fill_holes: int = 0,
    spec: ImageSpec,
) -> Steps[Ids]:
    """Tell the objects in a map of classes apart, in steps.

    The result is that of `instances` for any posterior in which the classes are the
    most probable ones, and `wall` the boundary's.

    Parameters
    ----------
    classes : integer array of shape (*S)
        The class of each pixel.
    foreground : int
        The class that objects are of: a value in `classes`.
    boundary : int, optional
        The class that lies between them.
    wall : float array of shape (*S), optional
        Probability of the boundary class; without it 1 where the class is, else 0.
    method, min_size, fill_holes
        As for `instances`.
    spec : ImageSpec
        The axes of `classes`.
    """
    classes = check_labels(classes, "classes")
    rules = Rules(method, min_size, fill_holes, boundary is not None)
    if foreground == boundary:
        raise ValueError(f"boundary is the foreground class too: {boundary}.")
    if wall is not None and wall.shape != classes.shape:
        raise ValueError(
            f"wall must have the shape of classes, {classes.shape}, got {wall.shape}."
        )
    frames = spec.label_frames(classes)
    walls = None if wall is None else spec.label_frames(wall)

    def mask_and_wall(i: int) -> tuple[Array, Array | None]:
        mask = frames[i] == foreground
        if boundary is None:
            return mask, None
        between = frames[i] == boundary
        known = between.astype(np.float32) if walls is None else walls[i]
        return mask | between, known

    return (yield from ids_steps(mask_and_wall, classes.shape, spec, rules))
