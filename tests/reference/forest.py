"""A forest straight from its definition, one tree and one pixel at a time.

A tree is a leaf, an array of class shares ``(K,)``, or an inner node
``(feature, threshold, left, right)`` whose sides are trees.
"""

import numpy as np


def shares(tree, pixel):
    """The class shares (K,) of the leaf that a pixel (F,) reaches."""
    while isinstance(tree, tuple):
        feature, threshold, left, right = tree
        tree = left if pixel[feature] <= threshold else right
    return tree


def posterior(trees, pixel):
    """Mean over the trees: (K,)."""
    return np.mean([shares(tree, pixel) for tree in trees], axis=0)


def nodes(tree):
    """List a tree's nodes, each parent before its left and then its right side."""
    if not isinstance(tree, tuple):
        return [(-1, 0.0, tree)]
    feature, threshold, left, right = tree
    return [(feature, threshold, None), *nodes(left), *nodes(right)]
