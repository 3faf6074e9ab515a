"""Strokes in, class probabilities out: the probabilistic segmenter."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from napari_segen.core.archive import FilePath
from napari_segen.core.checks import check_new_image
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import ClassInfo, Segmentation
from napari_segen.core.normalization import Normalization
from napari_segen.core.parameters import make_params
from napari_segen.core.steps import Step, Steps, each_steps, run, stretch_steps
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.channels import N_COLOURS, check_channels, looked_at
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.given import Given
from napari_segen.probabilistic.guidance.guided import SHARE_OF_POSTERIOR, Guided
from napari_segen.probabilistic.kept import KeptStrokes
from napari_segen.probabilistic.learning import fitted_steps
from napari_segen.probabilistic.modelfile import archived, restore, settings_in
from napari_segen.probabilistic.novelty import Novelty, check_novelty, learnt_novelty
from napari_segen.probabilistic.prediction import (
    Posterior,
    segment_frame_steps,
    unframed,
)
from napari_segen.probabilistic.prior import check_class_prior, prior_vector
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.score import StrokeScore, why_no_score
from napari_segen.probabilistic.settings import check_strength_and_seed
from napari_segen.probabilistic.source import checked_spec
from napari_segen.probabilistic.texture import with_texture

SHARE_OF_FIT = 0.9  # beside what kind of images they are


class ProbabilisticSegmenter(Guided):
    """Learns classes from strokes and gives each pixel's class probabilities.

    Parameters
    ----------
    method : str
        A name in `CLASSIFIERS`.
    params : mapping or the method's Params, optional
        Its parameters; defaults where left out.
    features : str or tuple of str
        A set of features or the names of their families, see `FilterBank`.
    sigmas : tuple of float, optional
        The sizes at which features look at the image; None: those of the set.
    sigma_unit : {"pixel", "physical"}
        What `sigmas` counts; ``physical`` uses the pixel size of the spec.
    channels : tuple of int, optional
        Which channels to use, from 0; None: all.
    smoothing : float
        Strength of the spatial prior; 0 for none. May be changed after `fit`.
    class_prior : mapping of int to float, optional
        How probable each class value is before a pixel is looked at, applied to the
        posterior by Bayes' theorem; None: as frequent as it is painted, or as
        `mixture` found it. May be changed after `fit`.
    normalization : {"auto", "training", "image", "none"}
        How grey values are brought to a common scale, see `Normalization`.
    seed : int
        Seed of methods that draw random numbers: `auto`, `forest`, `mixture`.

    Attributes
    ----------
    classes_ : int array of shape (K,)
        Class values, ascending.
    spec_ : ImageSpec
        The axes of the training images.
    n_channels_ : int
        Channels of the training images, used or not.
    is_colour_ : bool
        Whether they are red, green and blue: three channels, the last axis.
    sees_texture_ : bool
        Whether `auto` found that texture energy is needed besides `features`.
    normalization_ : Normalization
        What was learnt of the training images' grey values.
    classifier_ : Classifier
        The fitted method.
    class_shares_ : float array of shape (K,)
        How frequent the classifier takes each class to be.
    score_ : StrokeScore or None
        How good the posterior is on strokes that were held out, without smoothing;
        None where nothing could be held out: `score_reason_` says why.
    score_reason_ : str
        Why there is no `score_`; else empty.
    novelty_ : Novelty, or None
        What novelty is measured by; None in a model from an old file.
    strokes_ : KeptStrokes or None
        The labelled pixels it has learnt from, with their features; None where it
        needed none, or was saved without them.
    class_info_ : dict of int to ClassInfo
        Names and colours of classes; set by whoever knows them.
    provenance_ : mapping
        Versions, hashes of images and scribbles, date.
    """

    kind: ClassVar[str] = "probabilistic"

    classes_: Array
    spec_: ImageSpec
    n_channels_: int
    is_colour_: bool
    sees_texture_: bool
    normalization_: Normalization
    classifier_: Classifier
    class_shares_: Array
    score_: StrokeScore | None
    score_reason_: str
    novelty_: Novelty | None
    strokes_: KeptStrokes | None
    provenance_: Mapping[str, Any]

    def __init__(
        self,
        method: str = "auto",
        *,
        params: Any = None,
        features: str | tuple[str, ...] = "default",
        sigmas: tuple[float, ...] | None = None,
        sigma_unit: str = "pixel",
        channels: Sequence[int] | None = None,
        smoothing: float = 1.0,
        class_prior: Mapping[int, float] | None = None,
        normalization: str = "auto",
        seed: int = 0,
    ) -> None:
        self.method = method
        self.params = make_params(CLASSIFIERS.get(method).Params, params)
        self.features, self.sigmas, self.sigma_unit = features, sigmas, sigma_unit
        self.channels = check_channels(channels)
        self.smoothing = smoothing
        self.class_prior = class_prior
        self.normalization = normalization
        self.seed = seed
        self.class_info_: dict[int, ClassInfo] = {}
        self._check_settings()
        self.bank((1.0, 1.0))  # says at once which names of features there are

    def _check_settings(self) -> None:
        check_strength_and_seed(self.smoothing, self.seed)
        check_class_prior(self.class_prior)
        Normalization(self.normalization)

    def bank(self, sampling: tuple[float, ...], is_colour: bool = False) -> FilterBank:
        """Return the filter bank for images of this pixel size."""
        plain = N_COLOURS if is_colour else 0
        return FilterBank(self.features, self.sigmas, self.sigma_unit, sampling, plain)

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` has succeeded."""
        return hasattr(self, "classifier_")

    def fit(
        self,
        image: Any,
        scribbles: Any = None,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
        init_from: Any = None,
    ) -> Self:
        """Learn from one image and its scribbles, or from lists of both.

        Parameters
        ----------
        image : array or list of arrays
        scribbles : integer array, list of arrays, or SparseLabels
            0 = unlabelled; the image's shape without the channel axis. None for
            methods that need no strokes: ``mixture``. Around sparse labels alone is
            the image read, which may be lazy: any array-like with shape and dtype.
        spec : ImageSpec, optional
            The meaning of the image's axes; inferred where there is no doubt.
        cache : FeatureCache, optional
            Keeps features for the next call, at the cost of memory.
        init_from : ProbabilisticSegmenter or path, optional
            A model with the same features, channels, pixel size and normalization.
            Learns from its strokes and these, as if all had been given together, its
            own first; of its images only those are needed that are painted on again.
            There `scribbles` are painted over its strokes, or take their place if they
            repeat more than half of their pixels. See `Earlier`.
        """
        steps = self.fit_steps(
            image, scribbles, spec=spec, cache=cache, init_from=init_from
        )
        return run(steps)

    def fit_steps(
        self,
        image: Any,
        scribbles: Any = None,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
        init_from: Any = None,
    ) -> Steps[Self]:
        """Learn step by step; the model changes only at the end. See `fit`."""
        self._check_settings()
        method = CLASSIFIERS.get(self.method)
        given = Given.to(self, image, scribbles, spec, cache, init_from)
        spec, source, before = given.spec, given.source, given.before
        if source.classes is not None:
            self._prior(source.classes)
        yield Step(0, 1, "Reading the image")
        scale = source.scale(self.normalization)
        bank = self.bank(spec.sampling, given.is_colour)
        fit = fitted_steps(method(self.params, self.seed), source, scale, bank)
        fitted = yield from stretch_steps(fit, 0, SHARE_OF_FIT)
        classifier, classes = fitted.classifier, source.classes
        if classes is None:
            classes = np.arange(1, classifier.n_classes_ + 1)
            self._prior(classes)
        novelty = learnt_novelty(fitted.samples, classifier)
        learn = given.kind_steps(scale, bank, novelty.scaling)
        kind = yield from stretch_steps(learn, SHARE_OF_FIT, 1)
        strokes = source.kept(fitted.samples, fitted.texture)
        self.provenance_ = given.provenance()
        if before is not None:
            self.class_info_ = before.class_info_ | self.class_info_
        self.spec_, self.n_channels_, self.classes_ = spec, given.n_channels, classes
        self.is_colour_, self.sees_texture_ = given.is_colour, fitted.sees_texture
        self.normalization_, self.classifier_ = scale, classifier
        self.class_shares_, self.score_ = fitted.shares, fitted.score
        self.score_reason_ = "" if self.score_ else why_no_score(method.needs_strokes)
        self.novelty_, self.kind_, self.strokes_ = novelty, kind, strokes
        self._doubt(fitted.held_out, given.images)
        return self

    def segment_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
        novelty: bool = False,
    ) -> Steps[Segmentation]:
        """Compute posterior, labels and uncertainty of one image in one pass.

        Parameters
        ----------
        image : array
        spec : ImageSpec, optional
            The meaning of its axes; None: as in `fit`.
        cache : FeatureCache, optional
            Keeps features for the next call, at the cost of memory.
        novelty : bool
            Whether to compute this as well.
        """
        spec, shape, frames = self._seen(image, spec, cache)
        posterior = self._posterior()
        parts = yield from stretch_steps(
            each_steps(
                frames, lambda f: segment_frame_steps(posterior, f, self.classes_)
            ),
            0,
            SHARE_OF_POSTERIOR if novelty else 1,
        )
        found = unframed(parts, spec, shape)
        if not novelty:
            return found
        steps = self.novelty_steps(image, spec=spec, cache=cache)
        plane = yield from stretch_steps(steps, SHARE_OF_POSTERIOR, 1)
        return replace(found, novelty=plane)

    def novelty_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Array]:
        """Compute the novelty step by step. See `novelty`."""
        spec, shape, frames = self._seen(image, spec, cache)
        parts = yield from each_steps(frames, check_novelty(self.novelty_).frame_steps)
        return spec.unframe(np.stack(parts), shape)

    def _seen(
        self, image: Any, spec: ImageSpec | None, cache: FeatureCache | None
    ) -> tuple[ImageSpec, tuple[int, ...], list[Frame]]:
        """Check an image; returns its axes, the shape of results, and its frames."""
        self.check_fitted()
        self._check_settings()
        spec = self.spec_ if spec is None else checked_spec(spec, self.spec_)
        array = check_new_image(image, spec, self.n_channels_)
        bank, scale = self._whole_bank(spec), self.normalization_
        seen = self.seen_channels(spec.frames(array))
        frames = [Frame.of(values, scale, bank, cache) for values in seen]
        return spec, spec.label_shape(array.shape), frames

    def _whole_bank(self, spec: ImageSpec) -> FilterBank:
        bank = self.bank(spec.sampling, self.is_colour_)
        return with_texture(bank) if self.sees_texture_ else bank

    def seen_channels(self, frames: Array) -> Array:
        """Return what of frames ``(N, C, *S)`` it looks at, and takes the range of."""
        return looked_at(frames, self.channels, self.is_colour_)

    def _posterior(self) -> Posterior:
        wanted = self._prior(self.classes_)
        return Posterior.with_frequencies(
            self.classifier_, self.class_shares_, wanted, self.smoothing
        )

    def _prior(self, classes: Array) -> Array | None:
        """Return how probable the classes are as set; ValueError if it cannot be."""
        if self.class_prior is None:
            return None
        return prior_vector(self.class_prior, classes)

    def save(self, path: FilePath, *, keep_strokes: bool = True) -> None:
        """Write the model to one file, whole or not at all.

        Parameters
        ----------
        path : path
            By convention ending in ``.segen``.
        keep_strokes : bool
            Whether it holds the labelled pixels too, so that new strokes can be added
            to them (`init_from`): their places and features, about 100 bytes a pixel of
            a grey image, of at most 20 000 pixels; no more of the image.
        """
        self.check_fitted()
        model = copy(self)
        if not keep_strokes:
            model.strokes_ = None
        super(ProbabilisticSegmenter, model).save(path)

    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header (JSON values) and the arrays of the model file."""
        return archived(self)

    @classmethod
    def from_archive(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Build the model that `to_archive` described."""
        model = cls(**settings_in(header))
        restore(model, header, arrays)
        return model
