"""Strokes in, class probabilities out: the probabilistic segmenter."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np

from napari_segen.core.checks import (
    Pair,
    as_list,
    check_new_image,
    check_pairs,
    check_spec,
)
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import ClassInfo, Segmentation
from napari_segen.core.normalization import Normalization
from napari_segen.core.parameters import make_params
from napari_segen.core.provenance import provenance
from napari_segen.core.steps import Step, Steps, run, stretch_steps
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.colour import N_COLOURS, is_colour_image, with_grey
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.modelfile import header_of, restore, settings_in
from napari_segen.probabilistic.prediction import (
    Posterior,
    segment_frame_steps,
    unframed,
)
from napari_segen.probabilistic.prior import check_class_prior, prior_vector
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.results import ResultsOnePass
from napari_segen.probabilistic.score import NOTHING_HELD_OUT, StrokeScore
from napari_segen.probabilistic.training import painted_frames, training_set_steps

MAX_SMOOTHING = 100.0
SHARE_OF_FEATURES, SHARE_OF_FIT = 0.6, 0.8


class ProbabilisticSegmenter(ResultsOnePass):
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
        posterior by Bayes' theorem; None: as frequent as it is painted. May be
        changed after `fit`.
    normalization : {"auto", "training", "image", "none"}
        How grey values are brought to a common scale, see `Normalization`.
    seed : int
        Seed of methods that draw random numbers: `auto`, `forest`.

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
    normalization_ : Normalization
        What was learnt of the training images' grey values.
    classifier_ : Classifier
        The fitted method.
    class_shares_ : float array of shape (K,)
        How frequent each class is among the labelled pixels.
    score_ : StrokeScore or None
        How good the posterior is on strokes that were held out, without smoothing;
        None where nothing could be held out: `score_reason_` says why.
    score_reason_ : str
        Why there is no `score_`; else empty.
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
    normalization_: Normalization
    classifier_: Classifier
    class_shares_: Array
    score_: StrokeScore | None
    score_reason_: str
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
        self.channels = _check_channels(channels)
        self.smoothing = smoothing
        self.class_prior = class_prior
        self.normalization = normalization
        self.seed = seed
        self.class_info_: dict[int, ClassInfo] = {}
        self._check_settings()
        self.bank((1.0, 1.0))  # says at once which names of features there are

    def _check_settings(self) -> None:
        if isinstance(self.smoothing, bool) or not isinstance(self.smoothing, Real):
            raise TypeError(f"smoothing must be a number, got {self.smoothing!r}.")
        if not 0 <= self.smoothing <= MAX_SMOOTHING:  # also refuses NaN
            raise ValueError(
                f"smoothing must be from 0 to {MAX_SMOOTHING:g}, got {self.smoothing}."
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer):
            raise TypeError(f"seed must be an integer, got {self.seed!r}.")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}.")
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
        scribbles: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Self:
        """Learn from one image and its scribbles, or from lists of both.

        Parameters
        ----------
        image : array or list of arrays
        scribbles : integer array or list of arrays
            0 = unlabelled; the image's shape without the channel axis.
        spec : ImageSpec, optional
            The meaning of the image's axes; inferred where there is no doubt.
        cache : FeatureCache, optional
            Keeps features for the next call, at the cost of memory.
        """
        return run(self.fit_steps(image, scribbles, spec=spec, cache=cache))

    def fit_steps(
        self,
        image: Any,
        scribbles: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Self]:
        """Learn step by step; the model changes only at the end. See `fit`."""
        self._check_settings()
        spec, pairs = check_pairs(image, scribbles, spec)
        n_channels = pairs[0].frames.shape[1]
        is_colour = self.channels is None and is_colour_image(spec, n_channels)
        painted, classes = painted_frames(
            [Pair(self._used(p.frames, is_colour), p.labels) for p in pairs]
        )
        if self.class_prior is not None:
            prior_vector(self.class_prior, classes)
        yield Step(0, 1, "Reading strokes")
        scale = Normalization(self.normalization).fit(
            [f.values[np.newaxis] for f in painted]
        )
        bank = self.bank(spec.sampling, is_colour)
        samples = yield from stretch_steps(
            training_set_steps(
                painted, classes, lambda v: _frame(v, scale, bank, cache)
            ),
            0,
            SHARE_OF_FEATURES,
        )
        classifier = CLASSIFIERS.get(self.method)(self.params, self.seed)
        fit = classifier.fit_steps(samples)
        yield from stretch_steps(fit, SHARE_OF_FEATURES, SHARE_OF_FIT)
        held_out = yield from stretch_steps(
            classifier.calibrate_steps(samples), SHARE_OF_FIT, 1
        )
        self.provenance_ = provenance(
            [np.asarray(i) for i in as_list(image)],
            [np.asarray(s) for s in as_list(scribbles)],
        )
        self.spec_, self.n_channels_, self.classes_ = spec, n_channels, classes
        self.is_colour_ = is_colour
        self.normalization_, self.classifier_ = scale, classifier
        self.class_shares_ = samples.class_shares()
        self.score_ = StrokeScore.of(held_out)
        self.score_reason_ = "" if self.score_ else NOTHING_HELD_OUT
        return self

    def used_channels(self, n_channels: int) -> list[int]:
        """List the channels used of images that have `n_channels`."""
        if self.channels is None:
            return list(range(n_channels))
        if max(self.channels) >= n_channels:
            raise ValueError(
                f"channels {self.channels} must be below the image's {n_channels} "
                "channels; the first is 0."
            )
        return list(self.channels)

    def _used(self, frames: Array, is_colour: bool) -> Array:
        """Pick the channels; a colour image gets its grey values in front."""
        used = self.used_channels(frames.shape[1])
        if is_colour:
            return with_grey(frames)
        return frames if self.channels is None else frames[:, used]

    def segment_steps(
        self,
        image: Any,
        *,
        spec: ImageSpec | None = None,
        cache: FeatureCache | None = None,
    ) -> Steps[Segmentation]:
        """Compute posterior, labels and uncertainty of one image in one pass.

        Parameters
        ----------
        image : array
        spec : ImageSpec, optional
            The meaning of its axes; None: as in `fit`.
        cache : FeatureCache, optional
            Keeps features for the next call, at the cost of memory.
        """
        self.check_fitted()
        self._check_settings()
        spec = self._spec_for(spec)
        array = check_new_image(image, spec, self.n_channels_)
        frames = self._used(spec.frames(array), self.is_colour_)
        posterior = self._posterior()
        bank = self.bank(spec.sampling, self.is_colour_)
        parts = []
        for i, values in enumerate(frames):
            frame = _frame(values, self.normalization_, bank, cache)
            steps = segment_frame_steps(posterior, frame, self.classes_)
            n = len(frames)
            parts.append((yield from stretch_steps(steps, i / n, (i + 1) / n)))
        return unframed(parts, spec, spec.label_shape(array.shape))

    def _spec_for(self, spec: ImageSpec | None) -> ImageSpec:
        if spec is None:
            return self.spec_
        check_spec(spec)
        if spec.n_space != self.spec_.n_space:
            raise ValueError(
                f"spec has the spatial axes {spec.space_axes!r}, but the model was "
                f"fitted on {self.spec_.space_axes!r}."
            )
        return spec

    def _posterior(self) -> Posterior:
        prior = None
        if self.class_prior is not None:
            # The classifier's own frequencies go, those that are asked for come.
            prior = prior_vector(self.class_prior, self.classes_) / self.class_shares_
            prior = (prior / prior.sum()).astype(np.float32)
        return Posterior(self.classifier_, prior, self.smoothing)

    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header (JSON values) and the arrays of the model file."""
        return header_of(self), self.classifier_.arrays()

    @classmethod
    def from_archive(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Build the model that `to_archive` described."""
        model = cls(**settings_in(header))
        restore(model, header, arrays)
        return model


def _check_channels(channels: Sequence[int] | None) -> tuple[int, ...] | None:
    if channels is None:
        return None
    chosen = tuple(channels) if isinstance(channels, Iterable) else (None,)
    if not all(isinstance(c, int | np.integer) for c in chosen):
        raise TypeError(f"channels must be integers, got {channels!r}.")
    if not chosen or min(chosen) < 0 or len(set(chosen)) != len(chosen):
        raise ValueError(
            f"channels must be different numbers from 0, got {channels!r}."
        )
    return tuple(int(c) for c in chosen)


def _frame(
    values: Array, scale: Normalization, bank: FilterBank, cache: FeatureCache | None
) -> Frame:
    low, span = scale.scale_of(values)
    return Frame(values, low, span, bank, cache)
