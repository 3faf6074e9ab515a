"""Changes of grey values: histogram, contrast, light, blur, noise."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.generation import degrade
from napari_segen.generation.transform_params import TransformParams

# Each part has random numbers of its own, so that none shifts those of another.
LIGHT_PARTS = (
    "gain",
    "offset",
    "match",
    "bleaching",
    "shading",
    "blur",
    "defocus",
    "motion",
    "shot_noise",
    "noise",
    "salt",
)
_SAMPLED_PIXELS = 2**16

Streams = Mapping[str, np.random.Generator]


@dataclass(frozen=True, slots=True)
class Look:
    """The grey values of an image, one entry per channel.

    Parameters
    ----------
    limits : list of (low, high)
        Of the finite pixels; (0, 0) without any.
    means : list of float
    samples : list of 1D arrays
        Grey values of finite pixels, as often as they occur.
    """

    limits: list[degrade.Limits]
    means: list[float]
    samples: list[Array]


def look_of(image: Array) -> Look:
    """Describe the grey values of ``(C, *S)``."""
    limits, means, samples = [], [], []
    for plane in image:
        finite = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
        is_empty = finite.size == 0
        limits.append(
            (0.0, 0.0) if is_empty else (float(finite.min()), float(finite.max()))
        )
        means.append(0.0 if is_empty else float(finite.mean(dtype=np.float64)))
        if finite.size > _SAMPLED_PIXELS:
            rng = np.random.default_rng(0)  # the same pixels every time
            finite = finite.flat[rng.integers(finite.size, size=_SAMPLED_PIXELS)]
        samples.append(finite.astype(np.float64).ravel())
    return Look(limits, means, samples)


@dataclass(frozen=True, slots=True)
class Light:
    """How the grey values of one image change.

    Parameters
    ----------
    gain, offset : float
        Contrast about the mean, and what is added, in ranges.
    match : float
        How far to go towards the histogram of another image.
    fading : tuple of (float, int, bool)
        Part of the light lost, along which axis, and whether from its far end.
    shading : float
    sigma : tuple of float
        Of the Gaussian blur along each axis, in pixels.
    disc, smear : tuple of two float
        Radii of the disc out of focus, and lengths of the motion, (y, x), in pixels.
    angle_deg : float
        Of the motion.
    shot_noise, noise : float
        Standard deviation, as a part of the brightest and of the range.
    salt : float
        Share of the pixels.
    """

    gain: float
    offset: float
    match: float
    fading: tuple[float, int, bool]
    shading: float
    sigma: tuple[float, ...]
    disc: tuple[float, float]
    smear: tuple[float, float]
    angle_deg: float
    shot_noise: float
    noise: float
    salt: float

    @property
    def is_still(self) -> bool:
        """Whether nothing changes, so that copied values stay exact."""
        amounts = (
            self.offset,
            self.match,
            self.fading[0],
            self.shading,
            *self.sigma,
            *self.disc,
            *self.smear,
            self.shot_noise,
            self.noise,
            self.salt,
        )
        return self.gain == 1 and not any(amounts)


def draw_light(
    params: TransformParams,
    sampling: tuple[float, ...],
    streams: Streams,
    *,
    strength: float = 1.0,
) -> Light:
    """Draw the change of grey values; a histogram is taken over by `strength`."""

    def part_of(name: str) -> float:
        return float(getattr(params, name) * streams[name].uniform(0, 1))

    size = [s / sampling[-1] for s in sampling]
    axis = int(streams["bleaching"].integers(2)) if len(size) == 2 else 0
    from_end = bool(streams["bleaching"].integers(2))
    sigma, radius, length = (part_of(n) for n in ("blur", "defocus", "motion"))
    return Light(
        gain=float(params.gain ** streams["gain"].uniform(-1, 1)),
        offset=float(params.offset * streams["offset"].uniform(-1, 1)),
        match=strength if streams["match"].random() < params.match else 0.0,
        fading=(part_of("bleaching"), axis, from_end),
        shading=part_of("shading"),
        sigma=tuple(sigma / s for s in size),
        disc=(radius / size[-2], radius),
        smear=(length / size[-2], length),
        angle_deg=float(streams["motion"].uniform(0, 180)),
        shot_noise=params.shot_noise,
        noise=params.noise,
        salt=params.salt,
    )


def relit_steps(
    image: Array, before: Look, other: Look | None, light: Light, streams: Streams
) -> Steps[Array]:
    """Change an image ``(C, *S)``.

    Parameters
    ----------
    before : Look
        Of the whole image that this one was made from: amounts refer to its range.
    other : Look, optional
        Of the image whose histogram is taken over, if any is.
    """
    if light.is_still:
        return image
    result = np.empty(image.shape, np.float64)
    for c, plane in enumerate(image):
        yield Step(c, len(image), "Changing grey values")
        values = plane.astype(np.float64)
        if other is not None and light.match > 0:
            values = _matched(values, before.samples[c], other.samples[c], light.match)
        low, high = before.limits[c]
        values = degrade.contrast(values, light.gain, mean=before.means[c])
        values += light.offset * (high - low)
        result[c] = yield from _recorded(values, low, high, light, streams)
    return result


def _matched(values: Array, own: Array, other: Array, weight: float) -> Array:
    if own.size == 0 or other.size == 0:
        return values
    matched = degrade.match_histogram(values, other, source_values=own)
    known = np.isfinite(values)
    values[known] += weight * (matched[known] - values[known])
    return values


def _recorded(
    values: Array, low: float, high: float, light: Light, streams: Streams
) -> Steps[Array]:
    """Send a plane ``(*S)`` through light, optics and camera."""
    lit = (min(low, 0.0), high)
    lost, axis, from_end = light.fading
    if lost > 0:
        seen = np.flip(values, axis) if from_end else values
        faded = degrade.bleaching(seen, lost, axis=axis, limits=lit)
        values = np.flip(faded, axis) if from_end else faded
    if light.shading > 0:
        values = degrade.shading(values, light.shading, streams["shading"], limits=lit)
    if any(light.sigma):
        values = degrade.gaussian_blur(values, light.sigma)
    if any(light.disc):
        yield Step(0, 1, "Putting out of focus")
        values = degrade.defocus_blur(values, light.disc)
    if any(light.smear):
        yield Step(0, 1, "Smearing")
        values = degrade.motion_blur(values, light.smear, light.angle_deg)
    if light.shot_noise > 0:
        yield Step(0, 1, "Counting photons")
        # The square of a tiny number is 0.
        photons = 1 / max(light.shot_noise**2, np.finfo(float).tiny)
        values = degrade.shot_noise(values, photons, streams["shot_noise"], limits=lit)
    limits = (low, high)
    if light.noise > 0:
        values = degrade.read_noise(
            values, light.noise, streams["noise"], limits=limits
        )
    if light.salt > 0:
        values = degrade.salt_and_pepper(
            values, light.salt, streams["salt"], limits=limits
        )
    return values
