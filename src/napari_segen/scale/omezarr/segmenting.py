"""An OME-Zarr image of any size to labels beside it, part by part."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_segen.core.archive import FilePath
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.normalization import Range
from napari_segen.core.steps import Steps, each_steps, run, stretch_steps
from napari_segen.core.tiles import Reach, Tile, tile_grid
from napari_segen.scale.omezarr.image import OmeImage, read_omezarr
from napari_segen.scale.omezarr.labels import NewLabels, is_written
from napari_segen.scale.omezarr.origin import origin_of
from napari_segen.scale.parts import (
    Frames,
    PartLabeller,
    check_labels_classes,
    frame_range_steps,
    kept_range_steps,
    part_shape,
)
from napari_segen.scale.tasks import (
    SharedModel,
    each_task_steps,
    shared_model,
)
from napari_segen.scale.workers import check_workers

RangeSteps = Callable[
    [SharedModel, Frames, dict[str, int], tuple[int, ...], Any], Steps[Range | None]
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
    resume: bool = False,
    client: Any = None,
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
    resume : bool
        Whether to go on where the same work has failed, was cancelled or killed: by
        the same model, with the same settings and versions. Labels that are complete
        are left as they are. The result is byte for byte that of one run.
    client : distributed.Client, optional
        Whose workers label the parts, each on one thread. They need a file system in
        common with this process.

    Returns
    -------
    Path
        ``out/labels/name``, of several resolutions, at the image's place and in its
        version of the format. It has that name only once it is complete; before, it is
        in a hidden folder beside, which stays when the work fails, for `resume`. The
        next run without `resume` removes it.
    """
    steps = segment_omezarr_steps(
        model,
        image,
        out,
        name=name,
        spec=spec,
        overwrite=overwrite,
        resume=resume,
        client=client,
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
    resume: bool = False,
    client: Any = None,
) -> Steps[Path]:
    """Do what `segment_omezarr` does, in steps."""
    source = read_omezarr(image, spec=spec)
    job = Labelling.of(model, source)
    made_by = origin_of(model, source, shape=job.part_shape)
    new = NewLabels(source, Path(out), name, made_by, overwrite, resume)
    if new.is_complete:
        new.list_name()
        return new.path
    return (yield from label_parts_steps(model, job, new, client=client))


def label_parts_steps(
    model: Any,
    job: "Labelling",
    new: NewLabels,
    *,
    range_steps: RangeSteps = frame_range_steps,
    client: Any = None,
) -> Steps[Path]:
    """Label an image part by part.

    Parameters
    ----------
    model : fitted segmenter
    job : Labelling
        Of the image.
    new : NewLabels
        Gets the labels.
    range_steps : generator function
        Finds the range of a frame, as `frame_range_steps` does.
    client : distributed.Client, optional
        See `segment_omezarr`.
    """
    frames, shape = job.frames, job.part_shape
    dtype = smallest_unsigned(int(model.classes_.max()))

    def frame_steps(item: tuple[int, dict[str, int]]) -> Steps[None]:
        i, place = item
        finding = range_steps(shared, frames, place, shape, client)
        kept = kept_range_steps(new.notes / f"range_{i}.json", finding)
        known = yield from stretch_steps(kept, 0, SHARE_OF_RANGE)
        work = _Part(shared, frames, place, known, array).steps
        steps = each_task_steps(work, job.tiles(), client=client, text="Labelling")
        yield from stretch_steps(steps, SHARE_OF_RANGE, 1)

    with new.written_whole(model.classes_, model.class_info_):
        shared = shared_model(model, new.notes, client)
        if client is not None:
            check_workers(client, new.image.path, new.unfinished)
        array = new.create(frames.label_chunks(shape), dtype)
        frame = each_steps(list(enumerate(frames.places())), frame_steps)
        yield from stretch_steps(frame, 0, SHARE_OF_LABELLING)
        yield from stretch_steps(new.coarser_steps(client), SHARE_OF_LABELLING, 1)
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


@dataclass(frozen=True, slots=True)
class _Part:
    """Labels a part of a frame, into a chunk of its own."""

    model: SharedModel
    frames: Frames
    place: dict[str, int]
    known: Range | None
    array: Any

    def steps(self, tile: Tile) -> Steps[None]:
        index = self.frames.label_index(self.place, tile.core)
        if is_written(self.array, index):
            return
        labeller = PartLabeller.of(self.model.get(), self.frames.spec, self.known)
        values = self.frames.read(self.place, tile.padded)
        found = yield from labeller.steps(values, tile)
        self.array[index] = found.labels
