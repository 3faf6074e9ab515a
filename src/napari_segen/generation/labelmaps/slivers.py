"""Small or narrow remains of pieces that a collage has cut go to a neighbour."""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.labelmaps.pieces import Pieces

# A part with less than this share of its piece is a remain of it.
_REMAIN = 0.6
# Pixels of mean width below which a remain is narrow, where there are no membranes;
# with them, in thicknesses of the membrane.
_NARROW_PX = 3.0
_NARROW = 1.8

Ids = npt.NDArray[np.int32]


def merge_slivers(parts: Ids, full_area: npt.NDArray[np.int64], pieces: Pieces) -> Ids:
    """Give slivers to the neighbour that they share the longest border with.

    Parameters
    ----------
    parts : int32 array of shape (*S)
        1..n, each connected.
    full_area : array of shape (*S)
        Pixels of the piece that a pixel is of, before it was cut; 0 for ground.

    Returns
    -------
    int32 array of shape (*S)
        `parts` after merging.
    """
    areas = np.bincount(parts.ravel())
    whole = np.zeros(len(areas), np.int64)
    whole[parts.ravel()] = full_area.ravel()
    pairs, counts = _contacts(parts)
    borders = np.bincount(pairs.ravel(), np.repeat(counts, 2), len(areas))
    width = 2 * areas / np.maximum(borders, 1)
    if pieces.wall is None:
        # Textures are narrow everywhere: only what is small as well.
        small = areas < pieces.least_area / 4
        small |= (width < _NARROW_PX) & (areas < pieces.least_area)
    else:
        narrow = width < _NARROW * pieces.thickness
        small = (areas < pieces.least_area) | narrow
    small &= np.where(whole > 0, areas < _REMAIN * whole, areas < pieces.least_area / 2)
    return _heirs(pairs, counts, small, areas)[parts]


def _contacts(parts: Ids) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pairs ``(n, 2)`` of parts that touch, and along how many edges."""
    found = []
    for axis in range(parts.ndim):
        along = np.moveaxis(parts, axis, 0)
        meets = along[1:] != along[:-1]
        both = np.stack([along[1:][meets], along[:-1][meets]], axis=1)
        found.append(np.sort(both, axis=1).astype(np.int64))
    joined = np.concatenate(found)
    base = int(parts.max()) + 1
    keys, counts = np.unique(joined[:, 0] * base + joined[:, 1], return_counts=True)
    return np.stack([keys // base, keys % base], axis=1), counts


def _heirs(
    pairs: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    small: npt.NDArray[np.bool_],
    areas: npt.NDArray[np.int64],
) -> Ids:
    """Return for each part the part that it goes to; most go to themselves."""
    heirs = np.arange(len(areas), dtype=np.int32)
    borders: dict[int, dict[int, int]] = {int(i): {} for i in np.flatnonzero(small)}
    for (a, b), n in zip(pairs.tolist(), counts.tolist(), strict=True):
        if a in borders:
            borders[a][b] = n
        if b in borders:
            borders[b][a] = n
    for part in sorted(borders, key=lambda i: (areas[i], i)):
        shared: dict[int, int] = {}
        for other, n in borders[part].items():
            root = _root(heirs, other)
            if root != part:
                shared[root] = shared.get(root, 0) + n
        if shared:
            heirs[part] = max(shared, key=lambda i: (shared[i], i))
    return np.array([_root(heirs, i) for i in range(len(heirs))], np.int32)


def _root(heirs: Array, part: int) -> int:
    while heirs[part] != part:
        part = int(heirs[part])
    return part
