"""New images from an existing one: mirrored, turned, bent, relit; labels follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import ndimage

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, flag, span
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.light import Light, relit_steps
from napari_segen.generation.method import Budget, GeneratorMethod, Source
from napari_segen.generation.warp import (
    Warp,
    elastic_grid,
    interpolate,
    nearest_pixels,
    shifted,
    spline_coefficients,
)


@dataclass(frozen=True, slots=True)
class TransformParams:
    """How far new images may depart from their source."""

    flips: bool = field(
        default=True, metadata=flag("Mirror along each spatial axis, or not.")
    )
    quarter_turns: bool = field(
        default=True,
        metadata=flag("Turn by 0, 90, 180 or 270 degrees in the plane y, x."),
    )
    rotation: float = field(
        default=0.0,
        metadata=span(0, 180, "Turn by up to so many degrees in the plane y, x."),
    )
    scale: float = field(
        default=1.1,
        metadata=span(1, 4, "Enlarge or shrink by up to this factor."),
    )
    elastic: float = field(
        default=2.0,
        metadata=span(0, 100, "Bend: typical shift of a pixel, in pixels along x."),
    )
    smoothness: float = field(
        default=24.0,
        metadata=span(
            2, 1000, "Bend smoothly over so many pixels; small values tear fine detail."
        ),
    )
    gain: float = field(
        default=1.1,
        metadata=span(1, 10, "Raise or lower the contrast by up to this factor."),
    )
    offset: float = field(
        default=0.02,
        metadata=span(0, 1, "Brighten or darken by up to this part of the range."),
    )
    noise: float = field(
        default=0.0,
        metadata=span(0, 1, "Add noise of this standard deviation, in ranges."),
    )
    blur: float = field(
        default=0.0,
        metadata=span(0, 50, "Blur with a sigma of up to so many pixels along x."),
    )

    def __post_init__(self) -> None:
        check_params(self)

    def weakened(self, strength: float) -> "TransformParams":
        """Scale every amount by `strength`; leave flips and quarter turns out."""
        return replace(
            self,
            flips=False,
            quarter_turns=False,
            rotation=self.rotation * strength,
            scale=self.scale**strength,
            elastic=self.elastic * strength,
            gain=self.gain**strength,
            offset=self.offset * strength,
            noise=self.noise * strength,
            blur=self.blur * strength,
        )


class Transform(GeneratorMethod):
    """Moves and relights the source images; labels go through the same map.

    Grey values between pixels come from a cubic spline, labels and no-data from the
    nearest pixel. Beyond its border a source goes on as its mirror image. In 3D it
    turns in the plane y, x only; amounts in pixels are along x and follow the pixel
    size along the other axes. `vary` leaves flips and quarter turns out.
    """

    Params = TransformParams
    title = "Transform"
    summary = "Mirrored, turned, bent and relit copies; no training."
    needs_training = False
    makes_pairs = True
    can_vary = True

    sources: list[Source]

    def fit_steps(
        self,
        sources: Sequence[Source],
        budget: Budget,
        seed: int,
        task: str = "classes",
    ) -> Steps[None]:
        """Keep copies of the sources; there is nothing to learn."""
        self.task = task
        self.sources = [
            Source(s.image.copy(), None if s.labels is None else s.labels.copy())
            for s in sources
        ]
        yield Step(1, 1, "Keeping the source images")

    def make_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator, *, with_labels: bool
    ) -> Steps[Source]:
        """Transform one of the sources, cut or continued to `shape`."""
        source = self.sources[rng.integers(len(self.sources))]
        if not with_labels:
            source = Source(source.image, None)
        source = _flip_and_turn(source, self.params, self.sampling, rng)
        free = np.array(source.image.shape[1:]) - shape
        corner = rng.integers(np.minimum(free, 0), np.maximum(free, 0), endpoint=True)
        return (yield from self._changed(source, self.params, shape, corner, rng))

    def vary_steps(
        self, source: Source, strength: float, rng: np.random.Generator
    ) -> Steps[Source]:
        """Transform `source` in place, by `strength` times the amounts."""
        shape = source.image.shape[1:]
        params = self.params.weakened(strength)
        corner = np.zeros(len(shape))
        return (yield from self._changed(source, params, shape, corner, rng))

    def _changed(
        self,
        source: Source,
        params: TransformParams,
        shape: tuple[int, ...],
        corner: Array,
        rng: np.random.Generator,
    ) -> Steps[Source]:
        warp = _draw_warp(params, self.sampling, shape, corner, rng)
        moved = yield from _move(source, warp)
        light = _draw_light(params, self.sampling, rng)
        image = yield from relit_steps(moved.image, source.image, light, rng)
        return Source(image, moved.labels)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the sources."""
        arrays = {f"image_{i}": s.image for i, s in enumerate(self.sources)}
        arrays |= {
            f"labels_{i}": s.labels
            for i, s in enumerate(self.sources)
            if s.labels is not None
        }
        return {"n_sources": len(self.sources)}, arrays

    def restore(self, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take over the sources."""
        count = int(header["n_sources"])
        if not 1 <= count <= len(arrays):
            raise ValueError(f"the file claims {count} source images.")
        self.sources = [
            Source(arrays[f"image_{i}"], arrays.get(f"labels_{i}"))
            for i in range(count)
        ]
        for s in self.sources:
            if s.image.ndim != len(self.sampling) + 1 or s.image.size == 0:
                raise ValueError(f"a source image has shape {s.image.shape}.")
            if s.image.dtype.kind not in "buif":
                raise ValueError(f"a source image has dtype {s.image.dtype}.")
            if s.labels is None:
                continue
            if s.labels.shape != s.image.shape[1:] or s.labels.dtype.kind not in "ui":
                raise ValueError("the labels of a source have another shape or type.")


def _flip_and_turn(
    source: Source,
    params: TransformParams,
    sampling: tuple[float, ...],
    rng: np.random.Generator,
) -> Source:
    """Mirror and turn whole pixels; draws the same numbers whatever `params` say."""
    flips, turns = rng.integers(2, size=len(sampling)), int(rng.integers(4))
    axes = tuple(-1 - i for i, f in enumerate(flips) if f and params.flips)
    if not params.quarter_turns:
        turns = 0
    elif sampling[-1] != sampling[-2]:
        turns -= turns % 2  # a quarter turn would swap two pixel sizes

    def apply(array: Array) -> Array:
        return np.rot90(np.flip(array, axes), turns, axes=(-2, -1))

    labels = None if source.labels is None else apply(source.labels)
    return Source(apply(source.image), labels)


def _draw_warp(
    params: TransformParams,
    sampling: tuple[float, ...],
    shape: tuple[int, ...],
    corner: Array,
    rng: np.random.Generator,
) -> Warp:
    """Draw rotation and scale about the output's centre, and the bending."""
    angle = np.deg2rad(params.rotation) * rng.uniform(-1, 1)
    zoom = params.scale ** rng.uniform(-1, 1)
    ndim = len(shape)
    turn = np.eye(ndim)
    c, s = np.cos(angle), np.sin(angle)
    turn[-2:, -2:] = [[c, -s], [s, c]]
    size = np.array(sampling) / sampling[-1]
    matrix = turn * size / size[:, np.newaxis] / zoom
    if params.rotation == 0 and params.scale == 1:
        matrix = np.eye(ndim)
    center = (np.array(shape) - 1) / 2
    offset = corner + (center - matrix @ center)
    spacing = np.maximum(params.smoothness / size, 1.0)
    # The bending has a stream of its own: its size must not shift later draws.
    bend_rng = rng.spawn(1)[0]
    elastic = None
    if params.elastic > 0:
        elastic = elastic_grid(shape, params.elastic / size, spacing, bend_rng)
    return Warp(shape, matrix, offset, elastic, spacing)


def _move(source: Source, warp: Warp) -> Steps[Source]:
    """Send image and labels through `warp`."""
    if warp.is_shift:
        yield Step(0, 1, "Moving pixels")
        image = np.stack([shifted(plane, warp) for plane in source.image])
        return Source(
            image, None if source.labels is None else shifted(source.labels, warp)
        )
    no_data = _no_data(source.image)
    planes = [spline_coefficients(p) for p in _filled(source.image, no_data)]
    image = np.empty((len(planes), *warp.shape))
    labels = (
        None if source.labels is None else np.empty(warp.shape, source.labels.dtype)
    )
    for rows in warp.slabs():
        yield Step(rows.start, warp.shape[0], "Moving pixels")
        positions = warp.positions(rows)
        for c, plane in enumerate(planes):
            image[c, rows] = interpolate(plane, positions)
        nearest = nearest_pixels(positions, source.image.shape[1:])
        if source.labels is not None and labels is not None:
            labels[rows] = source.labels[nearest]
        if no_data is not None:
            missing = no_data[nearest]
            image[:, rows][:, missing] = np.nan
    return Source(image, labels)


def _no_data(image: Array) -> Array | None:
    """Pixels ``(*S)`` where any channel is NaN or infinite; None if there are none."""
    if image.dtype.kind != "f":
        return None
    missing = np.asarray(~np.isfinite(image).all(axis=0))
    return missing if missing.any() else None


def _filled(image: Array, no_data: Array | None) -> Array:
    """Give pixels without data the values of the nearest pixel that has some."""
    if no_data is None:
        return image
    if no_data.all():
        return np.zeros_like(image)
    nearest = ndimage.distance_transform_edt(
        no_data, return_distances=False, return_indices=True
    )
    filled: Array = image[(slice(None), *nearest)]
    return filled


def _draw_light(
    params: TransformParams, sampling: tuple[float, ...], rng: np.random.Generator
) -> Light:
    """Draw the change of grey values."""
    gain = params.gain ** rng.uniform(-1, 1)
    offset = params.offset * rng.uniform(-1, 1)
    sigma = params.blur * rng.uniform(0, 1)
    size = np.array(sampling) / sampling[-1]
    return Light(gain, offset, sigma / size, params.noise)
