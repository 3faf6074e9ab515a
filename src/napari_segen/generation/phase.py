"""Random phase: an image with the spectrum of another and else without order.

After Galerne, Gousseau and Morel, "Random Phase Textures: Theory and Synthesis", IEEE
Transactions on Image Processing 20 (2011), and for the periodic part Moisan, "Periodic
plus smooth image decomposition", Journal of Mathematical Imaging and Vision 39 (2011).
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from napari_segen.core.imagespec import Array

Doubles = npt.NDArray[np.float64]

# Part of each side over which a texture fades before it is set into a larger frame.
_FADE = 0.1


def filled(image: Array) -> Doubles:
    """Give pixels without data the values of the nearest pixel that has some."""
    values = image.astype(np.float64)
    missing = ~np.isfinite(values).all(axis=0)
    if not missing.any():
        return values
    if missing.all():
        return np.zeros_like(values)
    nearest = ndimage.distance_transform_edt(
        missing, return_distances=False, return_indices=True
    )
    return np.asarray(values[(slice(None), *nearest)])


def smooth_part(image: Array) -> Doubles:
    """Return the smooth image that makes opposite borders meet once subtracted.

    Parameters
    ----------
    image : array of shape (C, *S)

    Returns
    -------
    array of shape (C, *S), of mean 0
    """
    jumps = np.zeros(image.shape)
    axes = range(1, image.ndim)
    cosines: Doubles = np.zeros(image.shape[1:])
    for axis in axes:
        first, last = np.take(image, [0], axis), np.take(image, [-1], axis)
        index: list[slice] = [slice(None)] * image.ndim
        index[axis] = slice(0, 1)
        jumps[tuple(index)] += last - first
        index[axis] = slice(-1, None)
        jumps[tuple(index)] += first - last
        n = image.shape[axis]
        wave = np.cos(2 * np.pi * np.arange(n) / n)
        cosines = cosines + np.expand_dims(wave, [a - 1 for a in axes if a != axis])
    scale = 2 * cosines - 2 * len(axes)
    scale[(0,) * len(axes)] = 1
    spectrum = fft.fftn(jumps, axes=list(axes)) / scale
    spectrum[(slice(None), *(0,) * len(axes))] = 0
    return np.asarray(fft.ifftn(spectrum, axes=list(axes)).real)


def random_phases(shape: tuple[int, ...], rng: np.random.Generator) -> Doubles:
    """Draw phases for `rfftn` of a real image of `shape`; 0 where they must be real."""
    phases = np.angle(fft.rfftn(rng.standard_normal(shape)))
    own = np.ix_(*([0, n // 2] if n % 2 == 0 else [0] for n in shape))
    phases[own] = 0
    return np.asarray(phases)


def turned(periodic: Array, phases: Array) -> Doubles:
    """Add phases, the same for every channel, to the spectrum of ``(C, *S)``."""
    axes = list(range(1, periodic.ndim))
    spectrum = fft.rfftn(periodic, axes=axes) * np.exp(1j * phases)
    return np.asarray(fft.irfftn(spectrum, s=periodic.shape[1:], axes=axes))


def new_texture(
    image: Array, shape: tuple[int, ...], rng: np.random.Generator
) -> Doubles:
    """Draw a texture of the spatial `shape` with the look of `image`.

    Parameters
    ----------
    image : array of shape (C, *S)
        Of finite values.
    shape : tuple of int
        Where it is S, the modulus of the spectrum of the image's periodic part is
        kept; where it is larger, that spectrum is interpolated; where it is
        smaller, a part is cut out.
    rng : numpy.random.Generator
    """
    mean = image.mean(axis=tuple(range(1, image.ndim)), keepdims=True)
    spot = image - smooth_part(image) - mean
    sides = tuple(
        have if want <= have else fft.next_fast_len(want, real=True)
        for have, want in zip(image.shape[1:], shape, strict=True)
    )
    if sides != image.shape[1:]:
        spot = _set_into(spot, sides)
    texture = turned(spot, random_phases(sides, rng)) + mean
    return np.asarray(texture[(slice(None), *(slice(n) for n in shape))])


def varied(image: Array, strength: float, rng: np.random.Generator) -> Doubles:
    """Turn the phases of `image` by `strength` times what a new texture takes."""
    smooth = smooth_part(image)
    phases = random_phases(image.shape[1:], rng)
    return turned(image - smooth, strength * phases) + (1 - strength) * smooth


def _set_into(spot: Array, sides: tuple[int, ...]) -> Doubles:
    """Fade `spot` and put it into a larger frame, with the same variance."""
    fade = np.ones(spot.shape[1:])
    for axis, n in enumerate(spot.shape[1:]):
        if sides[axis] == n:
            continue
        edge = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5) / n / _FADE
        wave = np.sin(np.minimum(edge, 1) * np.pi / 2)
        others = [a for a in range(spot.ndim - 1) if a != axis]
        fade = fade * np.expand_dims(wave, others)
    fade *= np.sqrt(math.prod(sides) / fade.size / np.mean(fade**2))
    large = np.zeros((len(spot), *sides))
    large[(slice(None), *(slice(n) for n in spot.shape[1:]))] = spot * fade
    # A window lets some of the mean back in, which is no texture.
    mean = large.mean(axis=tuple(range(1, large.ndim)), keepdims=True)
    return np.asarray(large - mean)
