"""Moving the pixels of an image and of its labels by one and the same warp."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from scipy import ndimage

from napari_segen.core.imagespec import Array
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.method import Source
from napari_segen.generation.transform_params import TransformParams
from napari_segen.generation.warp import (
    Warp,
    elastic_grid,
    interpolate,
    mirrored,
    nearest_index,
    spline_coefficients,
)

MOVING_PARTS = ("flips", "quarter_turns", "corner", "rotation", "scale", "elastic")

# A cubic spline feels a pixel by 0.27 to the power of its distance: nothing from here.
_MARGIN = 26


def flip_and_turn(
    source: Source,
    params: TransformParams,
    sampling: tuple[float, ...],
    streams: Mapping[str, np.random.Generator],
) -> Source:
    """Mirror and turn whole pixels."""
    flips = streams["flips"].integers(2, size=len(sampling))
    turns = int(streams["quarter_turns"].integers(4))
    axes = tuple(-1 - i for i, f in enumerate(flips) if f and params.flips)
    if not params.quarter_turns:
        turns = 0
    elif sampling[-1] != sampling[-2]:
        turns -= turns % 2  # a quarter turn would swap two pixel sizes

    def apply(array: Array) -> Array:
        return np.rot90(np.flip(array, axes), turns, axes=(-2, -1))

    labels = None if source.labels is None else apply(source.labels)
    return Source(apply(source.image), labels)


def draw_warp(
    params: TransformParams,
    sampling: tuple[float, ...],
    shape: tuple[int, ...],
    corner: Array,
    streams: Mapping[str, np.random.Generator],
) -> Warp:
    """Draw rotation and scale about the output's centre, and the bending."""
    angle = np.deg2rad(params.rotation) * streams["rotation"].uniform(-1, 1)
    zoom = params.scale ** streams["scale"].uniform(-1, 1)
    ndim = len(shape)
    turn = np.eye(ndim)
    c, s = np.cos(angle), np.sin(angle)
    turn[-2:, -2:] = [[c, -s], [s, c]]
    size = np.array(sampling) / sampling[-1]
    matrix = turn * size / size[:, np.newaxis] / zoom
    if params.rotation == 0 and params.scale == 1:
        matrix = np.eye(ndim)
    center = (np.array(shape) - 1) / 2
    offset = corner + (center - matrix @ center)
    spacing = np.maximum(params.smoothness / size, 1.0)
    elastic = None
    if params.elastic > 0:
        amplitude = params.elastic / size
        elastic = elastic_grid(shape, amplitude, spacing, streams["elastic"])
    return Warp(shape, matrix, offset, elastic, spacing)


def moved_steps(source: Source, warp: Warp, *, are_ids: bool) -> Steps[Source]:
    """Send image and labels through `warp`.

    Parameters
    ----------
    are_ids : bool
        Whether labels are ids of objects: their mirror images beyond the border of
        the source are objects of their own.
    """
    yield Step(0, warp.shape[0], "Moving pixels")
    if warp.is_shift:
        moved, is_copy = _shifted(source, warp)
    else:
        moved, is_copy = yield from _interpolated_steps(source, warp)
    if moved.labels is None or not are_ids:
        return moved
    return Source(moved.image, with_own_ids(moved.labels, is_copy))


def _shifted(source: Source, warp: Warp) -> tuple[Source, Array]:
    """Copy the pixels that a warp of whole pixels asks for; also as below."""
    index = [
        np.arange(n) + int(o) for n, o in zip(warp.shape, warp.offset, strict=True)
    ]
    return _taken(source, index), _is_beyond(np.ix_(*index), source.image.shape[1:])


