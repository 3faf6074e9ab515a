"""The loops that Numba compiles; imported only when a forest is first used.

Both release the interpreter lock and start no threads of their own. A pixel's result
does not depend on where in a block it lies.
"""

import numpy as np
from numba import njit

from napari_segen.core.imagespec import Array

PIXELS = 1024  # whose features stay in the second-level cache

_options = {"nogil": True, "cache": True}


@njit(**_options)  # type: ignore[untyped-decorator]
def lay_out(
    feature: Array, right: Array, leaves_before: Array, roots: Array, level: Array
) -> None:
    """Find the structure of trees that are written parent first, then its left side.

    Parameters
    ----------
    feature : int32 array of shape (N,)
        Negative at the leaves; whole trees, one after the other.
    right : int32 array of shape (N,)
        Receives the right child of each inner node.
    leaves_before : int32 array of shape (N + 1,)
        Receives how many leaves precede each node.
    roots : int32 array of shape (T + 1,)
        Receives each tree's first node, and N.
    level : int32 array of shape (N + 1,)
        Receives each node's distance from its root.
    """
    waiting = np.empty(feature.size, np.int32)  # nodes whose right child is to come
    n_waiting = n_leaves = n_trees = 0
    leaves_before[0] = roots[0] = level[0] = 0
    for node in range(feature.size):
        if feature[node] >= 0:
            waiting[n_waiting] = node
            n_waiting += 1
            level[node + 1] = level[node] + 1
        else:
            n_leaves += 1
            if n_waiting > 0:
                n_waiting -= 1
                right[waiting[n_waiting]] = node + 1
                level[node + 1] = level[waiting[n_waiting]] + 1
            else:
                n_trees += 1
                roots[n_trees] = node + 1
                level[node + 1] = 0
        leaves_before[node + 1] = n_leaves


@njit(**_options)  # type: ignore[untyped-decorator]
def _ask(
    block: Array,
    questions: tuple[Array, Array, Array],
    asked: tuple[int, int],
    start: int,
    reachable: Array,
) -> None:
    """Rule out leaves by the questions from ``asked[0]`` to ``asked[1] - 1``."""
    feature, threshold, left_open = questions
    question, stop = asked
    everything, n = np.int32(-1), reachable.size
    for i in range(n):
        reachable[i] = everything
    # Four at once: what is still reachable is read and written a quarter as often.
    while question + 4 <= stop:
        q = question
        a = block[feature[q], start : start + n]
        b = block[feature[q + 1], start : start + n]
        c = block[feature[q + 2], start : start + n]
        d = block[feature[q + 3], start : start + n]
        over_a, over_b = threshold[q], threshold[q + 1]
        over_c, over_d = threshold[q + 2], threshold[q + 3]
        open_a, open_b = left_open[q], left_open[q + 1]
        open_c, open_d = left_open[q + 2], left_open[q + 3]
        for i in range(n):
            reachable[i] &= (
                (open_a if a[i] > over_a else everything)
                & (open_b if b[i] > over_b else everything)
                & (open_c if c[i] > over_c else everything)
                & (open_d if d[i] > over_d else everything)
            )
        question += 4
    while question < stop:
        row = block[feature[question], start : start + n]
        limit, kept = threshold[question], left_open[question]
        for i in range(n):
            reachable[i] &= kept if row[i] > limit else everything
        question += 1


@njit(**_options)  # type: ignore[untyped-decorator]
def sum_shares(
    block: Array,
    questions: tuple[Array, Array, Array],
    words: tuple[Array, Array, Array],
    shares: Array,
    out: Array,
) -> None:
    """Add up what the leaves that each pixel reaches say about the classes.

    Parameters
    ----------
    block : float32 array of shape (F, n)
    questions : int32, float32, int32 arrays of shape (Q,)
        Feature, threshold, and bits of the leaves that a value above it leaves open.
    words : int32 arrays of shape (W + 1,), (W,), (W,)
        First question of each word of leaves, and Q; its first leaf; 1 where it is
        the first of its tree, otherwise 0.
    shares : float32 array of shape (K, L)
        Class shares of the leaves.
    out : float32 array of shape (K, n)
        Receives the sums.

    Notes
    -----
    Every inner node is asked at every pixel: a value above the threshold rules the
    leaves to its left out, and of those still open in the end the leftmost is the
    pixel's. That takes no branch and runs at the full width of the processor's
    vectors; from root to leaf each pixel would wait for memory at each node. After
    QuickScorer (Lucchese et al., SIGIR 2015).
    """
    first, first_leaf, begins_tree = words
    still_open, leaf = np.empty(PIXELS, np.int32), np.empty(PIXELS, np.int32)
    lowest = np.empty(PIXELS, np.float32)
    exponent = lowest.view(np.int32)
    out[:] = 0.0
    for start in range(0, block.shape[1], PIXELS):
        count = min(PIXELS, block.shape[1] - start)
        reachable = still_open[:count]
        # From right to left: an open leaf further left takes the place of others.
        for word in range(first_leaf.size - 1, -1, -1):
            asked = (first[word], first[word + 1])
            _ask(block, questions, asked, start, reachable)
            # The exponent of the lowest bit as a floating-point number is its place.
            for i in range(count):
                lowest[i] = np.float32(np.int32(reachable[i] & -reachable[i]))
            base = first_leaf[word]
            for i in range(count):
                place = ((exponent[i] >> 23) & 255) - 127
                leaf[i] = base + place if place >= 0 else leaf[i]
            if begins_tree[word]:
                for k in range(shares.shape[0]):
                    own, total = shares[k], out[k, start : start + count]
                    for i in range(count):
                        total[i] += own[leaf[i]]
