"""Which peaks of a landscape are objects of their own, from the definition."""

import numpy as np
from scipy import ndimage


def lasting_peaks(level, mask, depth):
    """Positions of the peaks that no higher one swallows; all levels differ.

    A peak of height v is of its own if no path inside the mask leads from it to a
    higher pixel without going below ``v - depth[0]`` and to ``depth[1] * v`` or less.
    """
    found = []
    for at in map(tuple, np.argwhere(mask)):
        v = level[at]
        high = mask & ((level >= v - depth[0]) | (level > depth[1] * v))
        high |= mask & (level == v)
        groups, _ = ndimage.label(high)
        if level[groups == groups[at]].max() == v:
            found.append(at)
    return found
