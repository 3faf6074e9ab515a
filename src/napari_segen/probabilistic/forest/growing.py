"""Which pixels each tree learns from, and the tree that scikit-learn grows of them.

The unit of sampling is the stroke: pixels of one stroke are nearly copies of one
another, so a tree takes few of each. That also makes the trees differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, span
from napari_segen.probabilistic.forest.trees import Trees
from napari_segen.probabilistic.samples import TrainingSet

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ForestParams:
    """How the forest is grown."""

    trees: int = field(
        default=50,
        metadata=span(1, 1000, "How many trees vote: more is smoother and slower."),
    )
    pixels_per_stroke: int = field(
        default=6,
        metadata=span(
            1,
            1000,
            "How many pixels of a stroke a tree learns from: few make the trees "
            "differ and the probabilities soft, many let them trust details.",
        ),
    )
    depth: int = field(
        default=10,
        metadata=span(
            1, 20, "How many questions in a row a tree may ask: fewer is simpler."
        ),
    )
    least_leaf: int = field(
        default=1,
        metadata=span(
            1,
            1000,
            "How many pixels an answer must stand on at least: more ignores "
            "exceptions, such as stray pixels of a stroke.",
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)


@dataclass(frozen=True, slots=True)
class ClassStrokes:
    """The strokes of one class.

    Parameters
    ----------
    first, pixels : int array of shape (n,)
        Where each stroke begins among the pixels, and its length.
    chance : float array of shape (n,)
        How likely each is to be drawn; sums to 1.
    """

    first: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int64]
    chance: npt.NDArray[np.float64]

    def draw(
        self, n_strokes: int, per_stroke: int, rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Draw strokes, then pixels of each, both with replacement."""
        stroke = rng.choice(len(self.first), n_strokes, p=self.chance)
        stroke = np.repeat(stroke, per_stroke)
        place = rng.random(len(stroke)) * self.pixels[stroke]
        return self.first[stroke] + place.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Ground:
    """Labelled pixels in an order of their own, from which trees grow.

    Parameters
    ----------
    features : float32 array of shape (M, F)
        The samples' features times ``2**-exponent``.
    class_index : int array of shape (M,)
    strokes : list of ClassStrokes
        One entry per class. The pixels of each stroke follow one another.
    exponent : int
        Which power of two the largest feature reaches.
    """

    features: Array
    class_index: npt.NDArray[np.int64]
    strokes: list[ClassStrokes]
    exponent: int

    @classmethod
    def of(cls, samples: TrainingSet) -> "Ground":
        """Sort the pixels so that what is drawn depends on their features alone.

        Neither the order of the samples, nor the numbers of classes and strokes, nor
        how the image lies decide which pixels a tree gets.
        """
        # Differences under 1e-7 count as none in scikit-learn, whatever the unit.
        exponent = int(np.frexp(np.abs(samples.features).max())[1])
        features = np.ldexp(samples.features, -exponent)
        by_features = np.lexsort(features.T[::-1])
        _, first, stroke = np.unique(
            samples.strokes[by_features], return_index=True, return_inverse=True
        )
        order = by_features[np.argsort(first[stroke], kind="stable")]
        pixels = np.bincount(stroke)[np.argsort(first)]
        begin = np.cumsum(pixels) - pixels
        class_index = samples.class_index[order]
        chance = samples.weights()[order][begin] * pixels
        # Classes in the order of their first strokes, not of their numbers.
        of_class = [class_index[begin] == k for k in dict.fromkeys(class_index)]
        strokes = [
            ClassStrokes(begin[own], pixels[own], chance[own] / chance[own].sum())
            for own in of_class
        ]
        return cls(features[order], class_index, strokes, exponent)

    def drawn(self, per_stroke: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw the pixels of one tree: as many of each class, so that all count alike.

        A class gives as many strokes as the one that has most.
        """
        n = max(len(own.first) for own in self.strokes)
        return np.concatenate([own.draw(n, per_stroke, rng) for own in self.strokes])

    def grown(
        self, params: ForestParams, rng: np.random.Generator
    ) -> tuple[Trees, npt.NDArray[np.float64]]:
        """Grow one tree; returns it and the importance ``(F,)`` of each feature."""
        from sklearn.tree import DecisionTreeClassifier

        row, times = np.unique(
            self.drawn(params.pixels_per_stroke, rng), return_counts=True
        )
        tree = DecisionTreeClassifier(
            max_features="sqrt",
            max_depth=params.depth,
            min_samples_leaf=params.least_leaf,
            random_state=int(rng.integers(LARGEST_SEED)),
        )
        # Weights are whole numbers: their sums, and so the choice between equally
        # good splits, do not depend on the order of the pixels.
        tree.fit(
            self.features[row],
            self.class_index[row],
            sample_weight=times.astype(np.float64),
            check_input=False,
        )
        return flattened(tree.tree_, self.exponent), tree.feature_importances_


def flattened(tree: Any, exponent: int = 0) -> Trees:
    """Take what prediction needs from scikit-learn's ``tree_``.

    Thresholds are multiplied by ``2**exponent``.
    """
    leaf = tree.children_left < 0
    exact = np.where(leaf, 0, np.ldexp(tree.threshold, exponent))
    rounded = exact.astype(np.float32)
    # Down, never up: then a float32 value lies above both or above neither.
    lower = np.nextafter(rounded, np.float32(-np.inf))
    shares = tree.value[leaf, 0]
    return Trees(
        np.where(leaf, -1, tree.feature).astype(np.int32),
        np.where(rounded > exact, lower, rounded),
        (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32),
    )


def joined(trees: Sequence[Trees]) -> Trees:
    """Write trees one after the other."""
    return Trees(
        np.concatenate([t.feature for t in trees]),
        np.concatenate([t.threshold for t in trees]),
        np.concatenate([t.shares for t in trees]),
    )
