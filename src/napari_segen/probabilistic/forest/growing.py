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
from napari_segen.probabilistic.held_out import strokes_in_order
from napari_segen.probabilistic.samples import TrainingSet

LARGEST_SEED = 2**31 - 1
# Share of the strokes that a tree does not see: they tell how good the forest is.
LEFT_OUT = 0.3
FEATURES_A_QUESTION = 0.4


@dataclass(frozen=True, slots=True)
class ForestParams:
    """How the forest is grown."""

    trees: int = field(
        default=50,
        metadata=span(1, 1000, "How many trees vote: more is smoother and slower."),
    )
    pixels_per_stroke: int = field(
        default=5,
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
class Drawn:
    """What one tree learns from.

    Parameters
    ----------
    rows : int array of shape (n,)
        Pixels, some more than once.
    left_out : bool array of shape (S,)
        Strokes that the tree does not see.
    """

    rows: npt.NDArray[np.int64]
    left_out: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ground:
    """Labelled pixels in an order of their own, from which trees grow.

    The pixels of each stroke follow one another.

    Parameters
    ----------
    features : float32 array of shape (M, F)
        The samples' features times ``2**-exponent``.
    class_index : int array of shape (M,)
    order : int array of shape (M,)
        Which of the samples each pixel is.
    first, pixels, stroke_class : int array of shape (S,)
        Where each stroke begins among the pixels, its length, its class.
    weight : float array of shape (S,)
        How likely each is to be drawn.
    exponent : int
        Which power of two the largest feature reaches.
    """

    features: Array
    class_index: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int64]
    stroke_class: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    exponent: int

    @classmethod
    def of(cls, samples: TrainingSet) -> "Ground":
        """Sort the pixels so that what is drawn depends on their features alone."""
        # Differences under 1e-7 count as none in scikit-learn, whatever the unit.
        exponent = int(np.frexp(np.abs(samples.features).max())[1])
        features = np.ldexp(samples.features, -exponent)
        by_features = np.lexsort(samples.features.T[::-1])
        rank = strokes_in_order(samples)
        order = by_features[np.argsort(rank[by_features], kind="stable")]
        pixels = np.bincount(rank)
        first = np.cumsum(pixels) - pixels
        class_index = samples.class_index[order]
        return cls(
            features[order],
            class_index,
            order,
            first,
            pixels,
            class_index[first],
            samples.weights()[order][first] * pixels,
            exponent,
        )

    def drawn(self, per_stroke: int, rng: np.random.Generator) -> Drawn:
        """Draw the pixels of one tree, of each stroke by its weight."""
        left_out = self._left_out(rng)
        until = np.cumsum(np.where(left_out, 0, self.weight))
        n = per_stroke * np.count_nonzero(~left_out)
        # At even distances from a random start: shares vary by chance no more than
        # whole pixels must.
        at = until[-1] * (np.arange(n) + rng.random()) / n
        stroke = np.searchsorted(until, at, side="right").clip(max=len(until) - 1)
        # Every class has a pixel: shares of a class that a tree never met mean nothing.
        missed = [
            int(np.flatnonzero((self.stroke_class == k) & ~left_out)[0])
            for k in dict.fromkeys(self.stroke_class.tolist())
            if k not in self.stroke_class[stroke]
        ]
        stroke = np.concatenate([stroke, np.array(missed, np.int64)])
        place = rng.random(len(stroke)) * self.pixels[stroke]
        return Drawn(self.first[stroke] + place.astype(np.int64), left_out)

    def _left_out(self, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Choose about `LEFT_OUT` of each class's strokes, never all of them."""
        left_out = np.zeros(len(self.first), bool)
        for k in dict.fromkeys(self.stroke_class.tolist()):
            own = rng.permutation(np.flatnonzero(self.stroke_class == k))
            n = int(LEFT_OUT * len(own) + rng.random())
            left_out[own[: min(n, len(own) - 1)]] = True
        return left_out

    def grown(
        self, params: ForestParams, rng: np.random.Generator
    ) -> tuple[Any, npt.NDArray[np.bool_]]:
        """Grow a tree; returns scikit-learn's, and which pixels ``(M,)`` it missed."""
        from sklearn.tree import DecisionTreeClassifier

        drawn = self.drawn(params.pixels_per_stroke, rng)
        row, times = np.unique(drawn.rows, return_counts=True)
        tree = DecisionTreeClassifier(
            max_features=FEATURES_A_QUESTION,
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
        return tree, np.repeat(drawn.left_out, self.pixels)


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
