"""What each feature adds to a forest's votes, along the paths of a pixel.

A node counts as the mean of its leaves' shares. At each node of its path a pixel's
vote moves from that of the node to that of the child it goes to, by the node's feature
(Saabas, "Interpreting random forests", 2014): in all, from the mean of all leaves to
the leaf that is reached.
"""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.probabilistic.forest.trees import Trees


def path_parts(
    trees: Trees, n_trees: int, pixel: Array
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the mean vote of all leaves, and what each feature adds to it.

    Parameters
    ----------
    trees : Trees
    n_trees : int
    pixel : array of shape (F,)

    Returns
    -------
    base : float64 array of shape (K,)
    parts : float64 array of shape (F, K)
    """
    found = trees.structure(n_trees)
    first = np.zeros((1, trees.shares.shape[1]))
    up_to = np.concatenate([first, trees.shares.astype(np.float64).cumsum(axis=0)])
    base, parts = first[0].copy(), np.zeros((len(pixel), first.shape[1]))
    for root, end in zip(found.roots[:-1], found.roots[1:], strict=True):
        node, low, high = int(root), *found.leaves_before[[root, end]]
        vote = (up_to[high] - up_to[low]) / (high - low)
        base += vote / n_trees
        while (feature := trees.feature[node]) >= 0:
            right = int(found.right[node])
            cut = found.leaves_before[right]
            if pixel[feature] > trees.threshold[node]:
                node, low = right, cut
            else:
                node, high = node + 1, cut
            before, vote = vote, (up_to[high] - up_to[low]) / (high - low)
            parts[feature] += (vote - before) / n_trees
    return base, parts
