"""The objects of an OME-Zarr image of any size, part by part."""

import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.archive import written_whole
from napari_segen.core.errors import DataWarning
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.steps import Steps, each_steps, run, stretch_steps
from napari_segen.core.tiles import Reach, tile_at, tile_grid
from napari_segen.objects.instances import instances, instances_steps
from napari_segen.scale.joined import Joined, joined_steps
from napari_segen.scale.omelabels import NewLabels
from napari_segen.scale.omezarr import read_omezarr
from napari_segen.scale.parts import (
    Frames,
    PartLabeller,
    frame_range_steps,
    part_shape,
)

FilePath = str | os.PathLike[str]

# Where the stages of a frame begin, and the coarser levels.
SHARE_OF_RANGE, SHARE_OF_FINDING, SHARE_OF_JOINING = 0.05, 0.85, 0.95
SHARE_OF_FRAMES = 0.95


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
    **how: Any,
) -> FoundObjects:
    """Find the objects of an OME-Zarr image part by part, joined across parts.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
    image, out, name, spec, overwrite
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
    the part sees of an object. A temporary file for each part holds the ids, in
    ``out``; tables of all objects are in memory, about 100 bytes an object.
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
    **how: Any,
) -> Steps[FoundObjects]:
    """Do what `find_objects_omezarr` does, in steps."""
    model.check_fitted()
    how["foreground"] = foreground
    _check_how(how, len(model.classes_), margin_px)
    source = read_omezarr(image, spec=spec)
    frames = Frames.seen_by(model, source.array, source.spec)
    overlap = _Overlap.of(model, frames, margin_px)
    new = NewLabels(source, Path(out), name, overwrite)

    def frame_steps(place: dict[str, int]) -> Steps[Joined]:
        find = frame_range_steps(model, frames, place, overlap.shape)
        known = yield from stretch_steps(find, 0, SHARE_OF_RANGE)
        labeller = PartLabeller.of(model, frames.spec, known)
        folder = new.unfinished / "parts"
        folder.mkdir()

        def part_steps(i: int) -> Steps[None]:
            seen = tile_at(tiles[i].padded, frames.shape, overlap.halo)
            values = frames.read(place, seen.padded)
            posterior = yield from labeller.posterior_steps(values, seen)
            ids = yield from instances_steps(posterior, spec=labeller.spec, **how)
            _keep(folder / f"{i}.npy", ids)

        def read(i: int) -> Array:
            ids: Array = np.load(folder / f"{i}.npy", mmap_mode="r")
            return ids

        def write_steps(i: int) -> Steps[None]:
            ids = joined.tables[i][read(i)[tiles[i].inner]]
            array[frames.label_index(place, tiles[i].core)] = ids
            yield from ()

        tiles = list(tile_grid(frames.shape, overlap.shape, overlap.margin))
        numbers = range(len(tiles))
        stages = (SHARE_OF_RANGE, SHARE_OF_FINDING, SHARE_OF_JOINING)
        yield from stretch_steps(each_steps(numbers, part_steps), *stages[:2])
        join = joined_steps(tiles, frames.shape, read)
        joined = yield from stretch_steps(join, *stages[1:])
        yield from stretch_steps(each_steps(numbers, write_steps), stages[2], 1)
        shutil.rmtree(folder)
        return joined

    with new.written_whole(np.zeros(0, np.int64), {}):
        array = new.create(frames.label_chunks(overlap.shape), np.int32)
        found = each_steps(frames.places(), frame_steps)
        per_frame = yield from stretch_steps(found, 0, SHARE_OF_FRAMES)
        yield from stretch_steps(new.coarser_steps(), SHARE_OF_FRAMES, 1)
    return _reported(new.path, per_frame, margin_px)


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


def _keep(path: Path, ids: Array) -> None:
    with written_whole(path) as file:
        np.save(file, ids.astype(smallest_unsigned(int(ids.max()))))


def _reported(path: Path, frames: list[Joined], margin_px: int) -> FoundObjects:
    found = FoundObjects(
        path,
        sum(f.n_objects for f in frames),
        sum(f.n_joined for f in frames),
        sum(f.n_disagreeing for f in frames),
    )
    if found.n_disagreeing:
        warnings.warn(
            f"of {found.n_disagreeing} of {found.n_objects} objects neighbouring parts "
            "saw different pixels: they may be cut otherwise than in the whole image. "
            f"A margin_px over {margin_px} may help.",
            DataWarning,
            stacklevel=2,
        )
    return found
