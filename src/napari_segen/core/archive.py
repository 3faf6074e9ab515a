"""Model files: a zip of one JSON header and plain arrays, written whole or not at all.

Reading one runs no code from it: JSON and `.npy` without pickle, names against the
header's list, sizes against limits, content against its SHA-256.
"""

import hashlib
import io
import json
import math
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from napari_segen.core.errors import ModelFileError
from napari_segen.core.imagespec import Array

FilePath = str | os.PathLike[str]

SUFFIX = ".segen"
FORMAT = "napari-segen"
FORMAT_VERSION = 1
MAX_HEADER_BYTES = 16 * 2**20
MAX_ARRAY_BYTES = 4 * 2**30
MAX_ARRAYS = 10_000

_HEADER = "model.json"
_ARRAY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def check_replaceable(target: Path) -> None:
    """Raise OSError where something else than a file has this name."""
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {target}: it is a folder.")
    if target.exists() and not target.is_file():
        # The rename would replace a device or a pipe itself, for the whole system.
        raise OSError(f"cannot write {target}: it is not a file.")


@contextmanager
def written_whole(path: FilePath) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the name `path` only when it is complete.

    It is written beside `path`, synced, then renamed: a crash at any moment leaves
    the old file or the new one.
    """
    target = Path(path)
    check_replaceable(target)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as err:
        err.filename = os.fspath(target)  # not the passing name
        raise
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(target.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder; its rename is durable without.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_archive(
    path: FilePath,
    kind: str,
    header: Mapping[str, Any],
    arrays: Mapping[str, Array],
) -> None:
    """Write a model file.

    Parameters
    ----------
    path : path
        Replaced only when the new file is complete.
    kind : str
        Which model class wrote it, such as ``"probabilistic"``.
    header : mapping of JSON values
    arrays : mapping of str to array
        Names of letters, digits, ``_``, ``.`` and ``-``.
    """
    packed = {name: _pack(name, array) for name, array in arrays.items()}
    table = {
        name: {
            "sha256": hashlib.sha256(data).hexdigest(),
            "shape": list(arrays[name].shape),
            "dtype": arrays[name].dtype.str,
        }
        for name, data in packed.items()
    }
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": kind,
        **header,
        "arrays": table,
    }
    text = json.dumps(document, indent=1, allow_nan=False).encode()
    with written_whole(path) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_HEADER, _EPOCH), text)
        for name, data in packed.items():
            archive.writestr(zipfile.ZipInfo(f"arrays/{name}.npy", _EPOCH), data)


def _pack(name: str, array: Array) -> bytes:
    if not _ARRAY_NAME.fullmatch(name):
        raise ValueError(f"array name {name!r} may only use letters, digits and _.-")
    stream = io.BytesIO()
    np.lib.format.write_array(
        stream, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False
    )
    return stream.getvalue()


def read_archive(
    path: FilePath,
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read a model file; returns its header and its arrays.

    Raises
    ------
    ModelFileError
        Where the file is not one, is damaged, or breaks a limit.
    OSError
        Where it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_sizes(archive, os.fstat(file.fileno()).st_size)
                header = _read_header(archive)
                return header, _read_arrays(archive, header["arrays"])
        except ModelFileError as err:
            raise ModelFileError(f"{path}: {err}") from err
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            NotImplementedError,  # an encrypted or exotic zip
            RuntimeError,  # a member that wants a password; JSON nested too deep
            EOFError,
            UnicodeError,
            ValueError,
            OverflowError,
        ) as err:
            raise ModelFileError(
                f"{path} is not a napari-segen model or is damaged ({err})."
            ) from err


def _check_sizes(archive: zipfile.ZipFile, n_bytes: int) -> None:
    if not all(0 <= info.header_offset < n_bytes for info in archive.infolist()):
        raise ModelFileError("a part of it would lie outside of the file.")
    # Reading a member makes room for what it claims before it finds the file's end.
    claimed = sum(info.compress_size for info in archive.infolist())
    if claimed > n_bytes:
        raise ModelFileError(f"it claims {claimed} bytes and has {n_bytes}.")


def _read_header(archive: zipfile.ZipFile) -> dict[str, Any]:
    names = archive.namelist()
    if len(names) != len(set(names)):
        raise ModelFileError("the archive holds a name twice.")
    if len(names) > MAX_ARRAYS + 1:
        raise ModelFileError(f"the archive holds {len(names)} files.")
    if _HEADER not in names:
        raise ModelFileError(f"it is not a napari-segen model: no {_HEADER} in it.")
    header = json.loads(
        _read_member(archive, _HEADER, MAX_HEADER_BYTES), parse_constant=_refuse
    )
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ModelFileError("it is not a napari-segen model.")
    version = header.get("format_version")
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise ModelFileError(
            f"its format version is {version!r}; this napari-segen reads up to "
            f"{FORMAT_VERSION}. Install a newer napari-segen."
        )
    if not isinstance(header.get("kind"), str):
        raise ModelFileError("its header names no kind of model.")
    _check_names(names, header.get("arrays"))
    return header


def _refuse(constant: str) -> float:
    raise ModelFileError(f"its header holds {constant}.")


def _check_names(names: list[str], table: Any) -> None:
    if not isinstance(table, dict):
        raise ModelFileError("its header has no table of arrays.")
    if bad := [n for n in table if not _ARRAY_NAME.fullmatch(n)]:
        raise ModelFileError(f"array name {bad[0]!r} is not allowed.")
    expected = {_HEADER, *(f"arrays/{n}.npy" for n in table)}
    if expected != set(names):
        odd = sorted(expected ^ set(names))[0]
        raise ModelFileError(f"the archive and its header disagree about {odd!r}.")


def _read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise ModelFileError(f"{name} is compressed; model files are not.")
    if info.file_size != info.compress_size:
        raise ModelFileError(f"{name} says two different sizes.")
    if info.file_size > limit:
        raise ModelFileError(f"{name} has {info.file_size} bytes, over {limit}.")
    return archive.read(info)


def _read_arrays(archive: zipfile.ZipFile, table: dict[str, Any]) -> dict[str, Array]:
    return {name: _read_array(archive, name, entry) for name, entry in table.items()}


def _read_array(archive: zipfile.ZipFile, name: str, entry: Any) -> Array:
    try:
        shape = tuple(entry["shape"])
        dtype, digest = np.dtype(entry["dtype"]), entry["sha256"]
    except (KeyError, TypeError) as err:
        raise ModelFileError(f"the header's entry for array {name!r} is odd.") from err
    if dtype.kind not in "biufU" or not all(
        isinstance(n, int) and 0 <= n < 2**40 for n in shape
    ):
        raise ModelFileError(f"array {name!r} has dtype {dtype}, shape {shape}.")
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_ARRAY_BYTES:
        raise ModelFileError(f"array {name!r} would take {size} bytes.")
    data = _read_member(archive, f"arrays/{name}.npy", size + 4096)
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelFileError(f"array {name!r} is damaged: its SHA-256 differs.")
    # The size of what NumPy will make is checked before it makes it.
    stream = io.BytesIO(data)
    array: Array = _read_checked(stream, name, shape, dtype)
    return array


def _read_checked(
    stream: io.BytesIO, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Array:
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ModelFileError(f"array {name!r} has npy version {version}.")
    got_shape, _, got_dtype = np.lib.format.read_array_header_1_0(stream)
    if got_shape != shape or got_dtype != dtype:
        raise ModelFileError(f"array {name!r} is not what the header says.")
    stream.seek(0)
    array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return array
