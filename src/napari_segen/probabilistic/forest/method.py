"""A forest of decision trees, each grown from few pixels of each stroke."""

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.evidence import Evidence, evidence_of_shares
from napari_segen.probabilistic.forest.growing import (
    ForestParams,
    Ground,
    flattened,
    joined,
)
from napari_segen.probabilistic.forest.paths import path_parts
from napari_segen.probabilistic.forest.trees import Questions, Trees
from napari_segen.probabilistic.forest.votes import Votes
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.samples import TrainingSet


class ForestClassifier(Classifier):
    """Mean of the class shares in the leaves that a pixel reaches, one in each tree.

    Attributes
    ----------
    trees_ : Trees
        Nodes of all trees, and the class shares of their leaves.
    importances_ : float32 array of shape (F,)
        How much each feature helped to tell the classes apart; sums to 1, or to 0
        where none did.
    """

    Params = ForestParams
    title: ClassVar[str] = "Random forest"
    summary: ClassVar[str] = (
        "Many decision trees, each from a few pixels of each stroke, vote. Follows any "
        "shape of the classes; strong with few strokes."
    )

    stand_in: ClassVar[str] = "softmax"

    trees_: Trees
    importances_: npt.NDArray[np.float32]

    def fit_steps(self, samples: TrainingSet) -> Steps[Self]:
        """Grow the trees."""
        p: ForestParams = self.params
        ground, trees, importances = Ground.of(samples), [], []
        votes = Votes.none(samples)
        yield Step(0, p.trees, "Loading scikit-learn")
        for i in range(p.trees):
            tree, missed = ground.grown(p, np.random.default_rng((self.seed, i)))
            votes.add(tree, ground, missed)
            trees.append(flattened(tree.tree_, ground.exponent))
            importances.append(tree.feature_importances_)
            yield Step(i + 1, p.trees, "Growing trees")
        self.importances_ = np.mean(importances, axis=0).astype(np.float32)
        self.n_features_ = samples.features.shape[1]
        self.n_classes_ = samples.n_classes
        self._held_out = votes.held_out()
        self._take(joined(trees))
        # Here, where it may take long: the kernel's first call compiles it.
        self.log_scores(np.zeros((self.n_features_, 1), np.float32))
        return self

    def held_out_steps(self, samples: TrainingSet) -> Steps[HeldOut]:
        """Return the votes of the trees that did not see a stroke, as the fit got them.

        `samples` are those of the fit.
        """
        yield from ()
        return self._held_out

    def _take(self, trees: Trees) -> None:
        self.trees_ = trees
        self._questions = Questions.of(trees, self.params.trees)

    def log_scores(self, block: Array) -> npt.NDArray[np.float32]:
        """Return the logarithm of the summed shares ``(K, n)``."""
        shares = self._questions.summed_shares(block)
        # No tree may vote for a class; log(0) would warn.
        np.maximum(shares, np.finfo(np.float32).tiny, out=shares)
        return np.log(shares, out=shares)

    def probabilities(self, block: Array) -> npt.NDArray[np.float32]:
        """Return the mean shares ``(K, n)``, at the forest's temperature."""
        shares = self._questions.summed_shares(block)
        if self.temperature_ != 1:
            shares /= shares.max(axis=0)
            np.power(shares, np.float32(1 / self.temperature_), out=shares)
        shares /= shares.sum(axis=0)
        return shares

    def evidence(self, pixel: Array) -> Evidence:
        """Follow the pixel's path in each tree."""
        parts = path_parts(self.trees_, self.params.trees, pixel)
        return evidence_of_shares(*parts) / self.temperature_

    def arrays(self) -> dict[str, Array]:
        """Return the trees and the features' importances."""
        return {
            "importances": self.importances_,
            "threshold": self.trees_.threshold,
            "shares": self.trees_.shares,
            "feature": self.trees_.feature,
        }

    @classmethod
    def array_shapes(
        cls, n_features: int, n_classes: int
    ) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of the float32 `arrays`; `restore` checks ``feature``."""
        return {
            "importances": (n_features,),
            "threshold": (None,),
            "shares": (None, n_classes),
        }

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` returned, if it describes whole trees."""
        if "feature" not in arrays:
            raise ValueError("array 'feature' is missing.")
        trees = Trees(arrays["feature"], arrays["threshold"], arrays["shares"])
        trees.check(self.params.trees, self.n_features_, self.params.depth)
        self.importances_ = arrays["importances"]
        self._take(trees)
