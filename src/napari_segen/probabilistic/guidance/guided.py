"""What a segmenter tells its user, besides results."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps, run
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.guidance.doubts import DoubtfulStroke, doubtful_strokes
from napari_segen.probabilistic.guidance.explanation import (
    Explanation,
    check_position,
    explained_steps,
)
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.prediction import Posterior
from napari_segen.probabilistic.results import ResultsOnePass


class Guided(ResultsOnePass):
    """Where to paint next, which strokes to look at again, and why a pixel is what."""

    classes_: Array
    spec_: ImageSpec
    doubtful_strokes_: tuple[DoubtfulStroke, ...] = ()

    @abstractmethod
    def _seen(
        self, image: Any, spec: ImageSpec | None, cache: FeatureCache | None
    ) -> tuple[ImageSpec, tuple[int, ...], list[Frame]]:
        """Check an image; returns its axes, the shape of results, and its frames."""

    @abstractmethod
    def _posterior(self) -> Posterior:
        """Return what turns features into the posterior."""

    def explain(
        self, image: Any, position: Sequence[int], *, spec: ImageSpec | None = None
    ) -> Explanation:
        """Say what each feature of a pixel speaks for, in log odds.

        Parameters
        ----------
        image : array
        position : sequence of int
            The pixel: an index into the labels of the image.
        spec : ImageSpec, optional
            The meaning of the image's axes; None: as in `fit`.
        """
        return run(self.explain_steps(image, position, spec=spec))

    def explain_steps(
        self, image: Any, position: Sequence[int], *, spec: ImageSpec | None = None
    ) -> Steps[Explanation]:
        """Explain a pixel step by step. See `explain`."""
        spec, shape, frames = self._seen(image, spec, None)
        check_position(position, shape)
        number, pixel = spec.frame_position(position, shape)
        steps = explained_steps(self._posterior(), frames[number], pixel, self.classes_)
        return (yield from steps)

    def _doubt(self, held_out: HeldOut | None, images: Sequence[Any]) -> None:
        """Find the doubtful strokes of a fit to `images`."""
        self.doubtful_strokes_ = ()
        if held_out is not None:
            shapes = [self.spec_.label_shape(np.shape(image)) for image in images]
            self.doubtful_strokes_ = doubtful_strokes(
                held_out, self.classes_, self.spec_, shapes
            )
