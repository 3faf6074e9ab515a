"""How good a segmenter is, judged by strokes that it was fitted without."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.probabilistic.held_out import HeldOut

CALIBRATION_BINS = 15
NOTHING_HELD_OUT = (
    "no class has a second stroke that could be held out; paint two or more of each"
)
NO_STROKES = "the method takes no strokes that could be held out"


def why_no_score(needs_strokes: bool) -> str:
    """Say why a method that needs strokes, or one that does not, has no score."""
    return NOTHING_HELD_OUT if needs_strokes else NO_STROKES


@dataclass(frozen=True)
class StrokeScore:
    """Figures on held-out strokes; pixels count by `TrainingSet.weights`.

    Parameters
    ----------
    n_strokes : int
        How many strokes were held out in turn.
    recall : tuple of float
        Share of each class's pixels that were found, classes ascending; NaN for a
        class whose only stroke could not be held out.
    mean_iou : float
        Mean intersection over union of the classes that were held out.
    log_loss : float
        Mean negative log probability of the painted class.
    calibration_error : float
        Mean difference of confidence and share that is right, over 15 bins.
    """

    n_strokes: int
    recall: tuple[float, ...]
    mean_iou: float
    log_loss: float
    calibration_error: float

    @classmethod
    def of(cls, held_out: HeldOut) -> "StrokeScore | None":
        """Score what was held out; None where that is nothing."""
        known = held_out.known
        if not known.any():
            return None
        weights = held_out.samples.weights()[known]
        truth = held_out.samples.class_index[known]
        posterior = held_out.posterior[:, known]
        k = len(posterior)
        found = posterior.argmax(axis=0)
        table = np.bincount(truth * k + found, weights, k * k).reshape(k, k)
        hit, in_truth = np.diag(table), table.sum(axis=1)
        union = in_truth + table.sum(axis=0) - hit
        there = in_truth > 0
        chance = np.maximum(posterior[truth, np.arange(len(truth))], 1e-12)
        return cls(
            held_out.n_strokes,
            tuple(_ratio(hit, in_truth).tolist()),
            float((hit[there] / union[there]).mean()),
            float(-(weights @ np.log(chance)) / weights.sum()),
            calibration_error(posterior.max(axis=0), found == truth, weights),
        )

    def __str__(self) -> str:
        return f"mean IoU {self.mean_iou:.2f} from {self.n_strokes} strokes"

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; `from_json` reads them back."""
        values = asdict(self)
        # JSON has no NaN.
        recall = [None if np.isnan(r) else r for r in self.recall]
        return values | {"recall": recall}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "StrokeScore":
        """Read what `as_json` wrote."""
        recall = tuple(np.nan if r is None else float(r) for r in values["recall"])
        figures = ("mean_iou", "log_loss", "calibration_error")
        return cls(
            int(values["n_strokes"]),
            recall,
            *(float(values[name]) for name in figures),
        )


def calibration_error(
    confidence: Array, right: npt.NDArray[np.bool_], weights: Array
) -> float:
    """Return the expected calibration error of confidences and weights ``(M,)``.

    After Guo et al. 2017: the mean over bins of |confidence - accuracy|, each bin by
    its weight.
    """
    bins = (confidence * CALIBRATION_BINS).astype(int)
    which = np.minimum(bins, CALIBRATION_BINS - 1)
    gap = np.bincount(which, weights * (confidence - right))
    return float(np.abs(gap).sum() / weights.sum())


def _ratio(part: Array, whole: Array) -> Array:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)
