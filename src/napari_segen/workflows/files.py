"""Image files: TIFF and PNG in, TIFF out, written whole or not at all."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.archive import written_whole
from napari_segen.core.imagespec import Array, ImageSpec

TIFF_SUFFIXES = (".tif", ".tiff")
SUFFIXES = (*TIFF_SUFFIXES, ".png")
# The order in which ImageJ keeps the axes of a hyperstack.
_IMAGEJ_ORDER = "tzcyx"
_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_IMAGEJ_MAX_BYTES = 2**32 - 2**20


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image as a file holds it.

    Parameters
    ----------
    path : Path
    array : array
    axes : str, optional
        The meaning of the axes where the file says so, in `ImageSpec`'s letters.
    pixel_size : tuple of float, optional
        Size of a pixel along each spatial axis, where the file says so.
    unit : str
        Unit of `pixel_size`.
    """

    path: Path
    array: Array
    axes: str | None = None
    pixel_size: tuple[float, ...] | None = None
    unit: str = "pixel"

    def spec(self, axes: str | None = None) -> ImageSpec | None:
        """Return the meaning of the axes: `axes`, else what the file says, else None.

        The pixel size is the file's where it has one for each spatial axis.
        """
        axes = axes or self.axes
        if axes is None:
            return None
        plain = ImageSpec(axes)
        size = self.pixel_size
        if size is None or len(size) != plain.n_space:
            return plain
        return ImageSpec(axes, size, self.unit)


