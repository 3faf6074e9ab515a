"""Changes of grey values: contrast, brightness, blur, noise."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.warp import Floats


@dataclass(frozen=True, slots=True)
class Light:
    """How the grey values of one image change.

    Parameters
    ----------
    gain, offset : float
        Contrast about the middle of the range, and what is added, in ranges.
    sigma : array of shape (ndim,)
        Of the blur, in pixels.
    noise : float
        Standard deviation, in ranges.
    """

    gain: float
    offset: float
    sigma: Floats
    noise: float

    @property
    def is_still(self) -> bool:
        """Whether nothing changes, so that copied values stay exact."""
        moved = self.offset or self.noise or self.sigma.any()
        return self.gain == 1 and not moved


def relit_steps(
    image: Array, before: Array, light: Light, rng: np.random.Generator
) -> Steps[Array]:
    """Change an image ``(C, *S)``; ranges are those of the image `before`."""
    if light.is_still:
        return image
    result = image.astype(np.float64)
    for c, plane in enumerate(result):
        yield Step(c, len(result), "Changing grey values")
        low, high = _finite_range(before[c])
        middle = (low + high) / 2
        plane[...] = (plane - middle) * light.gain + middle
        plane += light.offset * (high - low)
        if light.sigma.any():
            plane[...] = _blurred(plane, light.sigma)
        if light.noise > 0:
            plane += light.noise * (high - low) * rng.standard_normal(plane.shape)
    return result


def _finite_range(plane: Array) -> tuple[float, float]:
    values = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
    if values.size == 0:
        return 0.0, 0.0
    return float(values.min()), float(values.max())


def _blurred(plane: Floats, sigma: Floats) -> Floats:
    """Gaussian blur that neither spreads nor fills pixels without data."""
    known = np.isfinite(plane)
    if known.all():
        blurred: Floats = ndimage.gaussian_filter(plane, sigma, mode="reflect")
        return blurred
    weight = ndimage.gaussian_filter(known.astype(float), sigma, mode="reflect")
    total = ndimage.gaussian_filter(np.where(known, plane, 0.0), sigma, mode="reflect")
    result: Floats = np.where(known, total / np.maximum(weight, 1e-12), plane)
    return result
