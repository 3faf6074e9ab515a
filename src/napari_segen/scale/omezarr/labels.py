"""Labels of an OME-Zarr image, written as the standard says."""

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_segen.core.imagespec import CHANNEL, Array
from napari_segen.core.labels import ClassInfo
from napari_segen.core.steps import Step, Steps, stretch_steps
from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.scale.omezarr.description import FACTOR, image_label, multiscale
from napari_segen.scale.omezarr.image import OmeImage, zarr
from napari_segen.scale.omezarr.origin import RECORD, difference, digest_of, made_by_of
from napari_segen.scale.tasks import each_task_steps

COARSEST_PX = 512  # rows and columns of a level that needs no coarser one


@dataclass(slots=True)
class NewLabels:
    """Labels that take their name only when they are complete.

    Until then they are in a folder of another name, which is not touched by work of
    another origin. It stays when the work fails or is cancelled.

    Parameters
    ----------
    image : OmeImage
        What they are the labels of; they are in its version of the format.
    out : Path
        Folder that gets them, as ``out/labels/name``.
    name : str
    made_by : mapping of JSON values
        All that their bytes depend on. See `origin_of`.
    overwrite : bool
        Whether to replace labels of this name.
    resume : bool
        Whether to go on with labels that are `made_by` the same.

    Attributes
    ----------
    is_complete : bool
        Whether the work is to be resumed, and was done before.
    found : dict of JSON values
        Kept with the labels: what else the work has found.
    """

    image: OmeImage
    out: Path
    name: str
    made_by: Mapping[str, Any]
    overwrite: bool = False
    resume: bool = False
    is_complete: bool = field(init=False)
    found: dict[str, Any] = field(default_factory=dict, init=False)
    _levels: list[Any] = field(default_factory=list, init=False)
    _group: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not self.name or set(self.name) & set("/\\") or self.name.startswith("."):
            raise ValueError(
                f"name must be that of a folder, without a slash, got {self.name!r}."
            )
        other = ".zgroup" if self._format == 3 else "zarr.json"
        if (self.out / other).exists():
            raise ValueError(
                f"out: {self.out} is not in the image's version of OME-Zarr, "
                f"{self.image.version}. Choose another folder."
            )
        self.is_complete = self.resume and made_by_of(self.path) == self.made_by
        if self.path.exists() and not self.overwrite and not self.is_complete:
            raise FileExistsError(
                errno.EEXIST, "there are labels already", os.fspath(self.path)
            )
        if self.resume and not self.overwrite and not self.is_complete:
            self._check_unfinished()

    def _check_unfinished(self) -> None:
        """Raise ValueError if what is unfinished is of another origin only."""
        others = {p: made_by_of(p) for p in self._all_unfinished()}
        if self.unfinished in others:
            return
        for path, made_by in others.items():
            if made_by is not None:
                raise ValueError(
                    f"resume: the unfinished labels in {path} were made by other "
                    f"work ({difference(made_by, self.made_by)}). Go on with that, or "
                    "start anew without resume."
                )

    @property
    def path(self) -> Path:
        """The folder of the labels."""
        return self.out / "labels" / self.name

    @property
    def unfinished(self) -> Path:
        """The folder that takes the name of the labels at the end."""
        # Of its own for each origin: a worker that has not heard of the end of earlier
        # work must not write into this one.
        digest = digest_of(self.made_by)[:8]
        return self.path.with_name(f".{self.name}.{digest}.unfinished")

    @property
    def notes(self) -> Path:
        """A folder for what is needed until the labels are complete."""
        return self.unfinished / ".notes"

    def _all_unfinished(self) -> list[Path]:
        folder = self.path.parent
        name = re.compile(rf"\.{re.escape(self.name)}\.[0-9a-f]{{8}}\.unfinished")
        there = folder.iterdir() if folder.is_dir() else ()
        return sorted(p for p in there if name.fullmatch(p.name))

    @contextmanager
    def written_whole(
        self, classes: Array, info: Mapping[int, ClassInfo]
    ) -> Iterator[None]:
        """Make room for `create`; at the end, describe the labels and name them."""
        for folder in (self.out, self.out / "labels"):
            self._open(folder)
        for path in self._all_unfinished():
            is_kept = self.resume and made_by_of(path) == self.made_by
            if path != self.unfinished or not is_kept:
                shutil.rmtree(path, ignore_errors=True)
        record = {RECORD: {"made_by": self.made_by}}
        self._group = self._open(self.unfinished, attributes=record)
        self.notes.mkdir(exist_ok=True)
        yield
        self._describe(classes, info)
        self._drop_leftovers()
        self._take_name()

    def drop(self) -> None:
        """Remove what is unfinished: nobody will go on with it."""
        shutil.rmtree(self.unfinished, ignore_errors=True)

    def _drop_leftovers(self) -> None:
        """Remove notes, and what killed processes have left behind."""
        shutil.rmtree(self.notes)
        for path in self.unfinished.rglob("*.partial"):  # as Zarr calls them
            path.unlink(missing_ok=True)

    @property
    def _format(self) -> int:
        return 2 if self.image.version == "0.4" else 3

    def _open(self, folder: Path, **new: Any) -> Any:
        # Workers may have another current folder.
        path = os.path.abspath(folder)
        return zarr().open_group(path, mode="a", zarr_format=self._format, **new)

    def create(self, chunks: tuple[int, ...], dtype: npt.DTypeLike) -> Any:
        """Make the finest level; every chunk of it is to be written once, whole."""
        axes = self.image.spec.axes
        lengths = zip(axes, self.image.array.shape, strict=True)
        return self._level(tuple(n for a, n in lengths if a != CHANNEL), chunks, dtype)

    def _level(
        self, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: npt.DTypeLike
    ) -> Any:
        is_v3 = self._format == 3
        names = list(self.image.spec.label_axes) if is_v3 else None
        separator = {"name": "default" if is_v3 else "v2", "separator": "/"}
        path = str(len(self._levels))
        if path in self._group:
            level = self._group[path].with_config({"write_empty_chunks": True})
            # Version 2 has a second file, which a kill may have prevented.
            level.update_attributes({})
            self._levels.append(level)
            return level
        level = self._group.create_array(
            path,
            shape=shape,
            chunks=tuple(map(min, chunks, shape)),
            dtype=dtype,
            fill_value=0,
            dimension_names=names,
            chunk_key_encoding=separator,
            # What is there has been written: blank chunks too.
            config={"write_empty_chunks": True},
        )
        self._levels.append(level)
        return level

    def coarser_steps(self, client: Any = None) -> Steps[None]:
        """Make the coarser levels: every other pixel of the rows and the columns."""
        axes = self.image.spec.label_axes
        each = tuple(FACTOR if a in "yx" else 1 for a in axes)
        share = 0.0
        while max(n for n, f in zip(self._shape, each, strict=True) if f > 1) > (
            COARSEST_PX
        ):
            finer = self._levels[-1]
            shape = tuple(-(-n // f) for n, f in zip(self._shape, each, strict=True))
            level = self._level(shape, finer.chunks, finer.dtype)
            tiles = list(tile_grid(shape, level.chunks, (0,) * len(shape)))
            work = _Coarser(finer, level, each).steps
            text = "Making coarser levels"
            steps = each_task_steps(work, tiles, client=client, text=text)
            # Each has a quarter of the pixels of the one before.
            yield from stretch_steps(steps, share, share := (share + 3) / 4)

    @property
    def _shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self._levels[-1].shape
        return shape

    def _describe(self, classes: Array, info: Mapping[int, ClassInfo]) -> None:
        self._group.attrs[RECORD] = {"made_by": self.made_by, **self.found}
        version = {"version": self.image.version}
        levels = multiscale(self.image, self.name, len(self._levels))
        label = image_label(classes, info) | {"source": {"image": self._source()}}
        if self._format == 2:
            self._group.attrs["multiscales"] = [levels | version]
            self._group.attrs["image-label"] = label | version
        else:
            self._group.attrs["ome"] = {
                "multiscales": [levels],
                "image-label": label,
                **version,
            }

    def _source(self) -> str:
        """Where the image is, seen from the labels."""
        here, there = self.path.resolve(), self.image.path.resolve()
        return Path(os.path.relpath(there, here)).as_posix()

    def _take_name(self) -> None:
        old = self.path.with_name(f".{self.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self.path.exists():
            os.replace(self.path, old)
        os.replace(self.unfinished, self.path)
        shutil.rmtree(old, ignore_errors=True)
        self.list_name()

    def list_name(self) -> None:
        """Name the labels among those of the folder, which is the last thing to do."""
        labels = self._open(self.out / "labels")
        version = {} if self._format == 2 else {"version": self.image.version}
        described = dict(labels.attrs.get("ome", {})) if version else labels.attrs
        names = [*described.get("labels", [])]
        if self.name not in names:
            names.append(self.name)
        if version:
            labels.attrs["ome"] = described | version | {"labels": names}
        else:
            labels.attrs["labels"] = names


@dataclass(frozen=True, slots=True)
class _Coarser:
    """Makes parts of a level from a finer one."""

    finer: Any
    level: Any
    each: tuple[int, ...]

    def steps(self, tile: Tile) -> Steps[None]:
        yield Step(0, 1, "Making coarser levels")
        if not is_written(self.level, tile.core):
            source = tuple(
                slice(part.start * f, part.stop * f)
                for part, f in zip(tile.core, self.each, strict=True)
            )
            every = tuple(slice(None, None, f) for f in self.each)
            self.level[tile.core] = self.finer[source][every]


def is_written(array: Any, index: tuple[Any, ...]) -> bool:
    """Tell whether the chunk at an index of a labels' level is there, and readable."""
    starts = [part.start if isinstance(part, slice) else part for part in index]
    numbers = tuple(s // n for s, n in zip(starts, array.chunks, strict=True))
    folder = Path(array.store.root) / array.path
    if not (folder / array.metadata.encode_chunk_key(numbers)).exists():
        return False
    try:
        array[index]
    # A power cut may leave a file of zeros; decoders say so in their own ways.
    except (RuntimeError, ValueError, TypeError, KeyError):
        return False
    return True
