"""New images with the look of given ones and other content, without training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, choice, span
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.kept import (
    copied,
    has_data,
    restored_sources,
    sources_state,
)
from napari_segen.generation.method import Budget, GeneratorMethod, Source
from napari_segen.generation.phase import filled, new_texture, varied
from napari_segen.generation.quilting import new_quilt_steps, varied_quilt_steps

QUILTING, RANDOM_PHASE = "quilting", "random phase"


@dataclass(frozen=True, slots=True)
class TextureParams:
    """How textures are made."""

    mode: str = field(
        default=QUILTING,
        metadata=choice(
            (QUILTING, RANDOM_PHASE),
            "Quilting sews blocks of the image together: sharp, with labels, 2D. "
            "Random phase keeps the spectrum and nothing else: clouds, no objects.",
        ),
    )
    block_px: int | None = field(
        default=None,
        metadata=span(
            4,
            1024,
            "Quilting: side of a block in pixels. Large blocks keep whole objects and "
            "copy more. Empty: a sixth of the image.",
            empty="a sixth",
        ),
    )
    tolerance: float = field(
        default=0.1,
        metadata=span(
            0,
            10,
            "Quilting: draw from the blocks that fit worse than the best one by up to "
            "this part. Larger values repeat less and show more seams.",
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)


class Texture(GeneratorMethod):
    """Quilting, or random phase; see the modules `quilting` and `phase`.

    `vary` draws on the given image alone: it replaces a share of its blocks by others
    from it, or turns the phases of its spectrum by a part of what a new texture takes.
    """

    Params = TextureParams
    title = "Texture"
    summary = "Same look, other content: blocks sewn together, or random phases."
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
        self._check_dimensions()
        self.task = task
        self.sources = copied(sources)
        yield Step(1, 1, "Keeping the source images")

    def make_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator, *, with_labels: bool
    ) -> Steps[Source]:
        """Make a texture of `shape`."""
        if self.params.mode == QUILTING:
            made = yield from new_quilt_steps(
                self.sources,
                (shape[0], shape[1]),
                self.params.block_px,
                self.params.tolerance,
                rng,
                has_objects=self._has_objects,
            )
            return made
        if with_labels:
            raise ValueError(_NO_LABELS)
        yield Step(0, 1, "Drawing phases")
        usable = [s for s in self.sources if has_data(s)]
        source = usable[rng.integers(len(usable))]
        return Source(new_texture(filled(source.image), shape, rng), None)

    def vary_steps(
        self, source: Source, strength: float, rng: np.random.Generator
    ) -> Steps[Source]:
        """Replace a share of the blocks of `source`, or turn its phases by a part."""
        if not has_data(source):
            return source
        if self.params.mode == QUILTING:
            made = yield from varied_quilt_steps(
                source,
                strength,
                self.params.block_px,
                self.params.tolerance,
                rng,
                has_objects=self._has_objects,
            )
            return made
        if source.labels is not None:
            raise ValueError(_NO_LABELS)
        yield Step(0, 1, "Turning phases")
        image = varied(filled(source.image), strength, rng)
        image[:, ~np.isfinite(source.image).all(axis=0)] = np.nan
        return Source(image, None)

    @property
    def _has_objects(self) -> bool:
        return self.task == "instances"

    def _check_dimensions(self) -> None:
        if self.params.mode == QUILTING and len(self.sampling) != 2:
            raise ValueError(
                "quilting takes 2D images only. For volumes use "
                f"params={{'mode': {RANDOM_PHASE!r}}}, or method='transform'."
            )

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the sources."""
        return sources_state(self.sources)

    def restore(
        self, header: Mapping[str, Any], arrays: Mapping[str, Array], n_channels: int
    ) -> None:
        """Take over the sources."""
        self._check_dimensions()
        self.sources = restored_sources(header, arrays, n_channels, len(self.sampling))
        if not any(has_data(s) for s in self.sources):
            raise ValueError("no source image has a pixel with data.")


_NO_LABELS = (
    "random phase cannot make labels: nothing in its images has a place. Use "
    f"params={{'mode': {QUILTING!r}}} or another method."
)
