"""Into what a map is cut for a collage: objects, cells between membranes, grains."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

_GROUND_SHARE = 0.25
_GRAIN_PX = (12.0, 96.0)
# What makes a class a membrane: not most of the map, in one net, thin beside the
# cells, of which there are some.
_WALL_SHARE = 0.6
_NET_SHARE = 0.5
_THIN = 0.4
_LEAST_CELLS = 8
_LARGEST_CELL = 0.6
_SPECK_PX = 9
# Of more values none is a membrane: they are objects.
_MOST_CLASSES = 32

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Connected parts of a map.

    Parameters
    ----------
    ids : int32 array of shape (*S)
        1..n; 0 is ground, which is cut anywhere.
    size : float
        Side in pixels of the pieces that a pixel is in on average.
    least_area : float
        Pixels of the smallest pieces that are common.
    grain : float
        Pixels over which copies may be bent.
    free : bool
        Whether the map looks alike in any direction.
    wall : int or None
        Class index of the membranes between the pieces.
    thickness : float
        Of the membranes, in pixels; 0 without.
    """

    ids: Ids
    size: float
    least_area: float
    grain: float
    free: bool
    wall: int | None
    thickness: float


def cut_map(marks: Array, *, instances: bool) -> Pieces:
    """Cut a map ``(*S)`` of class indices, or of object ids, into pieces."""
    from skimage.measure import label

    free = looks_alike(marks > 0 if instances else marks)
    wall, thickness = None, 0.0
    net = None if instances else find_wall(marks)
    if net is not None:
        wall, thickness, ids = net
    else:
        ids = label(marks.astype(np.int64) + 1, connectivity=1).astype(np.int32)
        areas = np.bincount(ids.ravel())
        ground = areas > _GROUND_SHARE * marks.size
        if instances:
            ground = np.bincount(ids[marks == 0], minlength=len(areas)) > 0
        ids = np.where(ground, 0, np.arange(len(areas)))[ids].astype(np.int32)
    areas = np.bincount(ids.ravel())[1:]
    areas = areas[areas > 0]
    root = 1 / marks.ndim
    common = areas[areas > _SPECK_PX]
    if not len(common):
        side = max(marks.shape)
        return Pieces(
            ids, side, 0.0, min(_GRAIN_PX[1], side / 4), free, wall, thickness
        )
    size = float((areas * areas**root).sum() / areas.sum())
    grain = float(np.clip(1.2 * size, *_GRAIN_PX))
    least = float(np.quantile(common, 0.1))
    return Pieces(ids, size, least, grain, free, wall, thickness)


def find_wall(marks: Array) -> tuple[int, float, Ids] | None:
    """Find the class that is a net of membranes, its thickness, the cells between.

    Cells are grown to the middle of the membranes. None where no class is a net.
    """
    from scipy import ndimage
    from skimage.measure import label

    if marks.max() >= _MOST_CLASSES:
        return None
    for wall in range(int(marks.max()), -1, -1):
        mask = marks == wall
        if not 0 < mask.mean() < _WALL_SHARE:
            continue
        nets = np.bincount(label(mask, connectivity=marks.ndim)[mask])
        cells = label(~mask, connectivity=1)
        areas = np.bincount(cells[~mask])[1:]
        areas = areas[areas > _SPECK_PX]
        if nets.max() < _NET_SHARE * nets.sum() or len(areas) < _LEAST_CELLS:
            continue
        if areas.max() > _LARGEST_CELL * areas.sum():
            continue
        thickness = net_thickness(mask)
        if thickness**marks.ndim > _THIN**marks.ndim * np.median(areas):
            continue
        nearest = ndimage.distance_transform_edt(
            mask, return_distances=False, return_indices=True
        )
        return wall, thickness, cells[tuple(nearest)].astype(np.int32)
    return None


def net_thickness(mask: Array) -> float:
    """Twice the mean distance from the middle line of a net to its edge, in pixels."""
    from scipy import ndimage
    from skimage.morphology import skeletonize

    if mask.all():
        return float(min(mask.shape))
    middle = skeletonize(mask).astype(bool)
    distance = ndimage.distance_transform_edt(mask)
    return float(2 * distance[middle].mean()) if middle.any() else 0.0


def looks_alike(marks: Array) -> bool:
    """Whether edges between marks lie in all directions of the plane alike."""
    from scipy import ndimage

    along_y = along_x = crossed = 0.0
    for value in np.unique(marks)[:16]:
        soft = ndimage.gaussian_filter((marks == value).astype(np.float32), 1.5)
        if min(soft.shape[-2:]) < 3:
            return True
        gy, gx = np.gradient(soft, axis=(-2, -1))
        along_y += float((gy * gy).sum())
        along_x += float((gx * gx).sum())
        crossed += float((gy * gx).sum())
    total = along_y + along_x
    if not total:
        return True
    coherence = math.hypot(along_y - along_x, 2 * crossed) / total
    # A few edges lie in some direction by chance.
    length = int(np.count_nonzero(marks[..., 1:] != marks[..., :-1]))
    length += int(np.count_nonzero(marks[..., 1:, :] != marks[..., :-1, :]))
    return coherence < 0.3 + 4 / math.sqrt(max(length, 1))
