"""Labels that were kept from training: where they are, and what a model says there."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.core.tiles import Tile, tile_grid

# What is segmented whole at most for a comparison, by number of spatial axes, and
# what a pixel classifier learns from: some seconds of work.
SCORED_PIXELS = {2: 2**20, 3: 3 * 2**19}
LEARNT_PIXELS = {2: 2**22, 3: 2**20}
# Of more than that, parts of this size are taken. Multiples of 16 keep them on the
# grid of the networks' pooling.
CORE_PX = {2: (256, 256), 3: (16, 64, 64)}
# What is read around them: what most networks see, and the features' halo.
SCORED_MARGIN_PX = {2: (96, 96), 3: (16, 32, 32)}
LEARNT_MARGIN_PX = {2: (80, 80), 3: (16, 32, 32)}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a frame with labels.

    Parameters
    ----------
    frame : array of shape (C, *S)
        The whole frame.
    marks : array of shape (*S)
        Its labels: 0 = none, 1..K.
    tile : Tile
        The part that counts (`core`), and what to read around it (`padded`).
    """

    frame: Array
    marks: Array
    tile: Tile


def scored_parts(
    frames: Sequence[Array], marks: Sequence[Array]
) -> tuple[list[Part], bool]:
    """List the parts of frames to segment for a score of their held-out labels.

    Whole frames where all that have held-out labels make at most `SCORED_PIXELS`.
    Else tiles of `CORE_PX` with a margin, drawn evenly from those with held-out
    labels until `SCORED_PIXELS` are reached.

    Parameters
    ----------
    frames : sequence of array of shape (C, *S)
    marks : sequence of array of shape (*S)
        Held-out labels of each, 0 = not held out.

    Returns
    -------
    list of Part
    bool
        Whether these are all held-out labels.
    """
    limit = SCORED_PIXELS[marks[0].ndim]
    parts = _parts(frames, marks, limit, SCORED_MARGIN_PX)
    chosen = _some(parts, limit)
    return chosen, len(chosen) == len(parts)


def learnt_parts(
    frames: Sequence[Array], marks: Sequence[Array], *, are_areas: bool
) -> list[Part]:
    """List the parts of frames that a pixel classifier learns from.

    Like `scored_parts`, but of strokes never a sample: each may be the only one.
    """
    limit = LEARNT_PIXELS[marks[0].ndim]
    parts = _parts(frames, marks, limit, LEARNT_MARGIN_PX)
    return _some(parts, limit) if are_areas else parts


def _parts(
    frames: Sequence[Array],
    marks: Sequence[Array],
    limit: int,
    margins: dict[int, tuple[int, ...]],
) -> list[Part]:
    pairs = [(f, m) for f, m in zip(frames, marks, strict=True) if m.any()]
    if sum(m.size for _, m in pairs) <= limit:
        whole = [next(tile_grid(m.shape, m.shape, (0,) * m.ndim)) for _, m in pairs]
        return [Part(*p, tile) for p, tile in zip(pairs, whole, strict=True)]
    return [
        Part(frame, m, tile)
        for frame, m in pairs
        for tile in tile_grid(m.shape, CORE_PX[m.ndim], margins[m.ndim])
        if m[tile.core].any()
    ]


def _some(parts: list[Part], limit: int) -> list[Part]:
    """Draw parts evenly, of at most `limit` pixels and one more for each lost class."""
    if sum(p.marks[p.tile.padded].size for p in parts) <= limit:
        return parts
    largest = max(p.marks[p.tile.padded].size for p in parts)
    n = min(max(limit // largest, 1), len(parts))
    chosen = set(np.linspace(0, len(parts) - 1, n).round().astype(int).tolist())
    values = [set(np.unique(p.marks[p.tile.core]).tolist()) for p in parts]
    for value in set().union(*values):
        if not any(value in values[i] for i in chosen):
            chosen.add(next(i for i, v in enumerate(values) if value in v))
    return [parts[i] for i in sorted(chosen)]


def truth_of(parts: Sequence[Part]) -> npt.NDArray[np.int64]:
    """Return the held-out labels of the parts, one after the other: 1..K."""
    marks = [p.marks[p.tile.core] for p in parts]
    return np.concatenate([m[m > 0] for m in marks]).astype(np.int64)


def part_spec(spec: ImageSpec) -> ImageSpec:
    """Return the axes of a part ``(C, *S)`` of an image of axes `spec`."""
    return ImageSpec("c" + spec.space_axes, spec.pixel_size, spec.unit)


def answer_steps(
    model: Any, parts: Sequence[Part], spec: ImageSpec, **options: Any
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
    **options
        Further arguments of `predict_proba_steps`.
    """
    model = copy.copy(model)  # its normalisation is set for each part
    normalization = model.normalization_
    axes = part_spec(spec)
    said = []
    for i, part in enumerate(parts):
        low, span = normalization.scale_of(part.frame)
        model.normalization_ = Normalization("training", low, span, 0 * span)
        window = part.frame[:, *part.tile.padded]
        posterior = yield from stretch_steps(
            model.predict_proba_steps(window, spec=axes, **options),
            i / len(parts),
            (i + 1) / len(parts),
        )
        counts = part.marks[part.tile.core] > 0
        said.append(posterior[:, *part.tile.inner].argmax(axis=0)[counts] + 1)
    return np.concatenate(said)
