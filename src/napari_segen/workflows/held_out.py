"""Labels that were kept from training: where they are, and what a model says there."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import Steps
from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.probabilistic.parallel import stretch_steps

# What one model segments at most for a comparison: some seconds of work.
MAX_PIXELS = 4 * 2**20
# Parts of frames that are too many or too large to segment whole, and what is read
# around them: by number of spatial axes. Multiples of 16 keep the parts on the grid
# of the networks' pooling.
CORE_PX, MARGIN_PX = {2: 256, 3: 48}, {2: 96, 3: 32}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a frame with held-out labels.

    Parameters
    ----------
    frame : array of shape (C, *S)
        The whole frame.
    truth : array of shape (*S)
        Its held-out labels: 0 = not held out, 1..K.
    tile : Tile
        The part that counts (`core`), and what to read around it (`padded`).
    """

    frame: Array
    truth: Array
    tile: Tile


def parts_of(
    frames: Sequence[Array], truth: Sequence[Array]
) -> tuple[list[Part], bool]:
    """List the parts of some frames to segment for a score of their held-out labels.

    Whole frames where all that have held-out labels make at most `MAX_PIXELS`. Else
    tiles of `CORE_PX` with a margin of `MARGIN_PX`, drawn evenly from those with
    held-out labels until `MAX_PIXELS` are reached.

    Parameters
    ----------
    frames : sequence of array of shape (C, *S)
    truth : sequence of array of shape (*S)
        Held-out labels of each, 0 = not held out.

    Returns
    -------
    list of Part
    bool
        Whether these are all held-out labels.
    """
    pairs = [(f, t) for f, t in zip(frames, truth, strict=True) if t.any()]
    if sum(t.size for _, t in pairs) <= MAX_PIXELS:
        whole = [next(tile_grid(t.shape, t.shape, (0,) * t.ndim)) for _, t in pairs]
        return [Part(*p, tile) for p, tile in zip(pairs, whole, strict=True)], True
    parts = [
        Part(frame, marks, tile)
        for frame, marks in pairs
        for tile in tile_grid(
            marks.shape,
            (CORE_PX[marks.ndim],) * marks.ndim,
            (MARGIN_PX[marks.ndim],) * marks.ndim,
        )
        if marks[tile.core].any()
    ]
    largest = max(p.truth[p.tile.padded].size for p in parts)
    n = min(max(MAX_PIXELS // largest, 1), len(parts))
    chosen = np.unique(np.linspace(0, len(parts) - 1, n).round().astype(int))
    return [parts[i] for i in chosen], n == len(parts)


def truth_of(parts: Sequence[Part]) -> npt.NDArray[np.int64]:
    """Return the held-out labels of the parts, one after the other: 1..K."""
    marks = [p.truth[p.tile.core] for p in parts]
    return np.concatenate([m[m > 0] for m in marks]).astype(np.int64)


def answer_steps(
    model: Any, parts: Sequence[Part], spec: ImageSpec
) -> Steps[npt.NDArray[np.int64]]:
    """Return what a fitted segmenter says where `truth_of` says what is right.

    Parts are scaled by the range of their whole frame, as they would be in it.

    Parameters
    ----------
    model : CnnSegmenter or ProbabilisticSegmenter
        Its classes are the values 1..K of the truth, in ascending order.
    parts : sequence of Part
    spec : ImageSpec
        The axes of the images that the frames come from.
    """
    model = copy.copy(model)  # its normalisation is set for each part
    normalization = model.normalization_
    axes = ImageSpec("c" + spec.space_axes, spec.pixel_size, spec.unit)
    said = []
    for i, part in enumerate(parts):
        low, span = normalization.scale_of(part.frame)
        model.normalization_ = Normalization("training", low, span, 0 * span)
        window = part.frame[:, *part.tile.padded]
        posterior = yield from stretch_steps(
            model.predict_proba_steps(window, spec=axes),
            i / len(parts),
            (i + 1) / len(parts),
        )
        counts = part.truth[part.tile.core] > 0
        said.append(posterior[:, *part.tile.inner].argmax(axis=0)[counts] + 1)
    return np.concatenate(said)
