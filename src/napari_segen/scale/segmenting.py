"""An OME-Zarr image of any size to labels beside it, part by part."""

import os
from pathlib import Path
from typing import Any

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.steps import Steps, each_steps, run, stretch_steps
from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.scale.omelabels import NewLabels
from napari_segen.scale.omezarr import read_omezarr
from napari_segen.scale.parts import (
    Frames,
    PartLabeller,
    check_labels_classes,
    frame_range_steps,
    part_shape,
)

FilePath = str | os.PathLike[str]

SHARE_OF_RANGE = 0.05  # of a frame, beside labelling it
SHARE_OF_LABELLING = 0.95  # beside the coarser levels


def segment_omezarr(
    model: Any,
    image: FilePath,
    out: FilePath,
    *,
    name: str = "segmentation",
    spec: ImageSpec | None = None,
    overwrite: bool = False,
) -> Path:
    """Label an OME-Zarr image part by part, in memory that does not grow with it.

    The labels are those of ``model.predict`` on the whole image: parts are read with
    the halo that the model needs, and grey values are scaled by the whole time point's
    or separate image's percentiles, found in a pass of its own, where the model's
    `normalization` asks for them. With up to 16 bits a value this reads the image once
    more, with up to 32 twice, with 64 four times.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
        Fitted, to label classes.
    image : path
        Folder of the image. See `read_omezarr`.
    out : path
        Folder that gets the labels, as ``out/labels/name``: the image's own, where the
        standard has them, or another one.
    name : str
        Of the labels.
    spec : ImageSpec, optional
        Axes and pixel size, where the image's metadata lack them.
    overwrite : bool
        Whether to replace labels of this name.

    Returns
    -------
    Path
        ``out/labels/name``, of several resolutions, at the image's place and in its
        version of the format. It has that name only once it is complete.
    """
    steps = segment_omezarr_steps(
        model, image, out, name=name, spec=spec, overwrite=overwrite
    )
    return run(steps)


def segment_omezarr_steps(
    model: Any,
    image: FilePath,
    out: FilePath,
    *,
    name: str = "segmentation",
    spec: ImageSpec | None = None,
    overwrite: bool = False,
) -> Steps[Path]:
    """Do what `segment_omezarr` does, in steps."""
    model.check_fitted()
    check_labels_classes(model)
    source = read_omezarr(image, spec=spec)
    frames = Frames.seen_by(model, source.array, source.spec)
    reach = model.reach(frames.spec)
    shape = part_shape(frames, reach, len(model.classes_))
    dtype = smallest_unsigned(int(model.classes_.max()))
    new = NewLabels(source, Path(out), name, overwrite)

    def frame_steps(place: dict[str, int]) -> Steps[None]:
        find = frame_range_steps(model, frames, place, shape)
        known = yield from stretch_steps(find, 0, SHARE_OF_RANGE)
        labeller = PartLabeller.of(model, frames.spec, known)

        def part_steps(tile: Tile) -> Steps[None]:
            values = frames.read(place, tile.padded)
            found = yield from labeller.steps(values, tile)
            array[frames.label_index(place, tile.core)] = found.labels

        tiles = list(tile_grid(frames.shape, shape, reach.halo))
        yield from stretch_steps(each_steps(tiles, part_steps), SHARE_OF_RANGE, 1)

    with new.written_whole(model.classes_, model.class_info_):
        array = new.create(frames.label_chunks(shape), dtype)
        frame = each_steps(frames.places(), frame_steps)
        yield from stretch_steps(frame, 0, SHARE_OF_LABELLING)
        yield from stretch_steps(new.coarser_steps(), SHARE_OF_LABELLING, 1)
    return new.path
