"""The objects of an OME-Zarr image of any size, part by part."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.archive import written_whole
from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.normalization import Range
from napari_segen.core.steps import Step, Steps, each_steps, run, stretch_steps
from napari_segen.core.tiles import Reach, Tile, tile_at, tile_grid
from napari_segen.objects.instances import instances, instances_steps
from napari_segen.scale.joined import joined_steps
from napari_segen.scale.omezarr.image import read_omezarr
from napari_segen.scale.omezarr.labels import NewLabels, is_written
from napari_segen.scale.omezarr.origin import origin_of, recorded
from napari_segen.scale.parts import (
    Frames,
    PartLabeller,
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
from napari_segen.workflows.files import write_json

FilePath = str | os.PathLike[str]

# Where the stages of a frame begin, and the coarser levels.
SHARE_OF_RANGE, SHARE_OF_FINDING, SHARE_OF_JOINING = 0.05, 0.85, 0.95
SHARE_OF_FRAMES = 0.95
COUNTS = ("n_objects", "n_joined", "n_disagreeing")


@dataclass(frozen=True, slots=True)
class FoundObjects:
    """What was found in an image, part by part.

    Parameters
    ----------
    path : Path
        The labels: ids from 1 on in each frame, 0 = background.
    n_objects : int
        In all frames.
    n_joined : int
        Those that reach over several parts.
    n_disagreeing : int
        Those on the border of parts that saw different pixels of them.
    """

    path: Path
    n_objects: int
    n_joined: int
    n_disagreeing: int


def find_objects_omezarr(
    model: Any,
    image: FilePath,
    out: FilePath,
    *,
    foreground: int | tuple[int, ...],
    margin_px: int = 64,
    name: str = "objects",
    spec: ImageSpec | None = None,
    overwrite: bool = False,
    resume: bool = False,
    client: Any = None,
    **how: Any,
) -> FoundObjects:
    """Find the objects of an OME-Zarr image part by part, joined across parts.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
    image, out, name, spec, overwrite, resume, client
        As those of `segment_omezarr`.
    foreground : int or tuple of int
        Which classes objects are made of, as for `instances`.
    margin_px : int
        Pixels that parts see of one another on each side. Objects of which a part sees
        only some may be cut otherwise than in the whole image.
    **how
        How objects are told apart: other keywords of `instances`.

    Notes
    -----
    With ``method="components"`` connected objects of any size are those of the whole
    image. With ``"distance"`` groups of touching objects are, if they reach at most
    `margin_px` beyond a part; only what counts as an unusually large object is told by
    the median of the part. `min_size`, `min_odds` and `fill_holes` look at what
    the part sees of an object. While a frame is worked on a file for each part
    holds the ids, in ``out``; tables of all objects are in memory, about 100 bytes an
    object.
    """
    steps = find_objects_omezarr_steps(
        model,
        image,
        out,
        foreground=foreground,
        margin_px=margin_px,
        name=name,
        spec=spec,
        overwrite=overwrite,
        resume=resume,
        client=client,
        **how,
    )
    return run(steps)


def find_objects_omezarr_steps(
    model: Any,
    image: FilePath,
    out: FilePath,
    *,
    foreground: int | tuple[int, ...],
    margin_px: int = 64,
    name: str = "objects",
    spec: ImageSpec | None = None,
    overwrite: bool = False,
    resume: bool = False,
    client: Any = None,
    **how: Any,
) -> Steps[FoundObjects]:
    """Do what `find_objects_omezarr` does, in steps."""
    model.check_fitted()
    how["foreground"] = foreground
    _check_how(how, len(model.classes_), margin_px)
    source = read_omezarr(image, spec=spec)
    frames = Frames.seen_by(model, source.array, source.spec)
    overlap = _Overlap.of(model, frames, margin_px)
    settings = {"shape": overlap.shape, "margin_px": margin_px, "objects": how}
    made_by = origin_of(model, source, **settings)
    new = NewLabels(source, Path(out), name, made_by, overwrite, resume)
    if new.is_complete:
        new.list_name()
        return _reported(new.path, recorded(new.path), margin_px)

    with new.written_whole(np.zeros(0, np.int64), {}):
        shared = shared_model(model, new.notes, client)
        if client is not None:
            check_workers(client, source.path, new.unfinished)
        array = new.create(frames.label_chunks(overlap.shape), np.int32)
        frame = _FrameFinding(shared, frames, overlap, how, new.notes, array, client)
        places = frames.places()
        found = each_steps(list(enumerate(places)), frame.steps)
        yield from stretch_steps(found, 0, SHARE_OF_FRAMES)
        yield from stretch_steps(new.coarser_steps(client), SHARE_OF_FRAMES, 1)
        counts = [json.loads(frame.done(i).read_bytes()) for i in range(len(places))]
        new.found |= {count: sum(c[count] for c in counts) for count in COUNTS}
    return _reported(new.path, new.found, margin_px)


@dataclass(frozen=True, slots=True)
class _Overlap:
    """How parts overlap: their shape, the model's halo, what is seen of neighbours."""

    shape: tuple[int, ...]
    halo: tuple[int, ...]
    margin: tuple[int, ...]

    @classmethod
    def of(cls, model: Any, frames: Frames, margin_px: int) -> "_Overlap":
        reach = model.reach(frames.spec)
        margin = tuple(-(-margin_px // m) * m for m in reach.multiple)
        both = tuple(h + m for h, m in zip(reach.halo, margin, strict=True))
        shape = part_shape(frames, Reach(both, reach.multiple), len(model.classes_))
        return cls(shape, reach.halo, margin)


def _check_how(how: dict[str, Any], n_classes: int, margin_px: Any) -> None:
    """Say at once what is wrong with the settings, not after hours."""
    if isinstance(margin_px, bool) or not isinstance(margin_px, int) or margin_px < 1:
        raise ValueError(
            f"margin_px must be a whole number from 1 on, got {margin_px!r}."
        )
    instances(np.full((n_classes, 1, 1), 1 / n_classes), **how)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The ids of parts, each in a file, until they are joined."""

    folder: Path

    def path(self, i: int) -> Path:
        return self.folder / f"{i}.npy"

    def keep(self, i: int, ids: Array) -> None:
        with written_whole(self.path(i)) as file:
            np.save(file, ids.astype(smallest_unsigned(int(ids.max()))))

    def read(self, i: int) -> Array:
        ids: Array = np.load(self.path(i), mmap_mode="r")
        return ids


@dataclass(frozen=True, slots=True)
class _Finding:
    """Finds the objects that parts of a frame see."""

    model: SharedModel
    frames: Frames
    place: dict[str, int]
    known: Range | None
    halo: tuple[int, ...]
    how: dict[str, Any]
    parts: _Parts

    def steps(self, part: tuple[int, Tile]) -> Steps[None]:
        i, tile = part
        if self.parts.path(i).exists():
            return
        labeller = PartLabeller.of(self.model.get(), self.frames.spec, self.known)
        seen = tile_at(tile.padded, self.frames.shape, self.halo)
        values = self.frames.read(self.place, seen.padded)
        posterior = yield from labeller.posterior_steps(values, seen)
        ids = yield from instances_steps(posterior, spec=labeller.spec, **self.how)
        self.parts.keep(i, ids)


@dataclass(frozen=True, slots=True)
class _FrameFinding:
    """Finds the objects of whole frames: in parts, joined, written."""

    model: SharedModel
    frames: Frames
    overlap: _Overlap
    how: dict[str, Any]
    notes: Path
    array: Any
    client: Any

    def done(self, i: int) -> Path:
        """Return the file with a frame's counts, which is there once it is written."""
        return self.notes / f"found_{i}.json"

    def steps(self, item: tuple[int, dict[str, int]]) -> Steps[None]:
        i, place = item
        if self.done(i).exists():
            return
        frames, client, shape = self.frames, self.client, self.overlap.shape
        finding = frame_range_steps(self.model, frames, place, shape, client)
        kept = kept_range_steps(self.notes / f"range_{i}.json", finding)
        known = yield from stretch_steps(kept, 0, SHARE_OF_RANGE)
        parts = _Parts(self.notes.absolute() / f"parts_{i}")
        parts.folder.mkdir(exist_ok=True)
        find = _Finding(
            self.model, frames, place, known, self.overlap.halo, self.how, parts
        )
        tiles = list(tile_grid(frames.shape, shape, self.overlap.margin))
        items = list(enumerate(tiles))
        text = "Finding objects"
        steps = each_task_steps(find.steps, items, client=client, text=text)
        yield from stretch_steps(steps, SHARE_OF_RANGE, SHARE_OF_FINDING)
        join = joined_steps(tiles, frames.shape, parts.read, client)
        joined = yield from stretch_steps(join, SHARE_OF_FINDING, SHARE_OF_JOINING)
        write = partial(_write_steps, frames, place, parts, self.array)
        tables = [(*item, t) for item, t in zip(items, joined.tables, strict=True)]
        text = "Writing objects"
        steps = each_task_steps(write, tables, client=client, text=text)
        yield from stretch_steps(steps, SHARE_OF_JOINING, 1)
        counts = {count: getattr(joined, count) for count in COUNTS}
        write_json(self.done(i), counts)
        shutil.rmtree(parts.folder)


def _write_steps(
    frames: Frames,
    place: dict[str, int],
    parts: _Parts,
    array: Any,
    part: tuple[int, Tile, Array],
) -> Steps[None]:
    i, tile, table = part
    yield Step(0, 1, "Writing objects")
    index = frames.label_index(place, tile.core)
    if not is_written(array, index):
        array[index] = table[parts.read(i)[tile.inner]]


def _reported(path: Path, counts: Mapping[str, Any], margin_px: int) -> FoundObjects:
    found = FoundObjects(path, *(int(counts[count]) for count in COUNTS))
    if found.n_disagreeing:
        doubt(
            f"of {found.n_disagreeing} of {found.n_objects} objects neighbouring parts "
            "saw different pixels: they may be cut otherwise than in the whole image. "
            f"A margin_px over {margin_px} may help.",
            stacklevel=2,
        )
    return found
