"""What a segmenter tells its user, besides results."""

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.checks import check_labels
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import PARTS, Step, Steps, run, stretch_steps
from napari_segen.core.tiles import Reach
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic import potts
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.guidance.doubts import DoubtfulStroke, doubtful_strokes
from napari_segen.probabilistic.guidance.explanation import (
    Explanation,
    check_position,
    explained_steps,
)
from napari_segen.probabilistic.guidance.kind import Kind, KindCheck, check_kind
from napari_segen.probabilistic.guidance.suggestion import (
    Grid,
    check_count,
    checked_places,
    suggested_places,
    teaching_value,
)
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.prediction import Posterior
from napari_segen.probabilistic.results import ResultsOnePass

SHARE_OF_POSTERIOR = 0.6  # beside novelty


class Guided(ResultsOnePass):
    """Where to paint next, what to doubt, and why a pixel is what it is.

    Attributes
    ----------
    doubtful_strokes_ : tuple of DoubtfulStroke
        Strokes of the fit that were held out and taken for another class, the most
        doubtful first. Not kept in the model's file.
    kind_ : Kind, or None
        What the training images are like; None in a model from an old file.
    """

    classes_: Array
    spec_: ImageSpec
    normalization_: Normalization
    doubtful_strokes_: tuple[DoubtfulStroke, ...] = ()
    kind_: Kind | None = None

    @abstractmethod
    def _seen(
        self, image: Any, spec: ImageSpec | None, cache: FeatureCache | None
    ) -> tuple[ImageSpec, tuple[int, ...], list[Frame]]:
        """Check an image; returns its axes, the shape of results, and its frames."""

    @abstractmethod
    def _posterior(self) -> Posterior:
        """Return what turns features into the posterior."""

    @abstractmethod
    def _whole_bank(self, spec: ImageSpec) -> FilterBank:
        """Return the filter bank of all features for an image."""

    def reach(self, spec: ImageSpec) -> Reach:
        """Say what a part of an image of these axes needs around it."""
        prior = potts.HALO if self._posterior().smoothing > 0 else 0
        halo = tuple(pixels + prior for pixels in self._whole_bank(spec).halo)
        return Reach(halo, (1,) * len(halo))

    def with_normalization(self, normalization: Normalization) -> Self:
        """Return the same model with another scale of grey values."""
        twin = copy(self)
        twin.normalization_ = normalization
        return twin

    def unlike_training(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> tuple[KindCheck, ...]:
        """Say of each frame of an image whether it is unlike the training images.

        Time points and separate images are frames; `novelty` says which pixels of one
        are unlike what was labelled.

        Parameters
        ----------
        image : array
            Of the axes of `spec`.
        spec : ImageSpec, optional
            The meaning of its axes; None: as in `fit`.
        cache : FeatureCache, optional
            Keeps features for the next call, at the cost of memory.

        Returns
        -------
        tuple of KindCheck
            One for each frame, in their order; ``reason`` is empty where it is alike.

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit,
            or the model's file says nothing of the kind of its images.
        """
        return run(self.unlike_training_steps(image, spec=spec, cache=cache))

    def unlike_training_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[tuple[KindCheck, ...]]:
        """Compare frames with the training images. See `unlike_training`."""
        _, _, frames = self._seen(image, spec, cache)
        return (yield from check_kind(self.kind_).check_steps(frames))

    def suggest(
        self,
        image: Any,
        n: int = 5,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
        labelled: Any = None,
        avoid: Any = None,
    ) -> npt.NDArray[np.intp]:
        """Return where the next strokes would teach most, the best place first.

        Parameters
        ----------
        image : array
        n : int
            How many places.
        spec : ImageSpec, optional
            The meaning of the image's axes; None: as in `fit`.
        cache : FeatureCache, optional
            Keeps the image's features for the next call.
        labelled : integer array, optional
            Its scribbles. No place near what they label is suggested.
        avoid : array of shape (M, ndim), optional
            Pixels suggested before. No place near them is suggested.

        Returns
        -------
        int array of shape (m, ndim)
            Indices into the labels of the image; fewer than `n` where no other place
            with data is far enough from all these.
        """
        return run(
            self.suggest_steps(
                image, n, spec=spec, cache=cache, labelled=labelled, avoid=avoid
            )
        )

    def suggest_steps(
        self,
        image: Any,
        n: int = 5,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
        labelled: Any = None,
        avoid: Any = None,
    ) -> Steps[npt.NDArray[np.intp]]:
        """Suggest places step by step. See `suggest`."""
        check_count(n)
        axes, shape, frames = self._seen(image, spec, cache)
        places = checked_places(avoid, shape)
        marks = None if labelled is None else check_labels(labelled, "labelled")
        if marks is not None and marks.shape != shape:
            raise ValueError(
                f"labelled must have shape {shape} to match the image, got "
                f"{marks.shape}."
            )
        steps = self.segment_steps(image, spec=spec, cache=cache)
        found = yield from stretch_steps(steps, 0, SHARE_OF_POSTERIOR)
        steps_on = self.novelty_steps(image, spec=spec, cache=cache)
        novelty = yield from stretch_steps(steps_on, SHARE_OF_POSTERIOR, 1)
        yield Step(PARTS, PARTS, "Choosing places")
        value = teaching_value(found.uncertainty, novelty)
        grid = Grid.of(axes, frames[0].bank.sigmas_px)
        has_data = found.labels > 0
        return suggested_places(
            value, n, grid, usable=has_data, labelled=marks, avoid=places
        )

    def explain(
        self, image: Any, position: Sequence[int], *, spec: ImageSpec | None = None
    ) -> Explanation:
        """Say what each feature of a pixel speaks for, in log odds.

        Parameters
        ----------
        image : array
            Of the axes of `spec`.
        position : sequence of int
            The pixel: an index into the labels ``(*S)`` of the image.
        spec : ImageSpec, optional
            The meaning of the image's axes; None: as in `fit`.

        Returns
        -------
        Explanation
            ``base`` of shape (K,) and ``contributions`` of shape (F, K).

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit, or `position` is
            not within the image.
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
