"""Reading a BioImage.IO package: nothing in it is run, or believed unchecked.

Only the description, the ONNX weights and the test tensors are ever read, into memory:
no file is unpacked, and nothing is fetched from elsewhere.
"""

import hashlib
import io
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from napari_segen.cnn.bioimageio import packages
from napari_segen.core.archive import MAX_ARRAY_BYTES, FilePath
from napari_segen.core.errors import ModelFileError
from napari_segen.core.imagespec import Array

MAX_FILES = 1000
MAX_DESCRIPTION_BYTES = 2**20
# Protocol buffers end there.
MAX_WEIGHTS_BYTES = 2**31
MAX_TENSOR_BYTES = 2**30
# Entries of a description with its repetitions written out.
MAX_NODES = 100_000

_DESCRIPTION = re.compile(
    r"(rdf|bioimageio|model)\.yaml|[^/]+\.(rdf|bioimageio|model)\.yaml"
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def is_package(path: FilePath) -> bool:
    """Whether a file is a zip with a description of the BioImage.IO kind in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(_DESCRIPTION.fullmatch(n) for n in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


def read_package_file(path: FilePath) -> bytes:
    """Return the bytes of a package's file, if it is not too large."""
    if (size := os.stat(path).st_size) > MAX_ARRAY_BYTES:
        raise ModelFileError(f"{path} has {size} bytes, over {MAX_ARRAY_BYTES}.")
    with open(path, "rb") as file:
        return file.read()


@contextmanager
def opened(data: bytes) -> Iterator["Package"]:
    """Open the bytes of a package.

    Raises
    ------
    ModelFileError
        Where they are not one, are damaged, or break a limit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(archive, len(data))
            yield Package(archive)
    except ModelFileError:
        raise
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,  # an encrypted or exotic zip
        EOFError,
        zlib.error,
    ) as err:
        raise ModelFileError(
            f"it is not a BioImage.IO package or is damaged ({err})."
        ) from err


def _check_members(archive: zipfile.ZipFile, n_bytes: int) -> None:
    members = archive.infolist()
    names = [m.filename for m in members]
    if len(members) > MAX_FILES:
        raise ModelFileError(f"the archive holds {len(members)} files.")
    if len(set(names)) != len(names):
        raise ModelFileError("the archive holds a name twice.")
    if sum(m.compress_size for m in members) > n_bytes:
        raise ModelFileError("the archive claims more bytes than it has.")
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or ":" in name:
            raise ModelFileError(f"the archive holds the name {name!r}.")


class Package:
    """An open package."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def description(self) -> Any:
        """Return the model's description in the specification's newest form.

        Raises
        ------
        ModelFileError
            Where it is not a valid one of a model.
        """
        content = self._content()
        spec = packages.spec()
        context = spec.ValidationContext(
            root=self._archive, perform_io_checks=False, log_warnings=False
        )
        with warnings.catch_warnings():
            # What it says of older formats is for their authors.
            warnings.simplefilter("ignore")
            found = spec.build_description(
                content, context=context, format_version="latest"
            )
        if isinstance(found, spec.InvalidDescr):
            reason = " ".join(found.get_reason().split())
            raise ModelFileError(f"its description is not valid. {reason}"[:1000])
        if found.type != "model":
            raise ModelFileError(f"it is a {found.type}, not a model.")
        return found

    def _content(self) -> dict[str, Any]:
        yaml = packages.ruyaml()
        names = [n for n in self._archive.namelist() if _DESCRIPTION.fullmatch(n)]
        if len(names) != 1:
            raise ModelFileError(f"it holds {len(names)} descriptions.")
        text = self.read(names[0], MAX_DESCRIPTION_BYTES)
        try:
            content = yaml.YAML(typ="safe").load(text.decode())
        except (yaml.error.YAMLError, UnicodeError, ValueError, RecursionError) as err:
            raise ModelFileError(f"{names[0]} cannot be read ({err}).") from err
        if not isinstance(content, dict) or not all(
            isinstance(k, str) for k in content
        ):
            raise ModelFileError(f"{names[0]} is not a table.")
        _check_nodes(content)
        inputs = content.get("inputs")
        for entry in inputs if isinstance(inputs, list) else []:
            # The validator would fetch that model.
            if isinstance(entry, dict) and entry.get("output_of") is not None:
                raise ModelFileError("its input is the output of another model.")
        return content

    def read(self, name: str, limit: int, sha256: Any = None) -> bytes:
        """Return a file of the package, if it is not longer than `limit` bytes."""
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            raise ModelFileError(
                f"its description names {name!r}, which is not in it."
            ) from None
        if info.compress_type not in _METHODS:
            raise ModelFileError(
                f"{name} is compressed in a way that is not supported."
            )
        if info.file_size > limit:
            raise ModelFileError(f"{name} has {info.file_size} bytes, over {limit}.")
        if info.flag_bits & 1:
            raise ModelFileError(f"{name} is encrypted.")
        data = self._archive.read(info)
        if sha256 is not None and hashlib.sha256(data).hexdigest() != str(sha256):
            raise ModelFileError(f"{name} is damaged: its SHA-256 differs.")
        return data

    def tensor(self, file: Any) -> Array:
        """Return the array of a test tensor's description."""
        data = self.read(file_name(file), MAX_TENSOR_BYTES, file.sha256)
        try:
            array: Array = np.lib.format.read_array(
                io.BytesIO(data), allow_pickle=False
            )
        except (ValueError, EOFError, MemoryError) as err:
            raise ModelFileError(f"{file_name(file)} is no array ({err}).") from err
        return array

    def weights(self, entry: Any) -> bytes:
        """Return the ONNX file of the weights' description, if it is all there is."""
        if getattr(entry, "external_data", None) is not None:
            raise ModelFileError("its ONNX weights are in a second file.")
        data = self.read(file_name(entry), MAX_WEIGHTS_BYTES, entry.sha256)
        if _has_outside_data(data):
            # The runtime would look for it on this machine's disk.
            raise ModelFileError("its ONNX file takes values from another file.")
        return data


def file_name(file: Any) -> str:
    """Return where in the package a file is."""
    name = str(getattr(file.source, "path", file.source))
    if "://" in str(file.source):
        raise ModelFileError(f"it wants {file.source}, which is not in the package.")
    return name.removeprefix("./")


def _check_nodes(content: Any) -> None:
    # References in YAML can stand for exponentially much, or for themselves.
    left, n = [content], 0
    while left:
        node = left.pop()
        n += 1
        if n > MAX_NODES:
            raise ModelFileError("its description is too long.")
        if isinstance(node, dict):
            left += node.values()
        elif isinstance(node, list):
            left += node


def _has_outside_data(data: bytes) -> bool:
    onnx = packages.onnx()
    try:
        model = onnx.load_model_from_string(data)
    except Exception as err:  # protobuf's own exceptions have no common public base
        raise ModelFileError(f"its ONNX file cannot be read ({err}).") from err
    outside = onnx.TensorProto.EXTERNAL
    functions = [node for f in model.functions for node in f.node]
    return any(t.data_location == outside for t in _tensors(model.graph, functions))


def _tensors(graph: Any, more_nodes: Any = ()) -> Iterator[Any]:
    """Walk through all tensors of a graph and of the graphs within it."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in [*graph.node, *more_nodes]:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for inner in (attribute.g, *attribute.graphs):
                if inner.ByteSize():
                    yield from _tensors(inner)
