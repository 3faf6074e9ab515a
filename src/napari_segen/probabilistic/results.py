"""The results of a segmentation, each by itself."""

from abc import abstractmethod
from typing import Any

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import Segmentation
from napari_segen.core.model import Model
from napari_segen.core.steps import Steps, run
from napari_segen.features.cache import FeatureCache


class ResultsOnePass(Model):
    """Posterior, labels and uncertainty, all taken from `segment_steps`.

    Each takes an image, the `spec` of its axes (None: as in the fit) and a `cache`
    that keeps its features for the next call at the cost of memory.
    """

    @abstractmethod
    def novelty_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Array]:
        """Compute the novelty step by step. See `novelty`."""

    def novelty(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Array:
        """Return how unlike anything labelled each pixel is.

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
        float32 array of shape (*S)
            0 to 1: labelled pixels are mostly under 1/2; 1 where the image has no data.

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit,
            or the model's file is from a version without novelty.
        """
        return run(self.novelty_steps(image, spec=spec, cache=cache))

    @abstractmethod
    def segment_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Segmentation]:
        """Compute posterior, labels and uncertainty of one image in one pass."""

    def predict_proba_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Array]:
        """Compute the posterior step by step. See `predict_proba`."""
        found = yield from self.segment_steps(image, spec=spec, cache=cache)
        return found.posterior

    def predict_proba(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Array:
        """Return the probability of each class.

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
        float32 array of shape (K, *S)
            Classes ascending (`classes_`); sums to 1 over them. Uniform where the image
            has no data (NaN or infinite).

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit.
        """
        return run(self.predict_proba_steps(image, spec=spec, cache=cache))

    def predict_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Array]:
        """Compute the labels step by step. See `predict`."""
        found = yield from self.segment_steps(image, spec=spec, cache=cache)
        return found.labels

    def predict(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Array:
        """Return the most probable class of each pixel.

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
        unsigned integer array of shape (*S)
            The values of the scribbles; 0 where the image has no data.

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit.
        """
        return run(self.predict_steps(image, spec=spec, cache=cache))

    def uncertainty_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Array]:
        """Compute the uncertainty step by step. See `uncertainty`."""
        found = yield from self.segment_steps(image, spec=spec, cache=cache)
        return found.uncertainty

    def uncertainty(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Array:
        """Return how undecided each pixel is.

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
        float32 array of shape (*S)
            Entropy of the posterior over log K, 0 to 1; 1 where there is no data.

        Raises
        ------
        NotFitted
            Before `fit`.
        ValueError
            If the image's axes or channels are not those of the fit.
        """
        return run(self.uncertainty_steps(image, spec=spec, cache=cache))
