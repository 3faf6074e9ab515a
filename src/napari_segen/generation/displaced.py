"""What is in cells, taken from elsewhere in cells: like the training image, no copy."""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.labelmaps.placed import bends, mirrored

Floats = npt.NDArray[np.float32]

# Pixels over which the displacement changes: organelles stay whole.
GRAIN_PX = 80.0
# Its root mean square along each axis, farther than an organelle or a patch reaches.
REACH_PX = 80.0
# Where a pixel would be fetched from another label, part of the way is tried.
PARTS = (1.0, 0.5, 0.25)


def displaced(
    picture: Floats,
    labels: Array,
    known: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> Floats:
    """Fetch each pixel from a place of the same label, neighbours from neighbours.

    Volumes are displaced within their planes, all planes alike. Beyond its border the
    picture goes on as its mirror image. A pixel that finds no known place of its label
    stays as it is.

    Parameters
    ----------
    picture : float32 array of shape (*S, C)
    labels : array of shape (*S)
    known : bool array of shape (*S)
        Pixels that may be fetched.
    rng : numpy.random.Generator
    """
    height, width = labels.shape[-2:]
    way = bends((height, width), GRAIN_PX, REACH_PX, rng)
    result, waiting = picture.copy(), np.ones(labels.shape, bool)
    for part in PARTS:
        rows = mirrored(np.arange(height)[:, np.newaxis] + part * way[0], height)
        columns = mirrored(np.arange(width) + part * way[1], width)
        fits = waiting & known[..., rows, columns]
        fits &= labels[..., rows, columns] == labels
        result[fits] = picture[..., rows, columns, :][fits]
        waiting &= ~fits
    return result
