"""Cut cells as an electron microscope shows them: dark membranes, vesicles inside."""

import numpy as np

from napari_segen.core.steps import Step, Steps
from napari_segen.generation.shapes.blobs import Outline
from napari_segen.generation.shapes.canvas import Canvas, Floats, Picture, coverage
from napari_segen.generation.shapes.fields import smooth_field
from napari_segen.generation.shapes.placing import place
from napari_segen.generation.shapes.strokes import Stroke, stroke_pixels
from napari_segen.generation.shapes.subject import Subject
from napari_segen.generation.shapes.tissue import Cell, Tissue

MEMBRANE = 1
_WIDTH = 0.045
_THINNEST = 2.0
_DARK = 0.12
_PART_WITH_MITOCHONDRION = 0.3
_YIELD_EVERY = 8


def membranes(
    canvas: Canvas, subject: Subject, rng: np.random.Generator
) -> Steps[Picture]:
    """Membranes (label 1) that enclose bright cells (label 0), each closed."""
    yield Step(0, 1, "Placing cells")
    tissue = Tissue.draw(
        canvas, subject.size, 2 * subject.spread, subject.irregularity, rng
    )
    look_rng, vesicle_rng = rng.spawn(2)
    half = max(_WIDTH * subject.size, _THINNEST) / 2
    labels = np.full(canvas.shape, MEMBRANE, np.int32)
    picture = Picture(labels, np.full(canvas.shape, _DARK, np.float32))
    inside = np.full(canvas.shape, -np.inf, np.float32)
    for cell in tissue.cells():
        if cell.number % _YIELD_EVERY == 0:
            yield Step(cell.number, len(tissue.places), "Drawing membranes")
        depth = cell.depth - np.float32(half)
        picture.labels[cell.window][depth > 0] = 0
        np.maximum(inside[cell.window], depth, out=inside[cell.window])
        value = _cytoplasm(cell, depth, subject.texture, look_rng)
        value = _DARK + (value - _DARK) * coverage(depth)
        np.maximum(picture.signal[cell.window], value, out=picture.signal[cell.window])
    if subject.texture > 0:
        yield from _vesicles(canvas, picture.signal, inside, subject, vesicle_rng)
    return picture


def _cytoplasm(
    cell: Cell, depth: Floats, texture: float, rng: np.random.Generator
) -> Floats:
    """Brightness inside a cell, in some with a mitochondrion."""
    value: Floats = np.full(
        depth.shape, np.exp(0.18 * texture * rng.normal()), np.float32
    )
    has_one = rng.random() < _PART_WITH_MITOCHONDRION
    if texture == 0 or not has_one:
        return value
    center = cell.center + 0.2 * cell.radius * rng.standard_normal(len(cell.center))
    outline = Outline.draw(len(center), 0.45 * cell.radius, 1.2, rng)
    part, offsets = cell.around(center, outline.reach + 2)
    body = np.minimum(outline.depth(offsets), depth[part] - np.float32(3))
    along = rng.standard_normal(len(center))
    along *= 2 * np.pi / (max(cell.radius / 5, 4.0) * np.linalg.norm(along))
    phase = sum(np.float32(a) * o for a, o in zip(along, offsets, strict=True))
    cristae = np.float32(0.5) + np.float32(0.16) * np.sin(phase)
    hull = np.clip(1.5 - np.abs(body), 0, 1) * coverage(body + 1)
    value[part] += np.float32(1.6 * texture) * coverage(body) * (cristae - value[part])
    value[part] -= np.float32(0.5 * texture) * hull
    return value


def _vesicles(
    canvas: Canvas,
    signal: Floats,
    inside: Floats,
    subject: Subject,
    rng: np.random.Generator,
) -> Steps[None]:
    """Grain the cytoplasm, and strew small rings over it, here dense, there rare."""
    fill = coverage(inside)
    grain = smooth_field(canvas, max(subject.size / 40, 1.0), rng)
    grain *= np.float32(0.25 * subject.texture) * (fill + np.float32(0.4))
    signal += grain
    yield Step(0, 1, "Strewing vesicles")
    crowd = smooth_field(canvas, subject.size / 2, rng)
    radius = max(subject.size / 22, 1.5)
    spots = place(canvas, 0.16, radius, 0.5, rng, margin=radius, slack=1.2)
    stroke = Stroke(spots.centers, spots.centers, spots.radii, spots.radii)
    pixel = np.floor(spots.centers / canvas.voxel).astype(np.intp)
    pixel = np.clip(pixel, 0, np.array(canvas.shape) - 1)
    at = tuple(pixel.T)
    kept = (crowd[at] > -0.1) & (inside[at] > 0.6 * radius)
    strength = np.where(kept, rng.uniform(0.6, 1.5, len(spots)), 0) * subject.texture
    for found in stroke_pixels(canvas, stroke):
        yield Step(found.done, len(spots), "Strewing vesicles")
        thick = np.float32(max(0.35 * radius, 0.8))
        ring = np.exp(-(((found.depth - thick) / thick) ** 2))
        darker = ring * strength[found.part].astype(np.float32)
        darker *= fill.reshape(-1)[found.pixel]
        np.subtract.at(signal.reshape(-1), found.pixel, darker)
