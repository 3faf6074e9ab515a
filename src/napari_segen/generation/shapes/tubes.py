"""Long thin things: fibres that cross, vessels that branch."""

from dataclasses import dataclass

import numpy as np

from napari_segen.core.steps import Step, Steps
from napari_segen.generation.shapes.canvas import Canvas, Floats, Picture, coverage
from napari_segen.generation.shapes.fields import smooth_field
from napari_segen.generation.shapes.placing import Points, check_count, draw_radii
from napari_segen.generation.shapes.strokes import Stroke, deepest, stroke_pixels
from napari_segen.generation.shapes.subject import Subject

VESSEL = 1
_FIBRE_LENGTH = 45.0  # widths
_THINNEST_VESSEL = 0.9
# Where there is hardly room left: so many times the fibres expected, and so many
# trees of vessels that add but a little.
_MOST = 6
_MISSES = 12
_LITTLE = 0.005
# Radius of a branch at its end, in radii of its beginning.
_AT_FORK, _RUN_OUT = 0.94, 0.1
_FLATNESS = 0.35
# Murray: the cubes of the daughters' radii add up to that of the parent.
_MURRAY = 3.0


def fibres(
    canvas: Canvas, subject: Subject, rng: np.random.Generator
) -> Steps[Picture]:
    """Curved fibres; where two cross, the pixels belong to the upper, later one.

    A fibre that runs below another keeps its one label on both sides.
    """
    picture = Picture.blank(canvas)
    length = _FIBRE_LENGTH * subject.size
    target = subject.density * canvas.volume
    seen_length = min(length, float(canvas.extent.max()))
    expected = target / (seen_length * _section(subject.size / 2, canvas.ndim))
    check_count(expected)
    look_rng, beads_rng = rng.spawn(2)
    beads = smooth_field(canvas, max(2 * subject.size, 3.0), beads_rng)
    covered, number = 0.0, 1
    for _ in range(int(_MOST * expected) + 16):
        if covered >= target:
            break
        yield Step(int(100 * covered / target), 100, "Drawing fibres")
        radius = draw_radii(1, subject.size / 2, subject.spread, 1, rng)[0]
        points = _course(canvas, radius, length, subject.irregularity, rng)
        bright = float(np.exp(0.5 * subject.texture * look_rng.standard_normal()))
        stroke = Stroke.through(points, np.full(len(points), radius))
        new = _lay(canvas, picture, stroke, number, bright, beads, subject.texture)
        covered += new * float(np.prod(canvas.voxel))
        number += 1
    return picture


def _lay(
    canvas: Canvas,
    picture: Picture,
    stroke: Stroke,
    number: int,
    bright: float,
    beads: Floats,
    texture: float,
) -> int:
    """Lay a fibre over the others; return how many pixels it is the first to cover."""
    found = list(stroke_pixels(canvas, stroke))
    pixel, depth = deepest(
        np.concatenate([f.pixel for f in found]),
        np.concatenate([f.depth for f in found]),
    )
    labels, signal = picture.labels.reshape(-1), picture.signal.reshape(-1)
    inside = pixel[depth > 0]
    n_new = int(np.count_nonzero(labels[inside] == 0))
    labels[inside] = number
    value = coverage(depth) * np.float32(bright)
    value *= np.exp(np.float32(0.25 * texture) * beads.reshape(-1)[pixel])
    below = signal[pixel]
    both = np.float32(texture) * np.minimum(value, below)
    signal[pixel] = np.maximum(value, below) + both
    return n_new


def _section(radius: float, ndim: int) -> float:
    """Width, or area of the cross-section in 3D."""
    return 2 * radius if ndim == 2 else np.pi * radius**2


