"""Segmentation of a Dask array, computed where and when its blocks are wanted."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.checks import check_spec
from napari_segen.core.errors import MissingBackend
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.steps import run
from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.features.parallel import on_one_thread
from napari_segen.scale.parts import (
    Frames,
    PartLabeller,
    check_labels_classes,
    frame_range_steps,
    part_shape,
)
from napari_segen.scale.tasks import SharedModel, is_worker

if TYPE_CHECKING:
    import dask.array as da


def segment_lazy(
    model: Any, array: Any, *, spec: ImageSpec | None = None
) -> "da.Array":
    """Return the labels of an image as a Dask array, which computes them when wanted.

    Each block reads its part of the image with the halo that the model needs, so that
    the labels are those of ``model.predict`` on the whole image.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
        Fitted, to label classes.
    array : dask array
        The image; what Dask makes an array of, such as one of Zarr, will do.
    spec : ImageSpec, optional
        The meaning of its axes; None: as in the fit.

    Returns
    -------
    dask array of shape (*S)
        The smallest unsigned type. Its blocks are chosen by the memory they take.

    Notes
    -----
    With the normalization ``"auto"`` or ``"image"`` grey values are scaled by
    percentiles of each whole time point or separate image. To find them the image is
    read at once, in this call: one block at a time, once where values have up to 16
    bits, twice up to 32. ``"training"`` and ``"none"`` need no such reading.
    """
    dask_array, delayed = _dask()
    check_spec(spec)
    model.check_fitted()
    check_labels_classes(model)
    source = dask_array.asanyarray(array)
    frames = Frames.seen_by(model, source, model.spec_ if spec is None else spec)
    reach = model.reach(frames.spec)
    shape = part_shape(frames, reach, len(model.classes_))
    dtype = smallest_unsigned(int(model.classes_.max()))
    shared = delayed(model, traverse=False)
    blocks: dict[tuple[int, ...], Any] = {}
    for place in frames.places():
        known = run(frame_range_steps(SharedModel(model), frames, place, shape))
        for tile in tile_grid(frames.shape, shape, reach.halo):
            at, block_shape = _block(frames, place, tile, shape)
            values = frames.part(place, tile.padded)
            labels = delayed(_labels)(shared, known, frames.spec, tile, values)
            whole = delayed(np.reshape)(labels, block_shape)
            blocks[at] = dask_array.from_delayed(whole, block_shape, dtype)
    grid = np.empty(tuple(np.max(list(blocks), axis=0) + 1), object)
    for at, block in blocks.items():
        grid[at] = block
    return dask_array.block(grid.tolist())


def _labels(
    model: Any, known: Any, spec: ImageSpec, tile: Tile, values: Array
) -> Array:
    labeller = PartLabeller.of(model, spec, known)
    with on_one_thread() if is_worker() else nullcontext():
        return run(labeller.steps(values, tile)).labels


def _block(
    frames: Frames, place: dict[str, int], tile: Tile, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return which block of the labels a tile is, and its shape."""
    spatial = frames.spec.space_axes
    numbers = [part.start // n for part, n in zip(tile.core, shape, strict=True)]
    at = place | dict(zip(spatial, numbers, strict=True))
    lengths = [part.stop - part.start for part in tile.core]
    length = dict(zip(spatial, lengths, strict=True))
    letters = frames.label_axes
    return tuple(at.get(a, 0) for a in letters), tuple(
        length.get(a, 1) for a in letters
    )


def _dask() -> tuple[Any, Any]:
    """Import Dask on first use, or say how to install it."""
    try:
        import dask.array
        from dask.delayed import delayed
    except ImportError as err:
        raise MissingBackend(
            "segment_lazy needs Dask: pip install 'napari-segen[scale]'."
        ) from err
    return dask.array, delayed
