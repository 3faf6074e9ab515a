"""Round objects: nuclei with smooth irregular outlines, and small spots."""

from dataclasses import dataclass

import numpy as np

from napari_segen.core.steps import Step, Steps
from napari_segen.generation.shapes.canvas import (
    Canvas,
    Floats,
    Picture,
    coverage,
)
from napari_segen.generation.shapes.fields import smooth_field
from napari_segen.generation.shapes.placing import Places, place
from napari_segen.generation.shapes.strokes import Stroke, stroke_pixels
from napari_segen.generation.shapes.subject import Subject

_LEAST_GAP = 1.5
_YIELD_EVERY = 16
_WAVES = 5


@dataclass(frozen=True, slots=True)
class Outline:
    """A ball, made an ellipsoid and then uneven: its radius in each direction.

    Parameters
    ----------
    axes : array of shape (ndim, ndim)
        Rows are the directions of the ellipsoid's axes, each over its relative length.
    waves : array of shape (W, ndim)
    phases, amplitudes : arrays of shape (W,)
        Of the waves over the directions.
    radius : float
    """

    axes: Floats
    waves: Floats
    phases: Floats
    amplitudes: Floats
    radius: float

    @classmethod
    def draw(
        cls, ndim: int, radius: float, irregularity: float, rng: np.random.Generator
    ) -> "Outline":
        """Draw an outline that encloses about the ball's area or volume."""
        turn = np.linalg.qr(rng.standard_normal((ndim, ndim)))[0]
        lengths = np.exp(irregularity * rng.uniform(-0.55, 0.55, ndim))
        lengths /= np.prod(lengths) ** (1 / ndim)
        waves = rng.standard_normal((_WAVES, ndim))
        norm = np.linalg.norm(waves, axis=1, keepdims=True)
        waves *= np.linspace(1.2, 4.5, _WAVES)[:, np.newaxis] / norm
        falling = irregularity * 0.12 / np.arange(1, _WAVES + 1) ** 0.7
        amplitudes = falling * rng.standard_normal(_WAVES).clip(-2, 2)
        phases = rng.uniform(0, 2 * np.pi, _WAVES)
        single = np.float32
        return cls(
            (turn / lengths[:, np.newaxis]).astype(single),
            waves.astype(single),
            phases.astype(single),
            amplitudes.astype(single),
            radius,
        )

    @property
    def reach(self) -> float:
        """No place of the object is farther from its centre."""
        longest = 1 / np.linalg.norm(self.axes, axis=1).min()
        return float(self.radius * longest * (1 + np.abs(self.amplitudes).sum()))

    def depth(self, offsets: list[Floats]) -> Floats:
        """How deep places lie inside, at open `offsets` from the centre."""
        distance = np.sqrt(sum((o * o for o in offsets), start=np.float32(0)))
        if not self.amplitudes.any():
            even: Floats = np.float32(self.radius) * self._stretch(offsets)
            return np.subtract(even, distance)
        inverse = 1 / np.maximum(distance, np.float32(1e-3))
        uneven = np.ones_like(distance)
        for k, phase, height in zip(
            self.waves, self.phases, self.amplitudes, strict=True
        ):
            along = sum((a * o for a, o in zip(k, offsets, strict=True)))
            uneven += height * np.cos(along * inverse + phase)
        uneven *= self._stretch(offsets) * np.float32(self.radius)
        uneven -= distance
        return uneven

    def _stretch(self, offsets: list[Floats]) -> Floats:
        """Radius of the ellipsoid over the ball's, in the direction of `offsets`."""
        square = sum(
            sum((a * o for a, o in zip(row, offsets, strict=True))) ** 2
            for row in self.axes
        )
        distance = sum(o * o for o in offsets)
        tiny = np.float32(1e-6)
        ratio: Floats = np.sqrt((distance + tiny) / (square + tiny))
        return ratio


def nuclei(
    canvas: Canvas, subject: Subject, rng: np.random.Generator
) -> Steps[Picture]:
    """Fluorescent nuclei: mottled ellipses, some of them touching.

    Where two overlap, a pixel belongs to the one in which it lies deeper.
    """
    yield Step(0, 1, "Placing nuclei")
    places = _place(canvas, subject, rng)
    outlines = rng.spawn(1)[0]
    picture = Picture.blank(canvas)
    deepest = np.full(canvas.shape, -np.inf, np.float32)
    mottle = _mottle(canvas, subject, rng)
    for i, (center, radius) in enumerate(
        zip(places.centers, places.radii.tolist(), strict=True)
    ):
        if i % _YIELD_EVERY == 0:
            yield Step(i, len(places), "Drawing nuclei")
        outline = Outline.draw(canvas.ndim, radius, subject.irregularity, outlines)
        bright = np.exp(subject.texture * 0.55 * outlines.standard_normal())
        window = canvas.window(center, outline.reach + 1)
        if window is None:
            continue
        offsets = [
            g - np.float32(c) for g, c in zip(canvas.grid(window), center, strict=True)
        ]
        depth = outline.depth(offsets)
        wins = (depth > -0.5) & (depth > deepest[window])
        picture.labels[window][wins & (depth > 0)] = i + 1
        deepest[window][wins] = depth[wins]
        inside = _look(depth, radius, subject.texture) * np.float32(bright)
        inside *= coverage(depth)
        if mottle is not None:
            inside *= mottle[window]
        picture.signal[window][wins] = inside[wins]
    return picture


def _place(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> Places:
    radius = subject.size / 2
    # Irregular outlines reach beyond their ball.
    slack = 1 + 0.3 * subject.irregularity
    return place(
        canvas,
        subject.density,
        radius,
        subject.spread,
        rng,
        margin=radius,
        gap=_LEAST_GAP,
        slack=slack,
        touching=subject.touching,
    )


def _mottle(
    canvas: Canvas, subject: Subject, rng: np.random.Generator
) -> Floats | None:
    """Chromatin: fine and coarse brightness about 1."""
    if subject.texture == 0:
        return None
    coarse = smooth_field(canvas, subject.size / 6, rng)
    coarse *= np.float32(0.22 * subject.texture)
    fine = smooth_field(canvas, max(subject.size / 14, 0.8), rng)
    fine *= np.float32(0.22 * subject.texture)
    coarse += fine
    mottle: Floats = np.exp(coarse, out=coarse)
    return mottle


def _look(depth: Floats, radius: float, texture: float) -> Floats:
    """Thin rims are darker than the thick middle."""
    height = np.clip(depth / np.float32(0.6 * radius), 0, 1)
    height *= 2 - height
    value: Floats = 1 - np.float32(0.5 * texture) * (1 - height)
    return value


def spots(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> Steps[Picture]:
    """Small round spots, such as vesicles or single molecules; none touch."""
    yield Step(0, 1, "Placing spots")
    radius = subject.size / 2
    places = place(
        canvas,
        subject.density,
        radius,
        subject.spread,
        rng,
        margin=radius,
        gap=_LEAST_GAP,
    )
    picture = Picture.blank(canvas)
    bright = np.exp(subject.texture * 0.8 * rng.standard_normal(len(places)))
    stroke = Stroke(places.centers, places.centers, places.radii, places.radii)
    for found in stroke_pixels(canvas, stroke):
        yield Step(found.done, len(places), "Drawing spots")
        value = coverage(found.depth) * bright[found.part].astype(np.float32)
        np.maximum.at(picture.signal.reshape(-1), found.pixel, value)
        inside = found.depth > 0
        picture.labels.reshape(-1)[found.pixel[inside]] = found.part[inside] + 1
    return picture