def _course(
    canvas: Canvas,
    radius: float,
    length: float,
    irregularity: float,
    rng: np.random.Generator,
) -> Points:
    """Draw points along a smooth curve through a random place."""
    step = max(2.0, 2 * radius)
    n = int(rng.uniform(0.5, 1.5) * length / step) + 2
    middle = rng.random(canvas.ndim) * canvas.extent
    heading = rng.standard_normal(canvas.ndim)
    bends = _bends(n, canvas.ndim, irregularity * step / length, rng)
    halves = []
    for sign in (-1, 1):
        halves.append(_walk(middle, sign * heading, bends[::sign], step, n // 2 + 1))
    return np.concatenate([halves[0][:0:-1], halves[1]])


def _bends(n: int, ndim: int, strength: float, rng: np.random.Generator) -> Points:
    """Draw slowly changing turns ``(n, ndim)``."""
    white = rng.standard_normal((n + 16, ndim))
    kernel = np.hanning(17)[:, np.newaxis]
    kernel /= np.sqrt((kernel**2).sum())
    smooth = np.stack(
        [np.convolve(w, kernel[:, 0], mode="valid") for w in white.T], axis=1
    )
    return 5.0 * strength * smooth


def _walk(start: Points, heading: Points, bends: Points, step: float, n: int) -> Points:
    """Go n steps from `start`, turning as `bends` say; in 3D mostly in the plane."""
    points = np.empty((n + 1, len(start)))
    points[0] = place = start.copy()
    heading = heading / np.linalg.norm(heading)
    for i in range(n):
        heading = heading + bends[i % len(bends)]
        heading /= np.linalg.norm(heading)
        move = heading.copy()
        if len(move) == 3:
            move[0] *= _FLATNESS
        place = place + step * move / np.linalg.norm(move)
        points[i + 1] = place
    return points


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a vessel goes on.

    Parameters
    ----------
    place, heading : arrays of shape (ndim,)
    radius : float
    """

    place: Points
    heading: Points
    radius: float


def vessels(
    canvas: Canvas, subject: Subject, rng: np.random.Generator
) -> Steps[Picture]:
    """Trees of vessels (label 1) that get thinner from branch to branch."""
    depth = np.full(canvas.shape, -1, np.float32)
    flat = depth.reshape(-1)
    target = subject.density * canvas.volume
    check_count(target / (subject.size * _section(subject.size / 2, canvas.ndim)))
    covered, misses = 0.0, 0
    while covered < target and misses < _MISSES:
        yield Step(int(100 * covered / target), 100, "Growing vessels")
        before, tips = covered, [_root(canvas, subject, rng)]
        while tips:
            yield Step(int(100 * covered / target), 100, "Growing vessels")
            # Enough: what grows still runs out, and does not fork again.
            end = _AT_FORK if covered < target else _RUN_OUT
            new, more = _grow(canvas, flat, tips.pop(0), end, subject, rng)
            covered += new
            tips += more if end == _AT_FORK else []
        misses = misses + 1 if covered - before < _LITTLE * target else 0
    labels = (depth > 0).astype(np.int32) * VESSEL
    return Picture(labels, _dyed(canvas, depth, subject, rng))


def _grow(
    canvas: Canvas,
    depth: Floats,
    tip: Tip,
    end: float,
    subject: Subject,
    rng: np.random.Generator,
) -> tuple[float, list[Tip]]:
    """Grow a branch up to its fork, or the next vessel; return what it newly covers.

    With that, the tips that go on from there.
    """
    points, radii = _branch(tip, end, subject, rng)
    n_free = _free_points(canvas, depth, points, 2.5 * radii[0])
    points, radii = points[: n_free + 1], radii[: n_free + 1]
    n_new = 0
    for found in stroke_pixels(canvas, Stroke.through(points, radii)):
        new = found.pixel[(found.depth > 0) & (depth[found.pixel] <= 0)]
        n_new += len(np.unique(new))
        np.maximum.at(depth, found.pixel, found.depth)
    tips = []
    if n_free == len(points) and _is_near(canvas, points[-1], subject.size):
        tips = _daughters(points[-1], points[-1] - points[-2], radii[-1], rng)
    return n_new * float(np.prod(canvas.voxel)), tips


def _root(canvas: Canvas, subject: Subject, rng: np.random.Generator) -> Tip:
    """Let a vessel come in through a side of the image, heading inwards."""
    ndim, extent = canvas.ndim, canvas.extent
    axis = ndim - 2 + int(rng.integers(2))
    side = int(rng.integers(2))
    place = rng.random(ndim) * extent
    place[axis] = side * extent[axis]
    heading = (rng.random(ndim) * 0.6 + 0.2) * extent - place
    heading /= max(float(np.linalg.norm(heading)), 1e-6)
    radius = draw_radii(1, subject.size / 2, subject.spread, 1, rng)[0]
    return Tip(place, heading, float(radius))


def _branch(
    tip: Tip, end: float, subject: Subject, rng: np.random.Generator
) -> tuple[Points, Points]:
    """Points from a tip to the next fork, and radii down to `end` times the tip's."""
    step = max(1.5, tip.radius)
    n = max(3, int(rng.uniform(7, 20) * max(tip.radius, 2.5) / step))
    ndim = len(tip.place)
    bends = _bends(n, ndim, 0.05 * subject.irregularity, rng)
    points = np.empty((n + 1, ndim))
    points[0] = tip.place
    heading = tip.heading
    for i in range(n):
        heading = heading + bends[i]
        heading /= np.linalg.norm(heading)
        points[i + 1] = points[i] + step * heading
    radii = tip.radius * np.linspace(1, end, n + 1)
    return points, radii


def _daughters(
    place: Points,
    heading: Points,
    radius: float,
    rng: np.random.Generator,
) -> list[Tip]:
    """Fork: the thinner branch turns away farther."""
    heading = heading / np.linalg.norm(heading)
    aside = rng.standard_normal(len(heading))
    aside -= heading * (aside @ heading)
    aside /= max(float(np.linalg.norm(aside)), 1e-9)
    share = rng.uniform(0.2, 0.5)
    found = []
    for part, sign, turn in ((1 - share, -1, 0.7 * share), (share, 1, 0.95 - share)):
        thin = radius * part ** (1 / _MURRAY)
        if thin >= _THINNEST_VESSEL:
            angle = turn * rng.uniform(0.8, 1.3)
            way = np.cos(angle) * heading + sign * np.sin(angle) * aside
            found.append(Tip(place, way, float(thin)))
    return found


def _free_points(canvas: Canvas, depth: Floats, points: Points, distance: float) -> int:
    """How many points come before the first that runs into another vessel."""
    pixel = np.floor(points / canvas.voxel).astype(np.intp)
    shape = np.array(canvas.shape)
    inside = ((pixel >= 0) & (pixel < shape)).all(axis=1)
    flat = np.ravel_multi_index(tuple(np.clip(pixel, 0, shape - 1).T), canvas.shape)
    left = np.linalg.norm(points - points[0], axis=1) > distance
    hits = np.flatnonzero(inside & left & (depth[flat] > 0))
    return int(hits[0]) if hits.size else len(points)


def _is_near(canvas: Canvas, place: Points, margin: float) -> bool:
    return bool(np.all((place > -margin) & (place < canvas.extent + margin)))


def _dyed(
    canvas: Canvas, depth: Floats, subject: Subject, rng: np.random.Generator
) -> Floats:
    """Thick vessels hold more dye; it is not mixed evenly."""
    signal: Floats = coverage(depth)
    if subject.texture > 0:
        thick = np.clip(depth / np.float32(subject.size / 2), 0, 1)
        signal *= 1 - np.float32(0.6 * subject.texture) * (1 - np.sqrt(thick))
        uneven = smooth_field(canvas, max(subject.size / 2, 2.0), rng)
        signal *= np.exp(np.float32(0.2 * subject.texture) * uneven)
    return signal
