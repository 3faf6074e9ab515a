"""What a segmenter tells its user, besides results."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.probabilistic.guidance.doubts import DoubtfulStroke, doubtful_strokes
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.results import ResultsOnePass


class Guided(ResultsOnePass):
    """Where to paint next, and which strokes to look at again."""

    classes_: Array
    spec_: ImageSpec
    doubtful_strokes_: tuple[DoubtfulStroke, ...] = ()

    def _doubt(self, held_out: HeldOut | None, images: Sequence[Any]) -> None:
        """Find the doubtful strokes of a fit to `images`."""
        self.doubtful_strokes_ = ()
        if held_out is not None:
            shapes = [self.spec_.label_shape(np.shape(image)) for image in images]
            self.doubtful_strokes_ = doubtful_strokes(
                held_out, self.classes_, self.spec_, shapes
            )
