"""What can be measured on label maps: shares, sizes, neighbours, membranes."""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import label
from skimage.morphology import skeletonize

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def object_figures(maps, clear_border=True):
    """Pooled figures of maps of object ids; areas of whole objects only."""
    areas, gaps, touching, count, pixels, covered = [], [], [], 0, 0, 0
    for ids in maps:
        pixels, covered = pixels + ids.size, covered + (ids > 0).sum()
        numbers = np.unique(ids[ids > 0])
        cut = np.unique(np.concatenate([ids[0], ids[-1], ids[:, 0], ids[:, -1]]))
        count += len(numbers) - 0.5 * len(np.intersect1d(cut, numbers))
        size = np.bincount(ids.ravel())
        areas += [size[i] for i in numbers if i not in cut]
        if len(numbers) > 1:
            middles = ndimage.center_of_mass(ids > 0, ids, numbers)
            gaps += list(cKDTree(middles).query(middles, k=2)[0][:, 1])
        touching += [i in _touching(ids) for i in numbers]
    return {
        "foreground": covered / pixels,
        "per_megapixel": count / pixels * 1e6,
        "area": np.quantile(areas, QUANTILES),
        "neighbour": np.quantile(gaps, QUANTILES) if gaps else np.zeros(5),
        "touching": float(np.mean(touching)),
    }


def _touching(ids):
    """Ids that lie beside another."""
    found = set()
    for axis in range(ids.ndim):
        a = np.moveaxis(ids, axis, 0)
        meets = (a[1:] != a[:-1]) & (a[1:] > 0) & (a[:-1] > 0)
        found |= set(a[1:][meets]) | set(a[:-1][meets])
    return found


def membrane_figures(masks):
    """Pooled figures of bool masks of membranes."""
    share, thick, ends, pixels, areas = 0, [], 0, 0, []
    for mask in masks:
        middle = skeletonize(mask)
        inside = ndimage.distance_transform_edt(mask)
        share, pixels = share + mask.sum(), pixels + mask.size
        thick.append(2 * inside[middle].mean())
        ends += loose_ends(mask)
        cells = label(~mask, connectivity=1)
        cut = np.unique(
            np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
        )
        size = np.bincount(cells.ravel())
        areas += [n for i, n in enumerate(size) if i and i not in cut and n > 9]
    return {
        "share": share / pixels,
        "thickness": float(np.mean(thick)),
        "ends_per_megapixel": ends / pixels * 1e6,
        "cells_per_megapixel": len(areas) / pixels * 1e6,
        "cell_area": np.quantile(areas, QUANTILES),
    }


def loose_ends(mask, spur=8):
    """Ends of a net's middle line away from the border, spurs cut back."""
    padded = np.pad(mask, 2, constant_values=True)
    line = skeletonize(padded)
    around = np.ones((3, 3))
    for _ in range(spur):
        neighbours = ndimage.convolve(line.astype(int), around, mode="constant")
        line = line & ~((neighbours <= 2) & line)
    neighbours = ndimage.convolve(line.astype(int), around, mode="constant")
    ends = line & (neighbours == 2)
    return int(ends[8:-8, 8:-8].sum())
