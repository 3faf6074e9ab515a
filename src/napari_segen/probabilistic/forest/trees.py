"""Decision trees as flat arrays: checked, and arranged for prediction."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

WORD = 32  # leaves whose bits fit the integers of the kernel
SUM_TOLERANCE = 1e-4
ROUNDING = 2e-6  # of sums of shares that are one in truth


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees written one after the other, each parent first, then its left side.

    Which node is whose child follows from that order alone: no arrays can describe
    a cycle, or a child that does not exist.

    Parameters
    ----------
    feature : int32 array of shape (N,)
        Which feature each node asks for; -1 at the leaves.
    threshold : float32 array of shape (N,)
        A value above it goes to the right; 0 at the leaves.
    shares : float32 array of shape (L, K)
        Class shares of the leaves, in the order of the nodes.
    """

    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]

    def check(self, n_trees: int, n_features: int, depth: int) -> None:
        """Raise ValueError unless these are `n_trees` whole trees, `depth` at most.

        That `threshold` and `shares` are finite float32 is taken as known.
        """
        if self.feature.dtype != np.int32 or self.feature.ndim != 1:
            raise ValueError("array 'feature' must be int32 of one axis.")
        if not 0 < len(self.feature) == len(self.threshold):
            raise ValueError("arrays 'feature', 'threshold' must have equal lengths.")
        if self.feature.min() < -1 or self.feature.max() >= n_features:
            raise ValueError(f"array 'feature' must be from -1 to {n_features - 1}.")
        leaf = self.feature < 0
        # Places yet to be filled: each inner node opens one, each leaf fills one.
        open_places = np.cumsum(np.where(leaf, -1, 1))
        if open_places[-1] != -n_trees or (open_places[:-1] <= -n_trees).any():
            raise ValueError(f"array 'feature' must describe {n_trees} whole trees.")
        if len(self.shares) != np.count_nonzero(leaf):
            raise ValueError("array 'shares' must have one row per leaf.")
        off = np.abs(self.shares.sum(axis=1) - 1)
        if self.shares.min() < 0 or off.max() > SUM_TOLERANCE:
            raise ValueError("array 'shares' must be shares that sum to 1 in each row.")
        # Deeper ones could ask for memory by the square of their size.
        if self.structure(n_trees).level.max() > depth:
            raise ValueError(f"array 'feature' must be trees of depth {depth} at most.")

    def structure(self, n_trees: int) -> "Structure":
        """Find out which node is whose child, of `n_trees` whole trees."""
        from napari_segen.probabilistic.forest.compiled import lay_out

        n = len(self.feature)
        found = Structure(
            np.zeros(n, np.int32),
            np.empty(n + 1, np.int32),
            np.empty(n_trees + 1, np.int32),
            np.empty(n + 1, np.int32),
        )
        lay_out(
            self.feature, found.right, found.leaves_before, found.roots, found.level
        )
        return found


@dataclass(frozen=True, slots=True)
class Structure:
    """What the order of the nodes says; see `compiled.lay_out`.

    Parameters
    ----------
    right : int32 array of shape (N,)
        Right child of each inner node.
    leaves_before : int32 array of shape (N + 1,)
        How many leaves precede each node.
    roots : int32 array of shape (T + 1,)
        First node of each tree, and N.
    level : int32 array of shape (N + 1,)
        Distance of each node from its root; the last entry is 0.
    """

    right: npt.NDArray[np.int32]
    leaves_before: npt.NDArray[np.int32]
    roots: npt.NDArray[np.int32]
    level: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Questions:
    """What `compiled.sum_shares` takes: the inner nodes by words of leaves.

    A word is up to 32 consecutive leaves of one tree, a bit each. It asks the nodes
    that have some of these leaves on their left side.
    """

    asked: tuple[Array, Array, Array]
    words: tuple[Array, Array, Array]
    shares: npt.NDArray[np.float32]
    n_trees: int

    @classmethod
    def of(cls, trees: Trees, n_trees: int) -> "Questions":
        """Arrange `trees` that are known to be whole."""
        found = trees.structure(n_trees)
        first_leaf = found.leaves_before[found.roots]
        word_tree, word_leaf = _words(first_leaf)
        node = np.flatnonzero(trees.feature >= 0)
        tree = np.searchsorted(found.roots, node, side="right") - 1
        # Leaves on the left side of each inner node, counted within the tree.
        low = found.leaves_before[node] - first_leaf[tree]
        high = found.leaves_before[found.right[node]] - first_leaf[tree]
        entry, word, left = _by_words(low, high)
        word += np.searchsorted(word_tree, tree)[entry]
        order = np.argsort(word, kind="stable")
        first = np.searchsorted(word[order], np.arange(len(word_tree) + 1))
        asked = node[entry[order]]
        return cls(
            (trees.feature[asked], trees.threshold[asked], ~left[order]),
            (
                first.astype(np.int32),
                word_leaf.astype(np.int32),
                (np.diff(word_tree, prepend=-1) > 0).astype(np.int32),
            ),
            np.ascontiguousarray(trees.shares.T),
            n_trees,
        )

    def summed_shares(self, block: Array) -> npt.NDArray[np.float32]:
        """Sum the shares ``(K, n)`` of the leaves reached by features ``(F, n)``."""
        from napari_segen.probabilistic.forest.compiled import sum_shares

        out = np.empty((len(self.shares), block.shape[1]), np.float32)
        # One memory layout for all blocks: the kernel is compiled once for each.
        values = np.ascontiguousarray(block, np.float32)
        # The shares of a leaf sum to one: the first class has what the others leave.
        sum_shares(values, self.asked, self.words, self.shares[1:], out[1:])
        np.subtract(self.n_trees, out[1:].sum(axis=0), out=out[0])
        # Where they leave nothing, the sums' rounding is no vote.
        out[0] *= out[0] > ROUNDING * self.n_trees
        return out


def _words(first_leaf: Array) -> tuple[Array, Array]:
    """Cut the leaves of each tree into words; returns their trees and first leaves."""
    n_words = -(-np.diff(first_leaf) // WORD)
    tree = np.repeat(np.arange(len(n_words)), n_words)
    nth = np.arange(len(tree)) - np.searchsorted(tree, tree)
    return tree, first_leaf[tree] + WORD * nth


def _by_words(low: Array, high: Array) -> tuple[Array, Array, npt.NDArray[np.int32]]:
    """Cut ranges of leaves at the ends of words.

    Parameters
    ----------
    low, high : int array of shape (n,)
        First leaf of each range, and the one behind its last.

    Returns
    -------
    entry, word : int array of shape (m,)
        Of each piece: which range, and which word.
    bits : int32 array of shape (m,)
        The piece's leaves in that word.
    """
    n_words = (high - 1) // WORD - low // WORD + 1
    entry = np.repeat(np.arange(len(low)), n_words)
    nth = np.arange(len(entry)) - np.repeat(np.cumsum(n_words) - n_words, n_words)
    word = low[entry] // WORD + nth
    start = WORD * word
    bits = _bits_under(high[entry] - start) & ~_bits_under(low[entry] - start)
    return entry, word, bits.astype(np.uint32).view(np.int32)


def _bits_under(place: Array) -> npt.NDArray[np.uint64]:
    """Set all bits under `place`, which is cut to a word."""
    held = np.clip(place, 0, WORD).astype(np.uint64)
    return (np.uint64(1) << held) - np.uint64(1)
