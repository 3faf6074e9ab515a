"""An OME-Zarr image of any size to labels beside it, part by part."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.normalization import Range
from napari_segen.core.steps import Steps, each_steps, run, stretch_steps
from napari_segen.core.tiles import Reach, Tile, tile_grid
from napari_segen.scale.omelabels import NewLabels
from napari_segen.scale.omezarr import OmeImage, read_omezarr
from napari_segen.scale.parts import (
    Frames,
    PartLabeller,
    check_labels_classes,
    frame_range_steps,
    part_shape,
)

FilePath = str | os.PathLike[str]
RangeSteps = Callable[
    [Any, Frames, dict[str, int], tuple[int, ...]], Steps[Range | None]
]

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
    source = read_omezarr(image, spec=spec)
    new = NewLabels(source, Path(out), name, overwrite)
    return (yield from label_parts_steps(model, source, new))


def label_parts_steps(
    model: Any,
    source: OmeImage,
    new: NewLabels,
    range_steps: RangeSteps = frame_range_steps,
) -> Steps[Path]:
    """Label an image part by part.

    Parameters
    ----------
    model : fitted segmenter
    source : OmeImage
    new : NewLabels
        Gets the labels.
    range_steps : generator function
        Finds the range of a frame, as `frame_range_steps` does.
    """
    job = Labelling.of(model, source)
    frames, shape = job.frames, job.part_shape
    dtype = smallest_unsigned(int(model.classes_.max()))

    def frame_steps(place: dict[str, int]) -> Steps[None]:
        find = range_steps(model, frames, place, shape)
        known = yield from stretch_steps(find, 0, SHARE_OF_RANGE)
        labeller = PartLabeller.of(model, frames.spec, known)

        def part_steps(tile: Tile) -> Steps[None]:
            values = frames.read(place, tile.padded)
            found = yield from labeller.steps(values, tile)
            array[frames.label_index(place, tile.core)] = found.labels

        each = each_steps(job.tiles(), part_steps)
        yield from stretch_steps(each, SHARE_OF_RANGE, 1)

    with new.written_whole(model.classes_, model.class_info_):
        array = new.create(frames.label_chunks(shape), dtype)
        frame = each_steps(frames.places(), frame_steps)
        yield from stretch_steps(frame, 0, SHARE_OF_LABELLING)
        yield from stretch_steps(new.coarser_steps(), SHARE_OF_LABELLING, 1)
    return new.path


@dataclass(frozen=True, slots=True)
class Labelling:
    """How an image is cut for a model.

    Parameters
    ----------
    frames : Frames
    reach : Reach
        Of the model.
    part_shape : tuple of int
    """

    frames: Frames
    reach: Reach
    part_shape: tuple[int, ...]

    @classmethod
    def of(cls, model: Any, source: OmeImage) -> "Labelling":
        """Check that a model can label an image, and cut it."""
        model.check_fitted()
        check_labels_classes(model)
        frames = Frames.seen_by(model, source.array, source.spec)
        reach = model.reach(frames.spec)
        return cls(frames, reach, part_shape(frames, reach, len(model.classes_)))

    def tiles(self) -> list[Tile]:
        """List the parts of each frame."""
        return list(tile_grid(self.frames.shape, self.part_shape, self.reach.halo))
