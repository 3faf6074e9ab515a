"""The ways in which the stress test makes an image worse, from none to strong."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.generation import degrade
from napari_segen.generation.values import ValueRange


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way of making an image worse.

    Parameters
    ----------
    title, unit : str
        What it is called, and what its amounts are in: photons at the brightest
        pixel; sigma, radius or length in pixels; or shares.
    amount : callable
        From the level, above 0 to 1, to the amount.
    apply : callable
        From one channel ``(*S)``, the amount and a generator of random numbers to the
        degraded channel.
    """

    title: str
    unit: str
    amount: Callable[[float], float]
    apply: Callable[[Array, float, np.random.Generator], Array]


_MANY_PHOTONS, _FEW_PHOTONS = 1000.0, 3.0
_ANGLE_DEG = 30.0

DEGRADATIONS = {
    "noise": Degradation(
        "noise",
        "photons",
        lambda f: _MANY_PHOTONS * (_FEW_PHOTONS / _MANY_PHOTONS) ** f,
        degrade.shot_noise,
    ),
    "blur": Degradation(
        "blur",
        "px",
        lambda f: 6 * f,
        lambda image, amount, rng: degrade.gaussian_blur(image, amount),
    ),
    "contrast": Degradation(
        "contrast",
        "of the contrast",
        lambda f: 1 - 0.95 * f,
        lambda image, amount, rng: degrade.contrast(image, amount),
    ),
    "bleaching": Degradation(
        "bleaching",
        "of the light lost",
        lambda f: 0.95 * f,
        lambda image, amount, rng: degrade.bleaching(image, amount),
    ),
    "defocus": Degradation(
        "defocus",
        "px",
        lambda f: 10 * f,
        lambda image, amount, rng: degrade.defocus_blur(image, amount),
    ),
    "motion": Degradation(
        "motion",
        "px",
        lambda f: 25 * f,
        lambda image, amount, rng: degrade.motion_blur(image, amount, _ANGLE_DEG),
    ),
    "shading": Degradation(
        "shading",
        "more or less light",
        lambda f: 0.9 * f,
        degrade.shading,
    ),
    "salt": Degradation(
        "salt and pepper", "of the pixels", lambda f: 0.3 * f, degrade.salt_and_pepper
    ),
}


def degraded(
    image: Array, spec: ImageSpec, kind: str, amount: float, seed: int
) -> Array:
    """Make an image worse as a camera would: its type stays, integers are rounded.

    Yes-or-no images become float32.

    Each frame and channel is degraded on its own, with noise of its own; the same
    seed gives the same noise (or the same uneven light) in any amount.
    """
    frames = spec.frames(image.astype(np.float32) if image.dtype == bool else image)
    limits = _type_limits(frames)
    made = np.empty(frames.shape, frames.dtype)
    for n, frame in enumerate(frames):
        worse = []
        for c, channel in enumerate(frame):
            rng = np.random.default_rng([seed, n, c])
            worse.append(DEGRADATIONS[kind].apply(channel, amount, rng))
        made[n] = limits.fitted(np.stack(worse))
    return np.ascontiguousarray(spec.unframe_image(made, image.shape))


def _type_limits(frames: Array) -> ValueRange:
    """Return the limits of the image's type, for each channel."""
    n_channels, dtype = frames.shape[1], frames.dtype
    if dtype.kind == "f":
        low, high = -np.inf, np.inf
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return ValueRange(np.full(n_channels, low, dtype), np.full(n_channels, high, dtype))
