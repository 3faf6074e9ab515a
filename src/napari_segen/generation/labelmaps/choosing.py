"""Which kind of model fits a label map: objects in a background, or a full plane."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.labelmaps.collage import Collage
from napari_segen.generation.labelmaps.crowd import Crowd
from napari_segen.generation.labelmaps.pieces import cut_map, find_wall, looks_alike
from napari_segen.generation.labelmaps.scatter import Scatter
from napari_segen.generation.labelmaps.shapes import Found, Shape, find_shapes

# Objects in a background: they fill less than this share of the map, no group of
# touching ones more than the second share (unless no object is cut by the border), most
# of their area is in groups that fill the third share of the square around their
# longest extent, and they are not the membranes between cells.
_FULL = 0.4
_LARGE = 0.12
_COMPACT = 0.12
_MOST = 0.7
# Objects that leave less background than this are cut where copies meet.
_BACKGROUND = 0.05
_CUT = 0.7
# More are taken for a texture: cutting out each takes too long.
_MOST_OBJECTS = 20_000

Ids = npt.NDArray[np.int32]
Kind = Scatter | Crowd | Collage


def choose_kinds(maps: Sequence[Array], *, instances: bool) -> list[Kind]:
    """Choose a kind of model for each map ``(*S)``, from the map alone.

    Maps of objects in the same background share their objects.
    """
    found = [_objects(m, instances) for m in maps]
    libraries: dict[int, list[Shape]] = {}
    for entry in found:
        if entry is not None:
            libraries.setdefault(entry[0], []).extend(entry[1].shapes)
    for shapes in libraries.values():
        shapes.sort(key=lambda s: s.area)
    kinds: list[Kind] = []
    for marks, entry in zip(maps, found, strict=True):
        if entry is None:
            pieces = cut_map(marks, instances=instances)
            collage = Collage(marks, pieces, instances)
            crowd = _crowd(collage) if instances else None
            kinds.append(crowd or collage)
        else:
            ground, objects = entry
            free = looks_alike(marks != ground)
            library = libraries[ground]
            kinds.append(Scatter(objects, library, marks.shape, free, ground))
    return kinds


def _crowd(collage: Collage) -> Crowd | None:
    """Take the objects of a crowded map one by one.

    None where hardly any background is left, or the border cuts most objects, or they
    are too many.
    """
    marks, ids = collage.marks, collage.pieces.ids
    if (ids == 0).mean() < _BACKGROUND or not 0 < ids.max() <= _MOST_OBJECTS:
        return None
    found = find_shapes(marks, ids)
    if found.areas[found.is_cut].sum() > _CUT * found.areas.sum():
        return None
    library = sorted(found.shapes, key=lambda s: s.area)
    return Crowd(collage, Scatter(found, library, marks.shape, collage.pieces.free, 0))


def _objects(marks: Array, instances: bool) -> tuple[int, Found] | None:
    """Find the background and the objects of a map; None where it has no such."""
    from skimage.measure import label

    ground = 0 if instances else int(np.bincount(marks.ravel()).argmax())
    foreground = marks != ground
    if not 0 < foreground.mean() < _FULL:
        return None
    groups = label(foreground, connectivity=marks.ndim).astype(np.int32)
    areas = np.bincount(groups.ravel())[1:]
    if len(areas) > _MOST_OBJECTS:
        return None
    if areas.max() > _LARGE * marks.size and _is_cut(groups):
        return None
    if not _compact(groups, areas):
        return None
    if not instances and find_wall(marks) is not None:
        return None
    shown = marks if instances else np.where(foreground, marks.astype(np.uint32) + 1, 0)
    return ground, find_shapes(shown, groups)


def _is_cut(groups: Ids) -> bool:
    """Whether the border cuts any of them, in the plane."""
    ends = [groups.take(i, axis) for axis in (-2, -1) for i in (0, -1)]
    return any(bool(e.any()) for e in ends)


def _compact(groups: Ids, areas: npt.NDArray[np.int64]) -> bool:
    """Whether most of the objects' area is in blobs, not in nets or long fibres."""
    from scipy import ndimage

    extents = np.array(
        [
            max(s.stop - s.start for s in box[-2:])
            for box in ndimage.find_objects(groups)
        ]
    )
    # Of a volume, the blob's mean section.
    depths = np.array(
        [
            np.prod([s.stop - s.start for s in b[:-2]])
            for b in ndimage.find_objects(groups)
        ]
    )
    filled = areas / depths / extents**2 > _COMPACT
    return bool(areas[filled].sum() >= _MOST * areas.sum())