def list_images(inputs: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """List image files: each file given, and the TIFF and PNG files of each folder."""
    found: list[Path] = []
    for given in map(Path, inputs):
        if given.is_dir():
            inside = sorted(p for p in given.iterdir() if _is_image(p))
            if not inside:
                raise ValueError(f"{given} holds no TIFF or PNG file.")
            found += inside
        elif not given.exists():
            raise FileNotFoundError(
                errno.ENOENT, "no such file or folder", os.fspath(given)
            )
        else:
            found.append(given)
    return found


def _is_image(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return path.suffix.lower() in SUFFIXES and path.is_file() and not hidden


def read_image(path: str | os.PathLike[str]) -> ImageFile:
    """Read a TIFF or PNG image.

    Raises
    ------
    ValueError
        The file is of another kind, or damaged.
    OSError
        It cannot be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{path} is not a TIFF or PNG file. Convert it, for instance with napari."
        )
    with open(path, "rb") as file:
        if suffix in TIFF_SUFFIXES:
            return _read_tiff(path, file)
        return ImageFile(path, *_read_png(path, file))


def _read_tiff(path: Path, file: Any) -> ImageFile:
    import tifffile

    try:
        with tifffile.TiffFile(file) as tiff:
            series = tiff.series[0]
            array = np.asarray(series.asarray())
            axes = _known_axes(series.axes)
            size_of, unit = _imagej_pixel_size(tiff)
    # A damaged file fails wherever the damage is: in any decoder, at any depth.
    except Exception as err:
        raise ValueError(f"{path} is not a TIFF image or is damaged ({err}).") from err
    size = None
    if size_of is not None and axes is not None:
        size = tuple(size_of[a] for a in axes if a in size_of)
    return ImageFile(path, array, axes, size, unit)


def _known_axes(tiff_axes: str) -> str | None:
    """Translate tifffile's letters; None where the file does not say what is what."""
    axes = tiff_axes.lower().replace("s", "c")
    is_known = set(axes) <= set("tzcyx") and len(set(axes)) == len(axes)
    return axes if is_known and {"y", "x"} <= set(axes) else None


def _imagej_pixel_size(tiff: Any) -> tuple[dict[str, float] | None, str]:
    """Pixel size by axis, and its unit, if ImageJ wrote them."""
    metadata = tiff.imagej_metadata
    tags = tiff.pages[0].tags
    if not metadata or "unit" not in metadata or "XResolution" not in tags:
        return None, "pixel"
    size = {"z": float(metadata.get("spacing", 1.0))}
    for axis in "YX":
        pixels, units = tags[f"{axis}Resolution"].value
        size[axis.lower()] = units / pixels if pixels else 0.0
    if not all(np.isfinite(s) and s > 0 for s in size.values()):
        return None, "pixel"
    # ImageJ writes the micro sign as an escape.
    return size, str(metadata["unit"]).replace("\\u00B5", "u").replace("µ", "u")


def _read_png(path: Path, file: Any) -> tuple[Array, str]:
    from PIL import Image

    try:
        with Image.open(file, formats=["PNG"]) as image:
            # A palette's numbers are class values in most label images, so that
            # they are kept; 1-bit images become 0 and 1.
            array = np.asarray(image)
    except Image.DecompressionBombError as err:
        raise ValueError(f"{path} is too large for a PNG: use TIFF ({err}).") from err
    except (OSError, SyntaxError, ValueError, EOFError) as err:
        raise ValueError(f"{path} is not a PNG image or is damaged ({err}).") from err
    return array, "yx" if array.ndim == 2 else "yxc"


def write_tiff(
    path: str | os.PathLike[str], array: Array, spec: ImageSpec | None = None
) -> None:
    """Write an array as TIFF that ImageJ and napari read, whole or not at all.

    Parameters
    ----------
    path : path
        Replaced only when the new file is complete.
    array : array
        Yes-or-no values are written as 0 and 1.
    spec : ImageSpec, optional
        What the axes are; kept in the file together with the pixel size.
    """
    import tifffile

    if array.dtype == bool:
        array = array.astype(np.uint8)
    options: dict[str, Any] = {"photometric": "minisblack"}
    if spec is not None and _is_rgb(array, spec):
        options["photometric"] = "rgb"
    elif spec is not None and _fits_imagej(array, spec):
        array, options = _for_imagej(array, spec)
    with writing(path), written_whole(path) as file:
        # tifffile would look for a path in the open file's name, which is a number.
        named = tifffile.FileHandle(file, name=Path(path).name)
        tifffile.imwrite(named, array, **options)


def _is_rgb(array: Array, spec: ImageSpec) -> bool:
    is_color = spec.axes == "yxc" and array.shape[-1] in (3, 4)
    return is_color and array.dtype in (np.uint8, np.uint16)


def _fits_imagej(array: Array, spec: ImageSpec) -> bool:
    return (
        array.dtype.name in _IMAGEJ_TYPES
        and array.nbytes < _IMAGEJ_MAX_BYTES
        and set(spec.axes) <= set(_IMAGEJ_ORDER)
    )


def _for_imagej(array: Array, spec: ImageSpec) -> tuple[Array, dict[str, Any]]:
    """Bring the axes into ImageJ's order; returns also the options to write with."""
    spec.check_shape(array.shape)
    axes = "".join(a for a in _IMAGEJ_ORDER if a in spec.axes)
    ordered = array.transpose([spec.axes.index(a) for a in axes])
    metadata: dict[str, Any] = {"axes": axes.upper()}
    options: dict[str, Any] = {"imagej": True, "metadata": metadata}
    if spec.pixel_size is not None:
        size = dict(zip(spec.space_axes, spec.pixel_size, strict=True))
        metadata |= {"unit": spec.unit, "spacing": size.get("z", 1.0)}
        options["resolution"] = (1 / size["x"], 1 / size["y"])
    return ordered, options


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON values to a file, whole or not at all."""
    with writing(path), written_whole(path) as file:
        file.write(json.dumps(values, indent=1).encode() + b"\n")


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Make an OSError raised inside say which file could not be written, and why."""
    try:
        yield
    except OSError as err:
        if err.errno is None:  # it is this package's own and says all
            raise
        message = f"cannot write {os.fspath(path)}: {err.strerror}."
        raise type(err)(err.errno, message) from err


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Raise OSError unless files can be made in `folder`: work may take minutes."""
    with writing(folder), tempfile.TemporaryFile(dir=folder):
        pass


def make_folder(folder: str | os.PathLike[str]) -> Path:
    """Make a folder unless it exists, and check that it can be written to."""
    with writing(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
    check_writable(folder)
    return Path(folder)
