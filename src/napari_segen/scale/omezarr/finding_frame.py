"""The objects of one frame of an OME-Zarr image: found in parts, joined, written."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.archive import written_whole
from napari_segen.core.imagespec import Array
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.normalization import Range
from napari_segen.core.steps import Step, Steps, stretch_steps
from napari_segen.core.tiles import Reach, Tile, tile_at, tile_grid
from napari_segen.objects.instances import instances_steps
from napari_segen.scale.joined import joined_steps
from napari_segen.scale.omezarr.labels import is_written
from napari_segen.scale.parts import (
    Frames,
    PartLabeller,
    frame_range_steps,
    kept_range_steps,
    part_shape,
)
from napari_segen.scale.tasks import SharedModel, each_task_steps
from napari_segen.workflows.files import write_json

# Where the stages begin.
SHARE_OF_RANGE, SHARE_OF_FINDING, SHARE_OF_JOINING = 0.05, 0.85, 0.95
COUNTS = ("n_objects", "n_joined", "n_disagreeing")


@dataclass(frozen=True, slots=True)
class Overlap:
    """How parts overlap.

    Parameters
    ----------
    shape : tuple of int
        Of the parts.
    halo : tuple of int
        Pixels that the model needs around what it labels.
    margin : tuple of int
        Pixels of its neighbours that a part labels as well.
    """

    shape: tuple[int, ...]
    halo: tuple[int, ...]
    margin: tuple[int, ...]

    @classmethod
    def of(cls, model: Any, frames: Frames, margin_px: int) -> "Overlap":
        """Choose it for an image: a margin of `margin_px` pixels or a few more."""
        reach = model.reach(frames.spec)
        margin = tuple(-(-margin_px // m) * m for m in reach.multiple)
        both = tuple(h + m for h, m in zip(reach.halo, margin, strict=True))
        shape = part_shape(frames, Reach(both, reach.multiple), len(model.classes_))
        return cls(shape, reach.halo, margin)


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
class FrameFinding:
    """Finds the objects of whole frames.

    Parameters
    ----------
    model : SharedModel
    frames : Frames
        Of the image.
    overlap : Overlap
        Of the parts.
    how : dict
        Arguments of `instances`.
    notes : Path
        Folder for what is needed until all frames are done.
    array : Zarr array
        Gets the ids.
    client : distributed.Client, optional
        See `each_task_steps`.
    """

    model: SharedModel
    frames: Frames
    overlap: Overlap
    how: dict[str, Any]
    notes: Path
    array: Any
    client: Any

    def done(self, i: int) -> Path:
        """Return the file with a frame's counts, which is there once it is written."""
        return self.notes / f"found_{i}.json"

    def steps(self, item: tuple[int, dict[str, int]]) -> Steps[None]:
        """Find, join and write those of the i-th frame, at its place in the image."""
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
