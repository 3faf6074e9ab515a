"""OME-Zarr images: what their metadata says, and where their pixels are."""

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from napari_segen.core.archive import FilePath
from napari_segen.core.checks import check_spec
from napari_segen.core.errors import MissingBackend
from napari_segen.core.imagespec import CHANNEL, SPACE, ImageSpec

VERSIONS = ("0.4", "0.5")
# The metadata of a Zarr folder, of either version.
MARKS = ("zarr.json", ".zgroup", ".zarray")


@dataclass(frozen=True, slots=True)
class OmeImage:
    """An image of several resolutions in a folder.

    Parameters
    ----------
    path : Path
        Its Zarr group.
    array : zarr.Array
        The finest level; nothing of it has been read.
    spec : ImageSpec
        Axes, pixel size and unit.
    scale, translation : tuple of float
        From indices to the image's coordinates, one entry for each of the axes.
    axes : list of mapping
        The axes as the metadata describes them.
    version : str
        Of the format.
    names : tuple of str
        Of the levels in their group, the finest first; none of an array elsewhere.
    """

    path: Path
    array: Any
    spec: ImageSpec
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    axes: list[dict[str, Any]]
    version: str
    names: tuple[str, ...]

    def level(self, i: int) -> Any:
        """Open a level, 0 being the finest."""
        return _array(self.path, _open_group(self.path), self.names[i])


def zarr() -> ModuleType:
    """Import Zarr on first use, or say how to install it."""
    try:
        return import_module("zarr")
    except ImportError as err:
        raise MissingBackend(
            "OME-Zarr images need Zarr: pip install 'napari-segen[scale]'."
        ) from err


def is_omezarr(path: Path) -> bool:
    """Tell whether a path is a Zarr folder, or is called like one."""
    is_called = path.suffix.lower() == ".zarr"
    return path.is_dir() and (is_called or any((path / m).is_file() for m in MARKS))


def read_omezarr(path: FilePath, *, spec: ImageSpec | None = None) -> OmeImage:
    """Open the image in a folder, of version 0.4 (Zarr 2) or 0.5 (Zarr 3).

    Parameters
    ----------
    path : path
        The folder of the image, not of one of its levels.
    spec : ImageSpec, optional
        Axes and pixel size, where the metadata lack them.

    Raises
    ------
    ValueError
        It is no such image, or its metadata are incomplete or make no sense.
    OSError
        It cannot be read.
    """
    check_spec(spec)
    path = Path(path)
    group = _open_group(path)
    attributes = dict(group.attrs)
    # Since 0.5 all of it is under one name.
    described = attributes.get("ome", attributes)
    multiscale = _only_multiscale(path, described)
    version = _version(path, described, multiscale)
    datasets = multiscale.get("datasets")
    if not isinstance(datasets, list) or not datasets or "path" not in datasets[0]:
        raise ValueError(f"{path} names no dataset: its metadata are incomplete.")
    names = tuple(str(d["path"]) for d in datasets if "path" in d)
    array = _array(path, group, names[0])
    axes = _axes(path, multiscale, array.shape)
    found = _transformed(path, multiscale, datasets[0], array.ndim)
    if spec is None:
        if found is None:
            raise ValueError(
                f"{path} does not say its pixel size: the first of its datasets has no "
                "scale in its coordinateTransformations. Say it with spec="
                f"ImageSpec({_letters(axes)!r}, pixel_size=..., unit=...)."
            )
        spec = _spec(path, axes, found[0])
    spec.check_shape(array.shape, os.fspath(path))
    scale, translation = found or ((1.0,) * array.ndim, (0.0,) * array.ndim)
    return OmeImage(path, array, spec, scale, translation, axes, version, names)


def drop_labels(path: Path) -> None:
    """Remove the labels in a folder, and from the list of labels beside it."""
    beside = zarr().open_group(os.fspath(path.parent), mode="r+")
    described = dict(beside.attrs)
    owner = described.get("ome", described)
    owner["labels"] = [n for n in owner.get("labels", []) if n != path.name]
    beside.attrs.update(described)
    shutil.rmtree(path)


def array_image(
    array: Any,
    spec: ImageSpec,
    path: Path,
    scale: Sequence[float],
    translation: Sequence[float],
) -> OmeImage:
    """Describe an array that is in no such folder, so that its labels can be written.

    Parameters
    ----------
    array : array-like
        It can be sliced, and has a shape and a dtype.
    spec : ImageSpec
    path : Path
        What the labels say they are of.
    scale, translation : sequence of float
        One entry for each axis.
    """
    letters = spec.axes
    if "n" in letters and "t" in letters:
        raise ValueError(
            "OME-Zarr has no axis of separate images beside time: choose an image "
            "without one of them."
        )
    kinds = {"t": "time", CHANNEL: "channel"}
    axes: list[dict[str, Any]] = []
    for letter in letters.replace("n", "t"):
        axes.append({"name": letter, "type": kinds.get(letter, "space")})
        if letter in SPACE and spec.unit != "pixel":
            axes[-1]["unit"] = spec.unit
    return OmeImage(
        path, array, spec, tuple(scale), tuple(translation), axes, VERSIONS[-1], ()
    )


