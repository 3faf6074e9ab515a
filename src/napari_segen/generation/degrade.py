"""What optics and cameras do to an image: noise, blur, shading, bleaching, contrast.

Every function takes one channel ``(*S)``, 2D or 3D, of any real type, and returns a
new array: float32 of float32, otherwise float64. The amount 0 (for `contrast` the
factor 1) changes nothing. Pixels that are not finite are no-data: they stay what they
are and never enter the others. Values may leave the range of the image.

`limits` are the values (dark, brightest) that amounts refer to. By default the
brightest is the greatest value and the dark the least one; where light counts (shot
noise, shading, bleaching) the dark is 0 unless there are negative values.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from napari_segen.core.imagespec import Array
from napari_segen.generation.kernels import convolved, disc_kernel, line_kernel

Limits = tuple[float, float]

# A part in a million of noise: less than any camera has, and Poisson numbers of a
# greater mean would overflow sooner or later.
_NOISELESS_PHOTONS = 1e12


def shot_noise(
    image: Array,
    photons: float,
    rng: np.random.Generator,
    *,
    limits: Limits | None = None,
) -> Array:
    """Count photons: at the brightest pixel `photons` are expected, at dark none.

    Means stay; the variance at the brightest is ``(brightest - dark)^2 / photons``
    and falls in proportion to the light.
    """
    _check("photons", photons, 0, np.inf)
    if photons == 0:
        raise ValueError("photons must be more than 0: no light, no image.")
    values, known = _prepared(image)
    dark, bright = limits or _light_limits(values, known)
    if photons >= _NOISELESS_PHOTONS or bright <= dark:
        return values
    per_photon = (bright - dark) / photons
    expected = np.maximum((values[known].astype(np.float64) - dark) / per_photon, 0)
    values[known] = rng.poisson(expected) * per_photon + dark
    return values


def read_noise(
    image: Array,
    sigma: float,
    rng: np.random.Generator,
    *,
    limits: Limits | None = None,
) -> Array:
    """Add Gaussian noise of the standard deviation `sigma`, in ranges of the image."""
    _check("sigma", sigma, 0, np.inf)
    values, known = _prepared(image)
    if sigma == 0:
        return values
    low, high = limits or _limits(values, known)
    noise = rng.standard_normal(values.shape, values.dtype.type)
    noise *= float(sigma) * (high - low)
    return np.where(known, values + noise, values)


def salt_and_pepper(
    image: Array,
    share: float,
    rng: np.random.Generator,
    *,
    limits: Limits | None = None,
) -> Array:
    """Set this `share` of the pixels to the brightest or the darkest, half each."""
    _check("share", share, 0, 1)
    values, known = _prepared(image)
    low, high = limits or _limits(values, known)
    drawn = rng.random(values.shape)
    values[known & (drawn < share / 2)] = low
    values[known & (drawn >= 1 - share / 2)] = high
    return values


def gaussian_blur(image: Array, sigma: float | Sequence[float]) -> Array:
    """Blur with a Gaussian of `sigma` pixels, one for all axes or one for each."""
    sigmas = _each("sigma", sigma, image.ndim)
    if not any(sigmas):
        return _prepared(image)[0]

    def blur(values: Array) -> Array:
        blurred: Array = ndimage.gaussian_filter(values, sigmas, mode="reflect")
        return blurred

    return _blurred(image, blur)


def motion_blur(
    image: Array, length: float | Sequence[float], angle_deg: float
) -> Array:
    """Smear along a line in the plane y, x.

    Parameters
    ----------
    length : float, or two (y, x)
        Of the line, in pixels; two where pixels are not square: a line along y has
        the first length, one along x the second.
    angle_deg : float
        0 is along x, 90 along y; 45 goes down to the right, where y points down.
    """
    long_y, long_x = _each("length", length, 2)
    angle = np.deg2rad(angle_deg)
    half = (float(np.sin(angle)) * long_y / 2, float(np.cos(angle)) * long_x / 2)
    # The sine of 180 degrees is not quite 0, and would widen the kernel by a pixel.
    half = (round(half[0], 9), round(half[1], 9))
    return _in_planes(image, line_kernel(half))


def defocus_blur(image: Array, radius: float | Sequence[float]) -> Array:
    """Spread each point over a disc of `radius` pixels in the plane y, x.

    Two radii (y, x) make an ellipse, for pixels that are not square. A disc within
    its own pixel (radius 0.5) changes nothing yet.
    """
    radius_y, radius_x = _each("radius", radius, 2)
    return _in_planes(image, disc_kernel((radius_y, radius_x)))


def shading(
    image: Array,
    amount: float,
    rng: np.random.Generator,
    *,
    limits: Limits | None = None,
) -> Array:
    """Light the image unevenly: times a smooth field of mean 1.

    The field departs from 1 by `amount` (0 to 1) where it departs most.
    """
    _check("amount", amount, 0, 1)
    values, known = _prepared(image)
    if amount == 0:
        return values
    dark = (limits or _light_limits(values, known))[0]
    field = 1 + float(amount) * _smooth_field(values.shape, rng)
    return _lit(values, known, field.astype(values.dtype), dark)


def bleaching(
    image: Array, amount: float, *, axis: int = 0, limits: Limits | None = None
) -> Array:
    """Fade exponentially along `axis`: its last plane (row) loses the part `amount`.

    The first keeps all its light. Along the first axis of a volume this is a stack
    recorded slice by slice, in 2D a slow scan.
    """
    _check("amount", amount, 0, 1)
    values, known = _prepared(image)
    if amount == 0:
        return values
    dark = (limits or _light_limits(values, known))[0]
    n = values.shape[axis]
    factor = (1.0 - amount) ** (np.arange(n) / max(n - 1, 1))
    sizes = [1] * values.ndim
    sizes[axis] = n
    return _lit(values, known, factor.reshape(sizes).astype(values.dtype), dark)


def contrast(image: Array, factor: float, *, mean: float | None = None) -> Array:
    """Stretch (`factor` above 1) or flatten (below 1) the grey values about the mean.

    Parameters
    ----------
    mean : float, optional
        The image's own by default; for a part of an image, that of the whole.
    """
    _check("factor", factor, 0, np.inf)
    values, known = _prepared(image)
    if factor == 1 or not known.any():
        return values
    center = float(values[known].mean(dtype=np.float64)) if mean is None else mean
    with np.errstate(invalid="ignore"):  # infinity times 0
        stretched = (values - center) * float(factor) + center
    return np.where(known, stretched, values)


def match_histogram(
    image: Array, target_values: Array, *, source_values: Array | None = None
) -> Array:
    """Replace grey values by those of the same rank among `target_values`.

    Parameters
    ----------
    target_values : array of any shape
        What is not finite does not count.
    source_values : array of any shape, optional
        Values to rank those of the image among; its own by default. For a part of an
        image, those of the whole.
    """
    values, known = _prepared(image)
    own = image if source_values is None else source_values
    ranked, share = _cumulative(own)
    wanted, wanted_share = _cumulative(target_values)
    if wanted.size == 0:
        raise ValueError("target_values has no finite value to take over.")
    if ranked.size:
        shares = np.interp(values[known], ranked, share)
        values[known] = np.interp(shares, wanted_share, wanted)
    return values


def _cumulative(array: Array) -> tuple[Array, Array]:
    """Finite values, ascending, and which share of the pixels is below each.

    Of equal pixels half count as below: else those of a saturated image would all
    become the brightest there is, far from their neighbours.
    """
    values, known = _prepared(np.asarray(array))
    found, counts = np.unique(values[known], return_counts=True)
    return found, (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1)


def _check(name: str, value: Any, low: float, high: float) -> None:
    if not low <= value <= high:
        limits = f"from {low:g} to {high:g}" if np.isfinite(high) else "at least 0"
        raise ValueError(f"{name} must be {limits}, got {value!r}.")


def _each(name: str, value: float | Sequence[float], n: int) -> list[float]:
    entries = np.ravel(np.asarray(value, float))
    if entries.size not in (1, n):
        raise ValueError(f"{name} must be one number or {n}, got {value!r}.")
    for entry in entries:
        _check(name, float(entry), 0, np.inf)
    return [float(e) for e in np.broadcast_to(entries, n)]


def _prepared(image: Array) -> tuple[Array, Array]:
    """Return a copy in floating point, and which pixels have data."""
    dtype = np.float32 if image.dtype in (np.float16, np.float32) else np.float64
    values = image.astype(dtype)
    return values, np.isfinite(values)


def _limits(values: Array, known: Array) -> Limits:
    inside = values[known]
    if inside.size == 0:
        return 0.0, 0.0
    return float(inside.min()), float(inside.max())


def _light_limits(values: Array, known: Array) -> Limits:
    low, high = _limits(values, known)
    return min(low, 0.0), high


def _lit(values: Array, known: Array, field: Array, dark: float) -> Array:
    """Multiply the light above `dark` by a field."""
    light = np.where(known, values, dark) - dark
    return np.where(known, light * field + dark, values)


def _smooth_field(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draw a field ``(*S)`` of the slowest cosine waves, from -1 to 1, of mean 0."""
    waves = [
        np.cos(np.pi * np.arange(3)[:, np.newaxis] * (np.arange(n) + 0.5) / n)
        for n in shape
    ]
    orders = np.indices((3,) * len(shape))
    weights = rng.standard_normal(orders.shape[1:]) / (1 + (orders**2).sum(axis=0))
    weights.flat[0] = 0
    for wave in waves:
        weights = np.tensordot(weights, wave, axes=(0, 0))
    weights -= weights.mean()
    field: Array = weights / max(np.abs(weights).max(), 1e-12)
    return field


def _blurred(image: Array, blur: Callable[[Array], Array]) -> Array:
    """Apply a weighted mean over neighbours to the pixels with data alone."""
    values, known = _prepared(image)
    if known.all():
        return blur(values)
    weight = blur(known.astype(values.dtype))
    total = blur(np.where(known, values, 0))
    # Not 0: by the rounding of the mean even a pixel's own weight may get lost.
    return np.where(known, total / np.maximum(weight, 1e-12), values)


def _in_planes(image: Array, kernel: Array) -> Array:
    """Convolve each plane y, x."""
    if kernel.size == 1:
        return _prepared(image)[0]

    def blur(values: Array) -> Array:
        result = np.empty_like(values)
        for index in np.ndindex(values.shape[:-2]):
            result[index] = convolved(values[index], kernel)
        return result

    return _blurred(image, blur)
