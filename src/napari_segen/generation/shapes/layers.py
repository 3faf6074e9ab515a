"""Bands of tissue on top of each other, with wavy borders."""

import numpy as np

from napari_segen.core.steps import Step, Steps
from napari_segen.generation.shapes.canvas import Canvas, Floats, Picture
from napari_segen.generation.shapes.fields import smooth_field
from napari_segen.generation.shapes.subject import Subject

KINDS = 4
# From dark to bright, by the kind's number, with the size of its grain in pixels.
_BRIGHT = (0.15, 0.45, 0.75, 1.05)
_GRAIN = (1.2, 3.5, 1.5, 5.0)
_THINNEST = 2.0


def layers(
    canvas: Canvas, subject: Subject, rng: np.random.Generator
) -> Steps[Picture]:
    """Layers of four kinds (labels 1 to 4, dark to bright), stacked along y.

    Layers on top of each other differ in kind; every pixel is in one.
    """
    yield Step(0, 1, "Piling up layers")
    picture = Picture.blank(canvas)
    across = Canvas(
        tuple(n for i, n in enumerate(canvas.shape) if i != canvas.ndim - 2),
        tuple(v for i, v in enumerate(canvas.voxel) if i != canvas.ndim - 2),
    )
    height = float(canvas.extent[-2])
    top = _wave(across, 6 * subject.size, subject, rng) * np.float32(0.5 * subject.size)
    top -= np.float32(rng.uniform(0.5, 1.5) * subject.size) + top.max()
    value = _grains(canvas, subject, rng.spawn(1)[0])
    kind = int(rng.integers(KINDS))
    while top.min() < height:
        yield Step(max(0, int(top.min())), int(height) + 1, "Piling up layers")
        bottom = top + _thickness(across, subject, rng)
        _fill_below(canvas, picture, top, float(bottom.max()), kind, value)
        kind = (kind + int(rng.integers(1, KINDS))) % KINDS
        top = bottom
    return picture


def _wave(
    across: Canvas, scale: float, subject: Subject, rng: np.random.Generator
) -> Floats:
    return smooth_field(across, scale, rng) * np.float32(2 * subject.irregularity)


def _thickness(across: Canvas, subject: Subject, rng: np.random.Generator) -> Floats:
    """Thickness of one layer ``(*S without y)``."""
    spread = 0.8 * subject.spread
    mean = subject.size * np.exp(spread * rng.standard_normal() - spread**2 / 2)
    slow = _wave(across, 3 * subject.size, subject, rng)
    fast = _wave(across, subject.size / 2, subject, rng)
    varied = np.exp(np.float32(0.3) * slow + np.float32(0.08) * fast)
    thickness: Floats = np.maximum(np.float32(mean) * varied, np.float32(_THINNEST))
    return thickness


def _grains(
    canvas: Canvas, subject: Subject, rng: np.random.Generator
) -> list[Floats | None]:
    """Brightness of a whole image of each kind; None where it is even."""
    if subject.texture == 0:
        return [None] * KINDS
    found: list[Floats | None] = []
    for size in _GRAIN:
        grain = smooth_field(canvas, size, rng)
        grain *= np.float32(0.3 * subject.texture)
        found.append(np.exp(grain, out=grain))
    return found


def _fill_below(
    canvas: Canvas,
    picture: Picture,
    top: Floats,
    lowest: float,
    kind: int,
    grains: list[Floats | None],
) -> None:
    """Fill what is below the surface `top` with one kind, down to `lowest` or more."""
    ends = np.array([top.min() - 1, lowest + 1]) / canvas.voxel[-2]
    first, last = np.clip([np.floor(ends[0]), np.ceil(ends[1])], 0, canvas.shape[-2])
    if first >= last:
        return
    rows = slice(int(first), int(last))
    window = (*canvas.everything[:-2], rows, canvas.everything[-1])
    y = canvas.grid(window)[-2]
    part = np.clip(y - np.expand_dims(top, -2) + np.float32(0.5), 0, 1)
    value: Floats | np.float32 = np.float32(_BRIGHT[kind])
    grain = grains[kind]
    if grain is not None:
        value = value * grain[window]
    signal = picture.signal[window]
    signal += part * (value - signal)
    picture.labels[window][part > 0.5] = kind + 1
