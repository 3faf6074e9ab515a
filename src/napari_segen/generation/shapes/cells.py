"""Cells that touch: filled with dye, or with stained walls."""

import numpy as np

from napari_segen.core.steps import Step, Steps
from napari_segen.generation.shapes.blobs import Outline
from napari_segen.generation.shapes.canvas import Canvas, Floats, Picture, coverage
from napari_segen.generation.shapes.fields import smooth_field
from napari_segen.generation.shapes.subject import Subject
from napari_segen.generation.shapes.tissue import Cell, Tissue

_WALL = 0.045
_THINNEST_WALL = 2.0
_DIM_INSIDE = 0.15
_YIELD_EVERY = 8


def cells(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> Steps[Picture]:
    """Tissue of touching cells; the walls between them have the label 0."""
    yield Step(0, 1, "Placing cells")
    tissue = Tissue.draw(
        canvas, subject.size, subject.spread, subject.irregularity, rng
    )
    look_rng = rng.spawn(1)[0]
    is_there = rng.random(len(tissue.places)) < subject.density
    mottle = smooth_field(canvas, max(subject.size / 14, 1.0), rng)
    picture = Picture.blank(canvas)
    half_wall = max(_WALL * subject.size, _THINNEST_WALL) / 2
    for cell in tissue.cells():
        if cell.number % _YIELD_EVERY == 0:
            yield Step(cell.number, len(is_there), "Drawing cells")
        if not is_there[cell.number]:
            continue
        picture.labels[cell.window][cell.depth > half_wall] = cell.number + 1
        draw = _stained if subject.walls == "bright" else _filled
        value = draw(cell, half_wall, mottle[cell.window], subject.texture, look_rng)
        np.maximum(picture.signal[cell.window], value, out=picture.signal[cell.window])
    return picture


def _filled(
    cell: Cell,
    half_wall: float,
    mottle: Floats,
    texture: float,
    rng: np.random.Generator,
) -> Floats:
    """Cytoplasm full of dye, which the nucleus keeps out in part."""
    depth = cell.depth - np.float32(half_wall)
    value = coverage(depth) * np.float32(np.exp(0.45 * texture * rng.normal()))
    if texture == 0:
        return value
    rise = np.clip(depth / np.float32(0.5 * cell.radius), 0, 1)
    value *= 1 - np.float32(0.5 * texture) * (1 - rise) ** 2
    value *= np.exp(np.float32(0.2 * texture) * mottle)
    nucleus = cell.center + 0.12 * cell.radius * rng.standard_normal(len(cell.center))
    outline = Outline.draw(len(nucleus), 0.42 * cell.radius, 0.6, rng)
    part, offsets = cell.around(nucleus, outline.reach + 2)
    hidden = coverage(outline.depth(offsets) / 1.5)
    value[part] *= 1 - np.float32(0.7 * texture) * hidden
    return value


def _stained(
    cell: Cell,
    half_wall: float,
    mottle: Floats,
    texture: float,
    rng: np.random.Generator,
) -> Floats:
    """Bright walls around dim cells."""
    wall = coverage(cell.depth) - coverage(cell.depth - np.float32(half_wall))
    wall *= np.exp(np.float32(0.35 * texture) * mottle)
    dim = _DIM_INSIDE * np.exp(0.4 * texture * rng.normal())
    inside = coverage(cell.depth - np.float32(half_wall))
    inside *= np.float32(dim) * np.exp(np.float32(0.3 * texture) * mottle)
    value: Floats = wall + inside
    return value