def _open_group(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "no such file or folder", os.fspath(path))
    try:
        # Workers may have another current folder.
        found = zarr().open(os.path.abspath(path), mode="r")
    # A damaged folder fails wherever the damage is.
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError) as err:
        raise ValueError(
            f"{path} is not a Zarr folder, or is damaged ({err})."
        ) from err
    if not isinstance(found, zarr().Group):
        raise ValueError(
            f"{path} is an array without OME metadata. Give the folder of the image, "
            "which holds it."
        )
    return found


def _only_multiscale(path: Path, described: Mapping[str, Any]) -> Mapping[str, Any]:
    multiscales = described.get("multiscales")
    if isinstance(multiscales, list) and multiscales:
        first: Mapping[str, Any] = multiscales[0]
        return first
    if "plate" in described or "well" in described:
        raise ValueError(
            f"{path} is a plate or a well: give the folders of its images, such as "
            f"{path / 'A' / '1' / '0'}."
        )
    if "bioformats2raw.layout" in described:
        raise ValueError(
            f"{path} holds several images: give one, such as {path / '0'}."
        )
    raise ValueError(f"{path} is no OME-Zarr image: its metadata name no multiscales.")


def _version(
    path: Path, described: Mapping[str, Any], multiscale: Mapping[str, Any]
) -> str:
    version = str(described.get("version") or multiscale.get("version") or "unknown")
    if version not in VERSIONS:
        raise ValueError(
            f"{path} is of OME-Zarr version {version}; {' and '.join(VERSIONS)} can "
            "be read. Convert it first."
        )
    return version


def _array(path: Path, group: Any, name: str) -> Any:
    try:
        array = group[name]
    except KeyError as err:
        raise ValueError(f"{path} has no dataset {name!r}, which it names.") from err
    if not hasattr(array, "dtype"):
        raise ValueError(f"{path} names the dataset {name!r}, which is no array.")
    return array


def _axes(
    path: Path, multiscale: Mapping[str, Any], shape: tuple[int, ...]
) -> list[dict[str, Any]]:
    axes = multiscale.get("axes")
    if not isinstance(axes, list) or not all(
        isinstance(a, dict) and isinstance(a.get("name"), str) for a in axes
    ):
        raise ValueError(f"{path} does not name its axes: its metadata are incomplete.")
    names = [a["name"] for a in axes]
    if len(axes) != len(shape):
        raise ValueError(
            f"{path} names {len(axes)} axes, {', '.join(names)}, but its array has "
            f"the shape {shape}."
        )
    if unknown := [n for n in names if n not in tuple("tczyx")]:
        raise ValueError(
            f"{path} has axes named {', '.join(map(repr, unknown))}: only t, c, z, y "
            "and x can be read. Correct the names in its metadata."
        )
    return axes


def _letters(axes: Sequence[Mapping[str, Any]]) -> str:
    return "".join(a["name"] for a in axes)


def _transformed(
    path: Path, multiscale: Mapping[str, Any], dataset: Mapping[str, Any], ndim: int
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Join the transformations of a level and of all levels; None without a scale."""
    scale, translation = [1.0] * ndim, [0.0] * ndim
    has_scale = False
    for owner in (dataset, multiscale):
        for step in owner.get("coordinateTransformations") or []:
            kind = step.get("type")
            if kind == "identity":
                continue
            values = step.get(kind)
            if kind not in ("scale", "translation") or not isinstance(values, list):
                raise ValueError(
                    f"{path} has a coordinate transformation {step!r}; only a scale or "
                    "a translation given as a list can be read."
                )
            if len(values) != ndim:
                raise ValueError(
                    f"{path} has a {kind} of {len(values)} entries for {ndim} axes."
                )
            if kind == "scale":
                has_scale |= owner is dataset
                scale = [a * float(b) for a, b in zip(scale, values, strict=True)]
                translation = [
                    a * float(b) for a, b in zip(translation, values, strict=True)
                ]
            else:
                translation = [
                    a + float(b) for a, b in zip(translation, values, strict=True)
                ]
    return (tuple(scale), tuple(translation)) if has_scale else None


def _spec(
    path: Path, axes: Sequence[Mapping[str, Any]], scale: Sequence[float]
) -> ImageSpec:
    letters = _letters(axes)
    units = {a.get("unit") or "pixel" for a in axes if a["name"] in SPACE}
    if len(units) > 1:
        raise ValueError(
            f"{path} has axes of different units, {', '.join(sorted(units))}. Say the "
            f"pixel size in one with spec=ImageSpec({letters!r}, pixel_size=..., "
            "unit=...)."
        )
    size = tuple(s for a, s in zip(letters, scale, strict=True) if a in SPACE)
    try:
        return ImageSpec(letters, size, units.pop() if units else "pixel")
    except ValueError as err:
        raise ValueError(f"{path} has metadata that make no sense: {err}") from err
