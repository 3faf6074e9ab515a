"""New images from an existing one: mirrored, turned, bent, relit; labels follow."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.kept import copied, restored_sources, sources_state
from napari_segen.generation.light import (
    LIGHT_PARTS,
    Light,
    Look,
    Streams,
    draw_light,
    look_of,
    relit_steps,
)
from napari_segen.generation.method import Budget, GeneratorMethod, Source
from napari_segen.generation.moving import (
    MOVING_PARTS,
    draw_warp,
    flip_and_turn,
    moved_steps,
)
from napari_segen.generation.pattern import pattern_of, restored_pattern
from napari_segen.generation.transform_params import TransformParams
from napari_segen.generation.values import ValueRange


class Transform(GeneratorMethod):
    """Moves and relights the source images; labels go through the same map.

    Grey values between pixels come from a cubic spline, labels and no-data from the
    nearest pixel. Beyond its border a source goes on as its mirror image. In 3D it
    turns in the plane y, x only; amounts in pixels are along x and follow the pixel
    size along the other axes. `vary` leaves flips and quarter turns out.

    With `match`, images take over the histogram of the `pattern`, if there is one. Else
    an image made from one of the fitted images takes over that of another one, and a
    variation that of any fitted image.
    """

    Params = TransformParams
    title = "Transform"
    summary = "Mirrored, turned, bent, relit, blurred, noisy copies; no training."
    needs_training = False
    makes_pairs = True
    can_vary = True
    can_match = True

    sources: list[Source]

    def __init__(self, params: Any, sampling: tuple[float, ...]) -> None:
        super().__init__(params, sampling)
        self._looks: dict[int, Look] = {}
        self.pattern: Array | None = None

    def fit_steps(
        self,
        sources: Sequence[Source],
        budget: Budget,
        seed: int,
        task: str = "classes",
    ) -> Steps[None]:
        """Keep copies of the sources; there is nothing to learn."""
        self.task = task
        self.sources = copied(sources)
        yield Step(1, 1, "Keeping the source images")

    def make_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator, *, with_labels: bool
    ) -> Steps[Source]:
        """Transform one of the sources, cut or continued to `shape`."""
        streams = _streams(rng)
        i = int(streams["source"].integers(len(self.sources)))
        source = self.sources[i]
        if not with_labels:
            source = Source(source.image, None)
        source = flip_and_turn(source, self.params, self.sampling, streams)
        free = np.array(source.image.shape[1:]) - shape
        low, high = np.minimum(free, 0), np.maximum(free, 0)
        corner = streams["corner"].integers(low, high, endpoint=True)
        warp = draw_warp(self.params, self.sampling, shape, corner, streams)
        moved = yield from moved_steps(source, warp, are_ids=self._are_ids)
        light = draw_light(self.params, self.sampling, streams)
        others = [j for j in range(len(self.sources)) if j != i]
        looks = self._look(i), self._wanted_look(others, light, streams)
        image = yield from relit_steps(moved.image, *looks, light, streams)
        return Source(image, moved.labels)

    def vary_steps(
        self, source: Source, strength: float, rng: np.random.Generator
    ) -> Steps[Source]:
        """Transform `source` in place, by `strength` times the amounts."""
        streams = _streams(rng)
        shape = source.image.shape[1:]
        params = self.params.weakened(strength)
        corner = np.zeros(len(shape))
        warp = draw_warp(params, self.sampling, shape, corner, streams)
        moved = yield from moved_steps(source, warp, are_ids=self._are_ids)
        light = draw_light(params, self.sampling, streams, strength=strength)
        others = list(range(len(self.sources)))
        looks = look_of(source.image), self._wanted_look(others, light, streams)
        image = yield from relit_steps(moved.image, *looks, light, streams)
        return Source(image, moved.labels)

    def varied_range(self, image: Array) -> ValueRange:
        """Let a variation have the range of the image whose histogram it takes."""
        if self.pattern is not None:
            return self.range_of([image[np.newaxis]])
        own = ValueRange.of(image[np.newaxis])
        if self.params.match == 0:
            return own
        limits = [self._look(i).limits for i in range(len(self.sources))]
        values = np.array(limits)
        if image.dtype.kind in "ui":
            held = np.iinfo(image.dtype)
            # The greatest 64-bit integers are not exact in float64.
            values = np.clip(np.rint(values), held.min, min(held.max, 2**53))
        return ValueRange.union([own, ValueRange.of(values.astype(image.dtype))])

    @property
    def _are_ids(self) -> bool:
        return self.task == "instances"

    def take_over_values(self, match_to: Any, spec: ImageSpec, n_channels: int) -> None:
        """Give the images the histogram of `match_to` in place of each other's."""
        self.pattern = pattern_of(self.params.match, match_to, spec, n_channels)

    def range_of(self, frames: Sequence[Array]) -> ValueRange:
        """Let images have the grey values that they take over, too."""
        own = super().range_of(frames)
        if self.pattern is None:
            return own
        return ValueRange.union([own, ValueRange.of(self.pattern[np.newaxis])])

    def _look(self, i: int) -> Look:
        if i not in self._looks:
            self._looks[i] = look_of(self.sources[i].image)
        return self._looks[i]

    def _wanted_look(
        self, others: list[int], light: Light, streams: Streams
    ) -> Look | None:
        """Choose what the histogram is taken over from, if it is from anything."""
        if light.match == 0:
            return None
        if self.pattern is not None:
            return look_of(self.pattern)
        if not others:
            return None
        return self._look(others[streams["match"].integers(len(others))])

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the sources, and the grey values to take over."""
        header, arrays = sources_state(self.sources)
        if self.pattern is not None:
            arrays["pattern"] = self.pattern
        return header, arrays

    def restore(
        self, header: Mapping[str, Any], arrays: Mapping[str, Array], n_channels: int
    ) -> None:
        """Take over what `state` returned."""
        self.sources = restored_sources(header, arrays, n_channels, len(self.sampling))
        self.pattern = restored_pattern(
            arrays.get("pattern"), len(self.sources[0].image)
        )


def _streams(rng: np.random.Generator) -> Streams:
    """Give each part random numbers of its own, so that none shifts another's."""
    parts = ("source", *MOVING_PARTS, *LIGHT_PARTS)
    return dict(zip(parts, rng.spawn(len(parts)), strict=True))
