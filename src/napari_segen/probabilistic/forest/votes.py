"""What trees say of the strokes that they did not see (out of bag)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.probabilistic.forest.growing import Ground
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.samples import TrainingSet


@dataclass(frozen=True, slots=True)
class Votes:
    """Sums over the trees that did not see a labelled pixel's stroke.

    Parameters
    ----------
    samples : TrainingSet
    shares : float64 array of shape (K, M)
        Class shares of the leaves that each pixel reaches.
    n : int array of shape (M,)
        How many trees had a say.
    """

    samples: TrainingSet
    shares: npt.NDArray[np.float64]
    n: npt.NDArray[np.int64]

    @classmethod
    def none(cls, samples: TrainingSet) -> "Votes":
        """Begin without any."""
        m = len(samples.class_index)
        return cls(samples, np.zeros((samples.n_classes, m)), np.zeros(m, np.int64))

    def add(self, tree: Any, ground: Ground, missed: npt.NDArray[np.bool_]) -> None:
        """Let scikit-learn's `tree` judge the pixels of the ground that it missed."""
        if missed.any():
            at = ground.order[missed]
            self.shares[:, at] += tree.predict_proba(
                ground.features[missed], check_input=False
            ).T
            self.n[at] += 1

    def held_out(self) -> HeldOut:
        """Return the mean votes."""
        known = self.n > 0
        mean = self.shares / np.maximum(self.n, 1)
        mean[:, ~known] = 1 / len(mean)
        return HeldOut(mean, known, self.samples)
