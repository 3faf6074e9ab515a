"""Strokes in, class probabilities out: the probabilistic segmenter."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from napari_segen.core.checks import (
    Pair,
    as_list,
    check_new_image,
    check_pairs,
)
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import ClassInfo, Segmentation
from napari_segen.core.normalization import Normalization
from napari_segen.core.parameters import make_params
from napari_segen.core.provenance import provenance
from napari_segen.core.steps import Step, Steps, each_steps, run, stretch_steps
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.channels import (
    N_COLOURS,
    check_channels,
    is_colour_image,
    looked_at,
)
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.guidance.guided import Guided
from napari_segen.probabilistic.guidance.kind import Kind
from napari_segen.probabilistic.modelfile import header_of, restore, settings_in
from napari_segen.probabilistic.novelty import Novelty, check_novelty, learnt_novelty
from napari_segen.probabilistic.prediction import (
    Posterior,
    segment_frame_steps,
    unframed,
)
from napari_segen.probabilistic.prior import check_class_prior, prior_vector
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.score import StrokeScore, why_no_score
from napari_segen.probabilistic.settings import check_strength_and_seed
from napari_segen.probabilistic.source import (
    check_scribbles,
    checked_spec,
    source_of,
)
from napari_segen.probabilistic.texture import offer_texture, with_texture

SHARE_OF_FEATURES, SHARE_OF_FIT, SHARE_OF_CALIBRATION = 0.5, 0.7, 0.9
SHARE_OF_POSTERIOR = 0.6  # beside novelty


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
    ) -> Self:
        """Learn from one image and its scribbles, or from lists of both.

        Parameters
        ----------
        image : array or list of arrays
        scribbles : integer array or list of arrays
            0 = unlabelled; the image's shape without the channel axis. None for
            methods that need no strokes: ``mixture``.
        spec : ImageSpec, optional
            The meaning of the image's axes; inferred where there is no doubt.
        cache : FeatureCache, optional
            Keeps features for the next call, at the cost of memory.
        """
        return run(self.fit_steps(image, scribbles, spec=spec, cache=cache))

    def fit_steps(
        self,
        image: Any,
        scribbles: Any = None,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Self]:
        """Learn step by step; the model changes only at the end. See `fit`."""
        self._check_settings()
        method = CLASSIFIERS.get(self.method)
        check_scribbles(self.method, method.needs_strokes, image, scribbles, spec)
        spec, pairs = check_pairs(image, scribbles, spec)
        n_channels = pairs[0].frames.shape[1]
        is_colour = self.channels is None and is_colour_image(spec, n_channels)
        used = [
            Pair(looked_at(p.frames, self.channels, is_colour), p.labels) for p in pairs
        ]
        source = source_of(used, method.needs_strokes)
        if source.classes is not None:
            self._prior(source.classes)
        yield Step(0, 1, "Reading the image")
        scale = Normalization(self.normalization).fit(
            [values[np.newaxis] for values in source.frames]
        )
        bank = self.bank(spec.sampling, is_colour)

        def samples_steps(bank: FilterBank) -> Steps[TrainingSet]:
            return source.samples_steps(lambda v: Frame.of(v, scale, bank, cache))

        samples = yield from stretch_steps(samples_steps(bank), 0, SHARE_OF_FEATURES)
        samples = offer_texture(samples, bank, samples_steps)
        classifier = method(self.params, self.seed)
        fit = classifier.fit_steps(samples)
        yield from stretch_steps(fit, SHARE_OF_FEATURES, SHARE_OF_FIT)
        held_out = None
        if method.needs_strokes:
            held_out = yield from stretch_steps(
                classifier.calibrate_steps(samples), SHARE_OF_FIT, SHARE_OF_CALIBRATION
            )
        classes = source.classes
        if classes is None:
            classes = np.arange(1, classifier.n_classes_ + 1)
            self._prior(classes)
        novelty = learnt_novelty(samples, classifier)
        frames = [Frame.of(v, scale, bank, cache) for v in source.frames]
        learn = Kind.learnt_steps(frames, novelty.scaling)
        kind = yield from stretch_steps(learn, SHARE_OF_CALIBRATION, 1)
        self.provenance_ = provenance(
            [np.asarray(i) for i in as_list(image)],
            [] if scribbles is None else [np.asarray(s) for s in as_list(scribbles)],
        )
        self.spec_, self.n_channels_, self.classes_ = spec, n_channels, classes
        self.is_colour_ = is_colour
        self.sees_texture_ = classifier.n_features_ > samples.features.shape[1]
        self.normalization_, self.classifier_ = scale, classifier
        self.class_shares_ = classifier.shares_of(samples)
        self.score_ = None if held_out is None else StrokeScore.of(held_out)
        self.score_reason_ = "" if self.score_ else why_no_score(method.needs_strokes)
        self.novelty_, self.kind_ = novelty, kind
        self._doubt(held_out, as_list(image))
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
        bank = self.bank(spec.sampling, self.is_colour_)
        if self.sees_texture_:
            bank = with_texture(bank)
        frames = [
            Frame.of(values, self.normalization_, bank, cache)
            for values in looked_at(spec.frames(array), self.channels, self.is_colour_)
        ]
        return spec, spec.label_shape(array.shape), frames

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

    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header (JSON values) and the arrays of the model file."""
        arrays = self.classifier_.arrays()
        for part in (self.novelty_, self.kind_):
            arrays |= {} if part is None else part.as_arrays()
        return header_of(self), arrays

    @classmethod
    def from_archive(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Build the model that `to_archive` described."""
        model = cls(**settings_in(header))
        restore(model, header, arrays)
        return model
