"""From a scene to what a camera records: light, optics, shot and read noise, bits."""

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.degrade import (
    gaussian_blur,
    read_noise,
    shading,
    shot_noise,
)
from napari_segen.generation.shapes.canvas import Canvas, Floats
from napari_segen.generation.shapes.fields import smooth_field
from napari_segen.generation.shapes.params import ShapesParams
from napari_segen.generation.values import ValueRange

_WHITE = {"8 bit": 255, "12 bit": 4095, "16 bit": 65535, "float": 1}
_TYPES = {"8 bit": np.uint8, "12 bit": np.uint16, "16 bit": np.uint16}
# Real numbers have room for noise on both sides of black and white.
_FLOAT_ROOM = 16.0
_HAZE = 0.35


def output_range(params: ShapesParams) -> ValueRange:
    """Type and range of the camera's numbers."""
    if params.bit_depth == "float":
        room = np.array([_FLOAT_ROOM], np.float32)
        return ValueRange(-room, room)
    dtype = _TYPES[params.bit_depth]
    white = np.array([_WHITE[params.bit_depth]], dtype)
    return ValueRange(np.zeros(1, dtype), white)


def sigmas(canvas: Canvas, params: ShapesParams) -> tuple[float, ...]:
    """Blur along each axis, in pixels of that axis."""
    axial = (params.axial_blur,) if canvas.ndim == 3 else ()
    factors = (*axial, 1.0, 1.0)
    return tuple(
        params.blur * f / v for f, v in zip(factors, canvas.voxel, strict=True)
    )


def photograph_steps(
    signal: Floats, canvas: Canvas, params: ShapesParams, rng: np.random.Generator
) -> Steps[Array]:
    """Take the picture ``(*S)``: brightness in the camera's numbers, not yet rounded.

    Each part draws from a stream of its own: more photons do not move the shadows.
    """
    haze_rng, light_rng, shot_rng, read_rng = rng.spawn(4)
    yield Step(0, 6, "Lighting the scene")
    light: Array = signal * np.float32(params.contrast)
    light += _haze(canvas, params, haze_rng)
    for axis, sigma in enumerate(sigmas(canvas, params)):
        yield Step(1 + axis, 6, "Blurring")
        only = [0.0] * canvas.ndim
        only[axis] = sigma
        if sigma > 0:
            light = gaussian_blur(light, only)
    limits = (0.0, max(params.background + params.contrast, 1e-3))
    if params.shading > 0:
        light = shading(light, params.shading, light_rng, limits=limits)
    yield Step(4, 6, "Counting photons")
    light = shot_noise(light, params.photons, shot_rng, limits=limits)
    yield Step(5, 6, "Reading the camera")
    if params.read_noise > 0:
        light = read_noise(light, params.read_noise, read_rng, limits=(0.0, 1.0))
    light *= np.float32(_WHITE[params.bit_depth])
    return light


def _haze(canvas: Canvas, params: ShapesParams, rng: np.random.Generator) -> Array:
    """Background that is brighter here and darker there."""
    if params.texture == 0 or params.background == 0:
        return np.float32(params.background) * np.ones(1, np.float32)
    field = smooth_field(canvas, max(max(canvas.extent) / 6, 8.0), rng)
    field *= np.float32(_HAZE * params.texture)
    haze: Array = np.exp(field, out=field)
    haze *= np.float32(params.background)
    return haze
