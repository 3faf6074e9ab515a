"""A table of the objects of an OME-Zarr image of any size."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_segen.core.archive import FilePath
from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps, each_steps, run
from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.objects.measurements import Columns, columns_of_sums, table_of
from napari_segen.objects.sums import Part, sums_of_parts_steps
from napari_segen.scale.omezarr.image import read_omezarr
from napari_segen.scale.parts import Frames

if TYPE_CHECKING:
    import pandas as pd

PIXELS_AT_ONCE = 2**22


def measure_omezarr(labels: FilePath, image: FilePath | None = None) -> "pd.DataFrame":
    """Measure size, place, spread and brightness of objects, part by part.

    Parameters
    ----------
    labels : path
        Folder of the labels, such as ``slide.zarr/labels/objects``.
    image : path, optional
        Folder of the image, to measure brightness in.

    Returns
    -------
    pandas.DataFrame
        As `measure` returns it, without the columns that need an object as a whole:
        solidity, perimeter, circularity. In memory are the table and a few numbers for
        each object.
    """
    return run(measure_omezarr_steps(labels, image))


def measure_omezarr_steps(
    labels: FilePath, image: FilePath | None = None
) -> Steps["pd.DataFrame"]:
    """Do what `measure_omezarr` does, in steps."""
    found = read_omezarr(labels)
    if found.array.dtype.kind not in "ui":
        raise TypeError(f"{labels} holds no labels: its type is {found.array.dtype}.")
    ids = Frames.of(found.array, found.spec)
    grey = None
    if image is not None:
        source = read_omezarr(image)
        grey = Frames.of(source.array, source.spec)
        if (ids.label_axes, ids.label_shape) != (grey.label_axes, grey.label_shape):
            raise ValueError(
                f"{labels} has the axes {ids.label_axes!r} and the shape "
                f"{ids.label_shape}, but its image {image} has {grey.label_axes!r} and "
                f"{grey.label_shape}."
            )

    def frame_steps(place: dict[str, int]) -> Steps[Columns]:
        return (yield from _frame_steps(ids, grey, place))

    spec = ids.spec if grey is None else grey.spec
    per_frame = yield from each_steps(ids.places(), frame_steps)
    shape = tuple(ids.lengths[a] for a in spec.label_axes)
    return table_of(per_frame, spec, shape)


def _frame_steps(
    ids: Frames, grey: Frames | None, place: dict[str, int]
) -> Steps[Columns]:
    tiles = _tiles(ids)
    values = np.zeros(0, np.int64)
    for done, tile in enumerate(tiles):
        yield Step(done, len(tiles), "Listing objects")
        values = np.union1d(values, ids.read(place, tile.core))
    values = values[values != 0]

    def part(tile: Tile) -> Part:
        numbers = _numbers(ids.read(place, tile.core)[0], values)
        light = None if grey is None else grey.read(place, tile.core)
        return Part(tile.corner, numbers, light)

    n_channels = 0 if grey is None else grey.spec.n_channels(grey.kept_shape)
    reads = [partial(part, tile) for tile in tiles]
    spec = ids.spec if grey is None else grey.spec
    sums = yield from sums_of_parts_steps(reads, len(values), n_channels, spec.sampling)
    return {"label": values, **columns_of_sums(sums, spec)}


def _tiles(frames: Frames) -> list[Tile]:
    """Cut a frame into whole chunks of the labels, a few at a time."""
    lengths = dict(zip(frames.axes, frames.array.chunks, strict=True))
    part = [lengths[a] for a in frames.spec.space_axes]
    while 2 ** len(part) * np.prod(part) <= PIXELS_AT_ONCE:
        part = [2 * n for n in part]
    return list(tile_grid(frames.shape, tuple(part), (0,) * len(part)))


def _numbers(ids: Array, values: Array) -> Array:
    """Give ids the numbers of their places among all `values`, from 1; 0 stays 0."""
    if len(values) and values[-1] == len(values):
        return ids
    return np.where(ids == 0, 0, np.searchsorted(values, ids) + 1)
