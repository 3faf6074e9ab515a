"""Whether a network is better than the pixel classifier that learns in a second."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.core.checks import as_list
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.metrics import mean_iou
from napari_segen.core.normalization import Normalization, scaled
from napari_segen.core.steps import Step, Steps, stretch_steps
from napari_segen.features.cache import FeatureCache
from napari_segen.workflows.held_out import (
    Part,
    answer_steps,
    learnt_parts,
    part_spec,
    scored_parts,
    truth_of,
)
from napari_segen.workflows.pixel_labels import pixel_labels

# A lead of the network that counts, from few held-out blocks or images and from more.
# A few strokes prove nothing: with two of them, differences of 0.15 were chance.
FEW_UNITS = 5
CLEAR_LEAD_OF_FEW, CLEAR_LEAD = 0.1, 0.02
CACHE_BYTES = 2**29


@dataclass(frozen=True, slots=True)
class Comparison:
    """Held-out mean IoU of a network and of the package's best pixel classifier.

    Parameters
    ----------
    cnn_iou, other_iou : float, or None
        None where nothing was held out.
    other_name : str
        The pixel classifier's method.
    n_held : int
        How many strokes, blocks or images were held out.
    unit : str
        Which of these, in the plural.
    is_sampled : bool
        Whether the scores stand on a part of the held-out labels.
    """

    cnn_iou: float | None
    other_iou: float | None
    other_name: str
    n_held: int
    unit: str
    is_sampled: bool = False

    @property
    def lead(self) -> float:
        """How far the network is ahead, of the figures as they are printed."""
        assert self.cnn_iou is not None
        assert self.other_iou is not None
        return round(round(self.cnn_iou, 2) - round(self.other_iou, 2), 2)

    @property
    def verdict(self) -> str:
        """Which to use: "pixel classifier", "network", "unclear" or "unknown".

        The pixel classifier is the quicker one, so that the burden of proof is on
        the network, and few strokes are no proof.
        """
        if self.cnn_iou is None or self.other_iou is None:
            return "unknown"
        if self.lead <= 0:
            return "pixel classifier"
        if not self.is_few:
            return "network" if self.lead >= CLEAR_LEAD else "unclear"
        is_proof = self.unit != "strokes" and self.lead >= CLEAR_LEAD_OF_FEW
        return "network" if is_proof else "unclear"

    @property
    def is_few(self) -> bool:
        """Whether the figures stand on little: other held-out labels, other figures."""
        return self.n_held < FEW_UNITS

    @property
    def sentence(self) -> str:
        """The figures and what to make of them, for a person."""
        if self.cnn_iou is None or self.other_iou is None:
            return (
                "nothing was held out, so that nobody knows whether the network is "
                "better than the pixel classifier: label more and train again"
            )
        unit = self.unit if self.n_held != 1 else self.unit.removesuffix("s")
        held = f"{self.n_held} {unit}"
        sample = " (a sample of their pixels)" if self.is_sampled else ""
        return (
            f"held-out IoU {self.cnn_iou:.2f} from {held}{sample}; the pixel "
            f"classifier from the same labels has {self.other_iou:.2f}: "
            + self._advice(held)
        )

    def _advice(self, held: str) -> str:
        if self.verdict == "network":
            return "the network is better"
        if self.verdict == "unclear":
            few = f"{held} cannot tell which is better"
            return few if self.is_few else "no clear difference"
        that = f"use that (probabilistic, method {self.other_name})"
        is_doubtful = self.is_few and self.unit == "strokes"
        return f"{that}, though {held} can be wrong" if is_doubtful else that

    def as_json(self) -> dict[str, Any]:
        """Return figures, verdict and sentence as JSON values."""
        return {
            "cnn_iou": None if self.cnn_iou is None else round(self.cnn_iou, 4),
            "other_iou": None if self.other_iou is None else round(self.other_iou, 4),
            "other_name": self.other_name,
            "n_held": self.n_held,
            "unit": self.unit,
            "verdict": self.verdict,
            "sentence": self.sentence,
        }


def comparison_steps(
    model: Any,
    images: Any,
    labels: Any,
    *,
    spec: ImageSpec | None = None,
    unlabelled: int | None = None,
) -> Steps[Comparison]:
    """Score a network and the pixel classifiers on the labels kept from training.

    Each registered pixel classifier is fitted to the labels that the network trained
    on; both answer for the same held-out pixels of whole images, or of generous
    windows of large ones (`scored_parts`). Both sides choose by the held-out labels:
    the network its best moment, the classifiers the best among them.

    Parameters
    ----------
    model : CnnSegmenter
        Fitted to these images and labels.
    images, labels, spec, unlabelled
        As they were given to its `fit`.
    """
    yield Step(0, 1, "Comparing with the pixel classifier")
    spec = spec or model.spec_
    training, held, words = model.split(
        images, labels, spec=spec, unlabelled=unlabelled
    )
    if not any(marks.any() for marks in held):
        return Comparison(None, None, "", 0, "")
    frames = [f for i in as_list(images) for f in spec.frames(np.asarray(i))]
    parts, is_all = scored_parts(frames, _frames_of(held, spec))
    truth = truth_of(parts)
    cnn = yield from stretch_steps(answer_steps(model, parts, spec), 0, 0.5)
    scores = yield from stretch_steps(
        _classifier_scores(frames, _frames_of(training, spec), parts, spec), 0.5, 1
    )
    best = max(scores, key=lambda name: scores[name])
    return Comparison(
        _iou(cnn, truth),
        scores[best],
        best,
        words["n"],
        words["unit"],
        is_sampled=not is_all,
    )


def _frames_of(labels: list[Array], spec: ImageSpec) -> list[Array]:
    return [frame for marks in labels for frame in spec.label_frames(marks)]


def _classifier_scores(
    frames: list[Array], training: list[Array], parts: list[Part], spec: ImageSpec
) -> Steps[dict[str, float]]:
    """Held-out mean IoU of each pixel classifier that learns from labels, by name."""
    from napari_segen.probabilistic.registry import methods_with_strokes

    thinned = pixel_labels(training)
    learnt = learnt_parts(frames, thinned, are_areas=thinned is not training)
    scale = Normalization().fit([p.frame[np.newaxis] for p in learnt])
    truth, cache = truth_of(parts), FeatureCache(CACHE_BYTES)
    scores: dict[str, float] = {}
    names = methods_with_strokes()
    for i, name in enumerate(names):
        steps = _fit_and_answer(name, learnt, parts, scale, spec, cache)
        n = len(names)
        found = yield from stretch_steps(steps, i / n, (i + 1) / n)
        scores[name] = _iou(found, truth)
    return scores


def _fit_and_answer(
    name: str,
    learnt: list[Part],
    parts: list[Part],
    scale: Normalization,
    spec: ImageSpec,
    cache: FeatureCache,
) -> Steps[Array]:
    """Fit a classifier to parts of frames as if it had seen them whole."""
    from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

    classifier = ProbabilisticSegmenter(name, normalization="none")
    windows = [
        scaled(p.frame[:, *p.tile.padded], *scale.scale_of(p.frame)) for p in learnt
    ]
    fit = classifier.fit_steps(
        windows, [_inner(p) for p in learnt], spec=part_spec(spec), cache=cache
    )
    yield from stretch_steps(fit, 0, 0.6)
    classifier.normalization_ = scale
    answer = answer_steps(classifier, parts, spec, cache=cache)
    return (yield from stretch_steps(answer, 0.6, 1))


def _inner(part: Part) -> Array:
    """Labels of a part with its margin, which has none: ``(*padded)``."""
    marks = np.zeros_like(part.marks[part.tile.padded])
    marks[part.tile.inner] = part.marks[part.tile.core]
    return marks


def _iou(found: Array, truth: Array) -> float:
    return mean_iou(found, truth, np.unique(truth))
