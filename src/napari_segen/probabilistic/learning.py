"""The way from labelled pixels to a classifier that knows how sure it may be."""

from dataclasses import dataclass
from functools import partial

from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.features.bank import FilterBank
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.score import StrokeScore
from napari_segen.probabilistic.source import Source
from napari_segen.probabilistic.texture import TextureOffer, may_see_texture

SHARE_OF_FEATURES, SHARE_OF_FIT = 0.6, 0.8


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted classifier, and what its samples say of it.

    Parameters
    ----------
    classifier : Classifier
    samples : TrainingSet
    shares : float array of shape (K,)
        How frequent the classifier takes each class to be.
    held_out : HeldOut, optional
        What it said of strokes that were held out; None where none were.
    texture : float32 array of shape (M, T), or None
        The samples' texture energy, if it was asked for.
    """

    classifier: Classifier
    samples: TrainingSet
    shares: Array
    held_out: HeldOut | None
    texture: Array | None

    @property
    def score(self) -> StrokeScore | None:
        """How good it is on held-out strokes; None where nothing was held out."""
        return None if self.held_out is None else StrokeScore.of(self.held_out)

    @property
    def sees_texture(self) -> bool:
        """Whether it looks at texture energy besides the features of its samples."""
        return bool(self.classifier.n_features_ > self.samples.features.shape[1])


def fitted_steps(
    classifier: Classifier,
    source: Source,
    scale: Normalization,
    bank: FilterBank,
    temperature: float | None = None,
) -> Steps[Fitted]:
    """Compute the features, fit, and calibrate by held-out strokes.

    Parameters
    ----------
    classifier : Classifier
        Not fitted yet.
    source : Source
    scale : Normalization
    bank : FilterBank
    temperature : float, optional
        Taken instead of holding strokes out, which costs several fits.
    """
    samples_steps = partial(source.samples_steps, scale)
    samples = yield from stretch_steps(samples_steps(bank), 0, SHARE_OF_FEATURES)
    offer = TextureOffer(bank, samples_steps if source.knows_texture else None)
    if may_see_texture(bank):
        samples = offer.to(samples)
    fit = classifier.fit_steps(samples)
    yield from stretch_steps(fit, SHARE_OF_FEATURES, SHARE_OF_FIT)
    held_out = None
    if temperature is not None:
        classifier.temperature_ = temperature
    elif classifier.needs_strokes:
        calibration = classifier.calibrate_steps(samples)
        held_out = yield from stretch_steps(calibration, SHARE_OF_FIT, 1)
    shares = classifier.shares_of(samples)
    return Fitted(classifier, samples, shares, held_out, offer.found)
