"""An OME-Zarr image of any size to labels beside it, part by part."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.normalization import Range
from napari_segen.core.steps import Steps, each_steps, run, stretch_steps
from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.scale.omelabels import NewLabels, is_written
from napari_segen.scale.omezarr import read_omezarr
from napari_segen.scale.origin import origin_of
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
    check_workers,
    each_task_steps,
    shared_model,
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
    model.check_fitted()
    check_labels_classes(model)
    source = read_omezarr(image, spec=spec)
    frames = Frames.seen_by(model, source.array, source.spec)
    reach = model.reach(frames.spec)
    shape = part_shape(frames, reach, len(model.classes_))
    dtype = smallest_unsigned(int(model.classes_.max()))
    made_by = origin_of(model, source, shape=shape)
    new = NewLabels(source, Path(out), name, made_by, overwrite, resume)
    if new.is_complete:
        new.list_name()
        return new.path

    def frame_steps(item: tuple[int, dict[str, int]]) -> Steps[None]:
        i, place = item
        finding = frame_range_steps(shared, frames, place, shape, client)
        kept = kept_range_steps(new.notes / f"range_{i}.json", finding)
        known = yield from stretch_steps(kept, 0, SHARE_OF_RANGE)
        work = _Labelling(shared, frames, place, known, array).steps
        tiles = list(tile_grid(frames.shape, shape, reach.halo))
        steps = each_task_steps(work, tiles, client=client, text="Labelling")
        yield from stretch_steps(steps, SHARE_OF_RANGE, 1)

    with new.written_whole(model.classes_, model.class_info_):
        shared = shared_model(model, new.notes, client)
        if client is not None:
            check_workers(client, source.path, new.unfinished)
        array = new.create(frames.label_chunks(shape), dtype)
        frame = each_steps(list(enumerate(frames.places())), frame_steps)
        yield from stretch_steps(frame, 0, SHARE_OF_LABELLING)
        yield from stretch_steps(new.coarser_steps(client), SHARE_OF_LABELLING, 1)
    return new.path


@dataclass(frozen=True, slots=True)
class _Labelling:
    """Labels parts of a frame, each into a chunk of its own."""

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
