"""Labels of an OME-Zarr image, written as the standard says."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import CHANNEL, Array
from napari_segen.core.labels import ClassInfo
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import tile_grid
from napari_segen.scale.omezarr import OmeImage, zarr

FACTOR = 2  # from a level to the next coarser one
COARSEST_PX = 512  # rows and columns of a level that needs no coarser one


@dataclass(slots=True)
class NewLabels:
    """Labels that take their name only when they are complete.

    Parameters
    ----------
    image : OmeImage
        What they are the labels of; they are in its version of the format.
    out : Path
        Folder that gets them, as ``out/labels/name``.
    name : str
    overwrite : bool
        Whether to replace labels of this name.
    """

    image: OmeImage
    out: Path
    name: str
    overwrite: bool = False
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
        if self.path.exists() and not self.overwrite:
            raise FileExistsError(
                errno.EEXIST, "there are labels already", os.fspath(self.path)
            )

    @property
    def path(self) -> Path:
        """The folder of the labels."""
        return self.out / "labels" / self.name

    @property
    def unfinished(self) -> Path:
        """The folder that takes the name of the labels at the end."""
        return self.path.with_name(f".{self.name}.unfinished")

    @contextmanager
    def written_whole(
        self, classes: Array, info: Mapping[int, ClassInfo]
    ) -> Iterator[None]:
        """Make room for `create`; at the end, describe the labels and name them.

        Where it is left by an exception nothing remains.
        """
        for folder in (self.out, self.out / "labels"):
            self._open(folder)
        shutil.rmtree(self.unfinished, ignore_errors=True)
        self._group = self._open(self.unfinished)
        try:
            yield
            self._describe(classes, info)
            self._take_name()
        except BaseException:
            shutil.rmtree(self.unfinished, ignore_errors=True)
            raise

    @property
    def _format(self) -> int:
        return 2 if self.image.version == "0.4" else 3

    def _open(self, folder: Path) -> Any:
        return zarr().open_group(os.fspath(folder), mode="a", zarr_format=self._format)

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
        level = self._group.create_array(
            str(len(self._levels)),
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

    def coarser_steps(self) -> Steps[None]:
        """Make the coarser levels: every other pixel of the rows and the columns."""
        axes = self.image.spec.label_axes
        each = tuple(FACTOR if a in "yx" else 1 for a in axes)
        every = tuple(slice(None, None, n) for n in each)
        while max(n for n, f in zip(self._shape, each, strict=True) if f > 1) > (
            COARSEST_PX
        ):
            finer = self._levels[-1]
            shape = tuple(-(-n // f) for n, f in zip(self._shape, each, strict=True))
            level = self._level(shape, finer.chunks, finer.dtype)
            tiles = list(tile_grid(shape, level.chunks, (0,) * len(shape)))
            for done, tile in enumerate(tiles):
                yield Step(done, len(tiles), "Making coarser levels")
                source = tuple(
                    slice(part.start * f, part.stop * f)
                    for part, f in zip(tile.core, each, strict=True)
                )
                level[tile.core] = finer[source][every]

    @property
    def _shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self._levels[-1].shape
        return shape

    def _describe(self, classes: Array, info: Mapping[int, ClassInfo]) -> None:
        image, version = self.image, {"version": self.image.version}
        kept = [i for i, a in enumerate(image.spec.axes) if a != CHANNEL]
        factors = [FACTOR if a in "yx" else 1 for a in image.spec.label_axes]
        scale = np.array(image.scale)[kept]
        moved = {
            "type": "translation",
            "translation": [image.translation[i] for i in kept],
        }
        datasets = [
            {
                "path": str(i),
                "coordinateTransformations": [
                    {"type": "scale", "scale": (scale * np.power(factors, i)).tolist()},
                    *([moved] if any(moved["translation"]) else []),
                ],
            }
            for i in range(len(self._levels))
        ]
        multiscale = {
            "name": self.name,
            "axes": [image.axes[i] for i in kept],
            "datasets": datasets,
            "type": "nearest",
        }
        label = _image_label(classes, info) | {"source": {"image": self._source()}}
        if self._format == 2:
            self._group.attrs["multiscales"] = [multiscale | version]
            self._group.attrs["image-label"] = label | version
        else:
            self._group.attrs["ome"] = {
                "multiscales": [multiscale],
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


def _image_label(classes: Array, info: Mapping[int, ClassInfo]) -> dict[str, Any]:
    """Names and colours of classes, as far as they are known."""
    known = [(int(value), info.get(int(value), ClassInfo())) for value in classes]
    colors = [
        {"label-value": value, "rgba": [*bytes.fromhex(about.color[1:].ljust(8, "f"))]}
        for value, about in known
        if about.color
    ]
    names = [
        {"label-value": value, "name": about.name}
        for value, about in known
        if about.name
    ]
    return {
        key: values
        for key, values in (("colors", colors), ("properties", names))
        if values
    }
