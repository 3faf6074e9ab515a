"""Cut a mask into objects where it is narrow, or where a landscape has valleys."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps

# All chosen by AP at 0.5 on 48 training images of nuclei: their masks, posteriors of
# the pixel classifier and of a network, and these enlarged three times. Rules in
# pixels (heights, distances between peaks) fail where pixels are small beside objects.
SMOOTHING_PX = 1.25
NECK = 0.95  # a neck that is narrower than this share of the thinner part is a cut
# A posterior falls off between two objects before it is background: the distances to
# where foreground is not so many times as probable as the rest count as much.
CERTAIN_ODDS = (4, 16)
# Objects of one image are mostly alike: what has over so many times the pixels of the
# median one is more likely two, and is cut where it is a little narrower already.
LARGE = 1.8
LARGE_NECK = 0.975
# For boundaries: by AP on four training images of membranes, labelled from strokes; a
# sure wall of a single pixel still cuts.
WALL_SMOOTHING_PX = 2.0
VALLEY = 0.15  # smoothed probability of a boundary that must lie between two objects

PIXELS_PER_STEP = 1_000_000


def distance_steps(
    mask: Array, sampling: tuple[float, ...]
) -> Steps[npt.NDArray[np.float32]]:
    """Compute each pixel's distance to the nearest pixel outside the mask.

    Parameters
    ----------
    mask : bool array of shape (*S)
        The frame's border is not a border of the mask.
    sampling : tuple of float
        Pixel size along each axis; distances are in this unit.

    Returns
    -------
    float32 array of shape (*S)
        0 outside; 0 everywhere where the mask has no outside.
    """
    from napari_segen.objects.compiled import nearest_along

    squared = np.where(mask, np.float32(np.inf), np.float32(0))
    if mask.all():
        return np.zeros(mask.shape, np.float32)
    for axis, step in enumerate(sampling):
        before = int(np.prod(mask.shape[:axis]))
        lines = squared.reshape(before, mask.shape[axis], -1)
        out = np.empty_like(lines)
        n_lines = lines.shape[0] * lines.shape[2]
        at_once = max(PIXELS_PER_STEP // mask.shape[axis], 1)
        for first in range(0, n_lines, at_once):
            yield Step(first, n_lines, "Measuring distances")
            stop = min(first + at_once, n_lines)
            nearest_along(lines, float(step), out, first, stop)
        squared = out.reshape(mask.shape)
    return np.sqrt(squared)


def watershed_steps(
    level: Array, mask: Array, depth: tuple[float, float]
) -> Steps[npt.NDArray[np.int32]]:
    """Cut a mask along the valleys of a landscape.

    Parameters
    ----------
    level : float32 array of shape (*S)
        High inside objects; not negative.
    mask : bool array of shape (*S)
    depth : tuple of two floats
        Hills stay apart if the saddle between them lies more than ``depth[0]`` below
        the lower peak, and no higher than ``depth[1]`` times that.

    Returns
    -------
    int32 array of shape (*S)
        Ids from 1 in raster order of the objects' first pixels.
    """
    from napari_segen.objects.compiled import flood, number_objects

    # Background all around: no neighbour needs a check of the border.
    inside = np.pad(mask, 1)
    flat = np.pad(level, 1).ravel()
    strides = np.cumprod((1, *inside.shape[:0:-1]))[::-1]
    offsets = np.concatenate([-strides, strides])
    yield Step(0, 0, "Sorting pixels")
    order = _from_high_to_low(flat, np.flatnonzero(inside))
    basin = np.zeros(flat.size, np.int32)
    parent = np.zeros(order.size + 1, np.int32)
    peak = np.zeros(order.size + 1, np.float32)
    n = 0
    for start in range(0, order.size, PIXELS_PER_STEP):
        yield Step(start, order.size, "Cutting objects apart")
        part = order[start : start + PIXELS_PER_STEP]
        n = flood(part, flat, offsets, depth, basin, parent, peak, n)
    yield Step(order.size, order.size, "Numbering objects")
    number_objects(basin, parent, n)
    core = (slice(1, -1),) * mask.ndim
    return np.ascontiguousarray(basin.reshape(inside.shape)[core])


def necks_steps(level: Array, mask: Array) -> Steps[npt.NDArray[np.int32]]:
    """Cut a mask at its necks, unusually large objects at slight ones too.

    Parameters
    ----------
    level : float32 array of shape (*S)
        Distance to the background, smoothed.
    mask : bool array of shape (*S)

    Returns
    -------
    int32 array of shape (*S)
        Ids from 1 in raster order of the objects' first pixels.
    """
    from napari_segen.objects.compiled import number_objects

    ids = yield from watershed_steps(level, mask, (0.0, NECK))
    size = np.bincount(ids.ravel())
    if len(size) == 1:
        return ids
    is_large = size > LARGE * np.median(size[1:])
    is_large[0] = False
    large = is_large[ids]
    if large.any():
        parts = yield from watershed_steps(level, large, (0.0, LARGE_NECK))
        ids[large] = parts[large] + int(ids.max())
        n = int(ids.max())
        number_objects(ids.reshape(-1), np.arange(n + 1, dtype=np.int32), n)
    return ids


def _from_high_to_low(level: Array, at: Array) -> Array:
    """Sort flat positions by level; equal levels keep the order of the positions."""
    # Floats that are not negative sort as their bits do. One sort of distinct keys is
    # faster than a stable sort of positions by level.
    keys = (~level[at].view(np.uint32)).astype(np.uint64) << np.uint64(32)
    keys |= at.astype(np.uint64)
    keys.sort()
    return (keys & np.uint64(2**32 - 1)).astype(np.intp)


def components(mask: Array) -> npt.NDArray[np.int32]:
    """Give an id to each group of pixels of a mask ``(*S)`` that edges connect.

    The ids are in raster order of the groups' first pixels.
    """
    ids, _ = ndimage.label(mask, output=np.int32)
    return ids  # type: ignore[no-any-return]


def those_kept(ids: Array, is_sure: Array, min_size: int) -> npt.NDArray[np.int32]:
    """Leave out objects without a sure pixel or of too few, and close the gaps.

    Parameters
    ----------
    ids : int32 array of shape (*S)
    is_sure : bool array of shape (*S)
    min_size : int
        Objects of fewer pixels are left out.
    """
    size = np.bincount(ids.ravel())
    n_sure = np.bincount(ids[is_sure], minlength=len(size))
    stays = (size >= min_size) & (n_sure > 0)
    stays[0] = False
    number = (np.cumsum(stays) * stays).astype(np.int32)
    return number[ids]


def without_holes(mask: Array, max_size: int) -> Array:
    """Fill what a mask ``(*S)`` encloses, if it has at most `max_size` pixels."""
    if max_size == 0:
        return mask
    # Objects do not connect at corners, so what lies between them does.
    gaps, n = ndimage.label(~mask, structure=np.ones((3,) * mask.ndim))
    is_hole = np.bincount(gaps.ravel(), minlength=n + 1) <= max_size
    is_hole[0] = False
    for axis in range(mask.ndim):
        for end in (0, -1):
            is_hole[np.take(gaps, end, axis)] = False
    return np.asarray(mask | is_hole[gaps])


def smoothed(
    values: Array, sampling: tuple[float, ...], sigma_px: float
) -> npt.NDArray[np.float32]:
    """Smooth by `sigma_px` pixels along the axis of the smallest pixels."""
    sigma = [sigma_px * min(sampling) / s for s in sampling]
    return ndimage.gaussian_filter(values, sigma)  # type: ignore[no-any-return]
