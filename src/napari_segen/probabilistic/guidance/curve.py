"""The score as strokes are added, and when more of them hardly help.

Learning curves are nearly power laws of the number of examples (Hestness et al., "Deep
learning scaling is predictable, empirically", 2017): what one doubling brings, the next
brings no more of. So the mean IoU is fitted by a straight line in the binary logarithm
of the number of strokes, over the last doubling. Where even the upper end of its slope,
one standard error above it, is small, as many strokes again would hardly help.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.probabilistic.score import StrokeScore

LEAST_POINTS = 4
LEAST_STROKES = 8  # fewer say too little of the score for its slope to mean anything
SMALL_GAIN = 0.03  # of mean IoU


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """Scores in the order in which strokes were added.

    Parameters
    ----------
    scores : tuple of StrokeScore
        Of fits to more and more strokes; `then` adds one.
    """

    scores: tuple[StrokeScore, ...] = ()

    def then(self, score: StrokeScore | None) -> "ScoreCurve":
        """Return the curve with one more fit; as it is if that has no score.

        Scores from as many strokes or more are left out: strokes were taken back.
        """
        if score is None:
            return self
        before = [s for s in self.scores if s.n_strokes < score.n_strokes]
        return ScoreCurve((*before, score))

    @property
    def n_strokes(self) -> npt.NDArray[np.int64]:
        """How many strokes each score is from ``(P,)``, ascending."""
        return np.array([s.n_strokes for s in self.scores], np.int64)

    @property
    def mean_iou(self) -> npt.NDArray[np.float64]:
        """Mean IoU on held-out strokes ``(P,)``."""
        return np.array([s.mean_iou for s in self.scores])

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Recall of each class ``(P, K)``; NaN where it was not held out.

        Classes that later fits added are NaN before. They must be the last ones.
        """
        k = max((len(s.recall) for s in self.scores), default=0)
        rows = [(*s.recall, *(np.nan,) * (k - len(s.recall))) for s in self.scores]
        return np.array(rows).reshape(len(rows), k)

    def gain(self) -> tuple[float, float] | None:
        """Return what doubling the strokes brought of mean IoU, and its standard error.

        None where the last doubling has under `LEAST_POINTS` scores, or there are
        under `LEAST_STROKES` strokes.
        """
        n = self.n_strokes
        last = n >= n.max(initial=0) / 2
        if last.sum() < LEAST_POINTS or n[-1] < LEAST_STROKES:
            return None
        x, y = np.log2(n[last]), self.mean_iou[last]
        x, y = x - x.mean(), y - y.mean()
        slope = float(x @ y / (x @ x))
        rest = y - slope * x
        error = np.sqrt(rest @ rest / (len(x) - 2) / (x @ x))
        return slope, float(error)

    @property
    def more_hardly_help(self) -> bool:
        """Whether as many strokes again would hardly raise the mean IoU."""
        if (found := self.gain()) is None:
            return False
        slope, error = found
        # A fall does not make up for what is not known.
        return max(slope, 0) + error < SMALL_GAIN

    def __str__(self) -> str:
        if not self.scores:
            return "no score yet"
        if self.more_hardly_help:
            return f"{self.scores[-1]}: more of the same hardly help"
        return str(self.scores[-1])
