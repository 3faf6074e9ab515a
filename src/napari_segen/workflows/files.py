"""Image files: TIFF, PNG and JPEG in, TIFF out, written whole or not at all."""

import errno
import glob
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.archive import FilePath, written_whole
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.workflows.tiff_axes import known_axes, pixel_size, told

TIFF_SUFFIXES = (".tif", ".tiff")
JPEG_SUFFIXES = (".jpg", ".jpeg")
SUFFIXES = (*TIFF_SUFFIXES, ".png", *JPEG_SUFFIXES)
KINDS = "TIFF, PNG or JPEG"
# A file that claims more bytes of pixels may claim so many times its own: deflate packs
# 1032 into one at most, JPEG 1024, and a huge image is hardly ever that blank.
MOST_PACKED = {2**26: 1100, 2**29: 100}


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


def is_image(path: Path) -> bool:
    """Tell by its name whether a path is a file that `read_image` reads."""
    # A link to nothing is not left out in silence: whoever reads it will say so.
    is_there = path.is_file() or (path.is_symlink() and not path.exists())
    return path.suffix.lower() in SUFFIXES and is_there


def list_images(
    inputs: Sequence[FilePath],
    is_wanted: Callable[[Path], bool] = is_image,
    kinds: str = f"{KINDS} file",
) -> list[Path]:
    """List image files: each file given, and those of each folder or pattern.

    Parameters
    ----------
    inputs : sequence of path
        Files, folders (what is right inside), and patterns with ``*``, ``?``, ``[...]``
        and ``**`` for those who have no shell that does it.
    is_wanted : callable
        Tells of a path whether it is an image. A folder that is one is not looked into.
    kinds : str
        What it tells, for an error.
    """
    found: list[Path] = []
    for given in map(Path, inputs):
        if given.is_dir() and not is_wanted(given):
            inside = sorted(p for p in given.iterdir() if _is_shown(p) and is_wanted(p))
            if not inside:
                raise ValueError(f"{given} holds no {kinds}.")
            found += inside
        elif given.exists():
            found.append(given)
        elif any(sign in os.fspath(given) for sign in "*?["):
            matches = sorted(map(Path, glob.glob(os.fspath(given), recursive=True)))
            images = [p for p in matches if _is_shown(p) and is_wanted(p)]
            if not images:
                raise ValueError(f"no {kinds} is like {given}.")
            found += [p for p in images if not {*p.parents} & {*images}]
        else:
            raise FileNotFoundError(
                errno.ENOENT, "no such file or folder", os.fspath(given)
            )
    return found


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".")


def read_image(path: FilePath) -> ImageFile:
    """Read a TIFF, PNG or JPEG image.

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
            f"{path} is not a {KINDS} file. Convert it, for instance with napari."
        )
    with open(path, "rb") as file:
        if suffix in TIFF_SUFFIXES:
            return _read_tiff(path, file)
        kind = "JPEG" if suffix in JPEG_SUFFIXES else "PNG"
        return ImageFile(path, *_read_picture(path, file, kind))


def read_labels(path: FilePath) -> ImageFile:
    """Read an image of label values, as `read_image` does."""
    if Path(path).suffix.lower() in JPEG_SUFFIXES:
        raise ValueError(
            f"{path}: labels cannot be JPEG, which changes values. Use TIFF or PNG."
        )
    return read_image(path)


def _read_tiff(path: Path, file: Any) -> ImageFile:
    import tifffile

    try:
        with tifffile.TiffFile(file) as tiff:
            len(tiff.pages)  # ends a ring of pages, which is followed for ever else
            series = tiff.series[0]
            _check_claim(series.nbytes, os.fstat(file.fileno()).st_size)
            array = np.asarray(series.asarray())
            axes = known_axes(series.axes)
            size_of, unit = pixel_size(tiff)
    # A damaged file fails wherever the damage is: in any decoder, at any depth.
    except Exception as err:
        raise ValueError(f"{path} is not a TIFF image or is damaged ({err}).") from err
    size = None
    if size_of is not None and axes is not None:
        size = tuple(size_of[a] for a in axes if a in size_of)
    return ImageFile(path, array, axes, size, unit)


def _check_claim(n_bytes: int, file_bytes: int) -> None:
    """Refuse an image that cannot be in its file: parts not there would become 0."""
    claims = MOST_PACKED.items()
    if any(n_bytes > most and n_bytes > times * file_bytes for most, times in claims):
        raise ValueError(
            f"it claims {n_bytes / 2**20:.0f} MB of pixels in {file_bytes} bytes; if "
            "that is right, save it without compression"
        )


def _read_picture(path: Path, file: Any, kind: str) -> tuple[Array, str]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=[kind]) as image:
            n_values = image.width * image.height * len(image.getbands())
            _check_claim(n_values, os.fstat(file.fileno()).st_size)
            # A palette's numbers are class values in most label images, so that
            # they are kept; 1-bit images become 0 and 1.
            array = np.asarray(image)
    except Image.DecompressionBombError as err:
        raise ValueError(
            f"{path} is too large for a {kind}: use TIFF ({err})."
        ) from err
    except UnidentifiedImageError as err:
        raise ValueError(f"{path} is not a {kind} image or is damaged.") from err
    except (OSError, SyntaxError, ValueError, EOFError) as err:
        raise ValueError(
            f"{path} is not a {kind} image or is damaged ({err})."
        ) from err
    return array, "yx" if array.ndim == 2 else "yxc"


def write_tiff(path: FilePath, array: Array, spec: ImageSpec | None = None) -> None:
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
    if spec is not None:
        array, options = told(array, spec)
    with writing(path), written_whole(path) as file:
        # tifffile would look for a path in the open file's name, which is a number.
        named = tifffile.FileHandle(file, name=Path(path).name)
        tifffile.imwrite(named, array, **options)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON values to a file, whole or not at all."""
    with writing(path), written_whole(path) as file:
        file.write(json.dumps(values, indent=1).encode() + b"\n")


@contextmanager
def writing(path: FilePath) -> Iterator[None]:
    """Make an OSError raised inside say which file could not be written, and why."""
    try:
        yield
    except OSError as err:
        if err.errno is None:  # it is this package's own and says all
            raise
        message = f"cannot write {os.fspath(path)}: {err.strerror}."
        raise type(err)(err.errno, message) from err


def check_writable(folder: FilePath) -> None:
    """Raise OSError unless files can be made in `folder`: work may take minutes."""
    with writing(folder), tempfile.TemporaryFile(dir=folder):
        pass


def make_folder(folder: FilePath) -> Path:
    """Make a folder unless it exists, and check that it can be written to."""
    with writing(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
    check_writable(folder)
    return Path(folder)
