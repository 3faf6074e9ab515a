"""Masks and landscapes to look for objects in."""

import numpy as np
from scipy import ndimage


def ball(shape, centre, radius, sampling=None):
    """Mask of a disc or ball; centre and radius in the unit of `sampling`."""
    sampling = sampling or (1.0,) * len(shape)
    grid = np.meshgrid(
        *(np.arange(n) * s for n, s in zip(shape, sampling, strict=True)), indexing="ij"
    )
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def two_discs():
    """Two discs that overlap, the right one a little larger."""
    shape = (40, 60)
    return ball(shape, (20, 20), 11), ball(shape, (20, 37.3), 12)


def posterior_of(mask, certain=0.9):
    """Two classes, background first."""
    inside = np.where(mask, certain, 1 - certain).astype(np.float32)
    return np.stack([1 - inside, inside])


def blobs(seed, shape=(64, 72), sigma=4.0, share=0.4):
    """A mask of smooth blobs, many of them touching."""
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = ndimage.gaussian_filter(noise, sigma, mode="nearest")
    return smooth > np.quantile(smooth, 1 - share)


def same_partition(a, b):
    """Whether two arrays of ids group the pixels in the same way."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    one_to_one = all(len(np.unique(p)) == pairs.shape[1] for p in pairs)
    return one_to_one and ((a == 0) == (b == 0)).all()


def share_moved(a, b):
    """Share of the objects' pixels that the second partition groups otherwise."""
    moved = 0
    for i in np.unique(a[a > 0]):
        inside = b[a == i]
        moved += inside.size - np.bincount(inside).max()
    return moved / max((a > 0).sum(), 1)