def _interpolated_steps(source: Source, warp: Warp) -> Steps[tuple[Source, Array]]:
    """Interpolate the image; also say ``(*T)`` what is from beyond the border."""
    part, starts = _cut_out(source, warp)
    inner = replace(warp, offset=warp.offset - starts)
    no_data = _no_data(part.image)
    planes = [spline_coefficients(p) for p in _filled(part.image, no_data)]
    image = np.empty((len(planes), *warp.shape))
    labels = None if part.labels is None else np.empty(warp.shape, part.labels.dtype)
    is_copy = np.zeros(warp.shape, bool)
    for rows in warp.slabs():
        yield Step(rows.start, warp.shape[0], "Moving pixels")
        positions = inner.positions(rows)
        for c, plane in enumerate(planes):
            image[c, rows] = interpolate(plane, positions)
        pixels = nearest_index(positions)
        nearest = mirrored(pixels, part.image.shape[1:])
        if no_data is not None:
            image[:, rows][:, no_data[nearest]] = np.nan
        if part.labels is not None and labels is not None:
            labels[rows] = part.labels[nearest]
            whole = [p + s for p, s in zip(pixels, starts, strict=True)]
            is_copy[rows] = _is_beyond(whole, source.image.shape[1:])
    return Source(image, labels), is_copy


def _cut_out(source: Source, warp: Warp) -> tuple[Source, Array]:
    """Cut out what `warp` looks at, with a margin; and where that part begins.

    It is worth it where a small image comes from a large one. An axis along which
    all is needed stays whole.
    """
    lows, highs = warp.bounds()
    index, starts = [], []
    for low, high, n in zip(lows, highs, source.image.shape[1:], strict=True):
        start, stop = int(np.floor(low)) - _MARGIN, int(np.ceil(high)) + _MARGIN + 1
        if stop - start >= n:
            start, stop = 0, n
        index.append(np.arange(start, stop))
        starts.append(start)
    return _taken(source, index), np.array(starts)


def _taken(source: Source, index: list[Array]) -> Source:
    """Take rows, columns, ... of a source, mirrored at its border."""
    inside = np.ix_(*mirrored(index, source.image.shape[1:]))
    image = np.stack([plane[inside] for plane in source.image])
    return Source(image, None if source.labels is None else source.labels[inside])


def _is_beyond(pixels: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """Which pixels, given by their index along each axis, are beyond the border."""
    return reduce(
        np.logical_or,
        [(p < 0) | (p >= n) for p, n in zip(pixels, shape, strict=True)],
    )


def with_own_ids(labels: Array, is_copy: Array) -> Array:
    """Give objects that are mirror images of others ids of their own.

    A mirror image that touches its object across the border is part of it. The ids
    are free ones, in the type of `labels` as long as that has any.

    Parameters
    ----------
    labels : array of shape (*S)
        Ids of objects, 0 background.
    is_copy : boolean array of shape (*S)
        Which pixels come from beyond the border of the source.
    """
    if not (is_copy & (labels > 0)).any():
        return labels
    from skimage.measure import label

    pieces = label(labels, background=0, connectivity=labels.ndim)
    ids = np.zeros(pieces.max() + 1, labels.dtype)
    ids[pieces] = labels
    is_new = ids > 0
    is_new[pieces[~is_copy]] = False
    # An object of which the output shows mirror images only keeps its id in one.
    copied, first = np.unique(ids[is_new], return_index=True)
    is_unseen = ~np.isin(copied, ids[~is_new])
    is_new[np.flatnonzero(is_new)[first[is_unseen]]] = False
    fresh = _free_ids(np.unique(ids), int(is_new.sum()))
    dtype = np.promote_types(labels.dtype, smallest_unsigned(int(fresh.max(initial=0))))
    ids = ids.astype(dtype)
    ids[is_new] = fresh
    renumbered: Array = ids[pieces]
    return renumbered


def _free_ids(taken: Array, n: int) -> Array:
    """Return the n smallest positive integers that are not `taken`."""
    candidates = np.arange(1, n + len(taken) + 1, dtype=np.uint64)
    return candidates[~np.isin(candidates, taken.astype(np.uint64))][:n]


def _no_data(image: Array) -> Array | None:
    """Pixels ``(*S)`` where any channel is NaN or infinite; None if there are none."""
    if image.dtype.kind != "f":
        return None
    missing = np.asarray(~np.isfinite(image).all(axis=0))
    return missing if missing.any() else None


def _filled(image: Array, no_data: Array | None) -> Array:
    """Give pixels without data the values of the nearest pixel that has some."""
    if no_data is None:
        return image
    if no_data.all():
        return np.zeros_like(image)
    nearest = ndimage.distance_transform_edt(
        no_data, return_distances=False, return_indices=True
    )
    filled: Array = image[(slice(None), *nearest)]
    return filled
