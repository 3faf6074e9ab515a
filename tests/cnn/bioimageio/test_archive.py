"""Nothing of a package is run, fetched, or believed before it is checked."""

import struct
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from tests.cnn.bioimageio.hand_made import (
    filter_file,
    filter_files,
    filter_package,
    npy,
    write_zip,
)

import napari_segen as ns
from napari_segen.cnn.bioimageio import archive
from napari_segen.core.errors import ModelFileError

IMAGE = np.arange(400.0).reshape(20, 20)


def refused(path, words):
    with pytest.raises(ModelFileError, match=words) as caught:
        ns.load(path).predict(IMAGE)
    return caught


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/evil", "a/../../evil", "C:evil", "..\\evil"]
)
def test_names_that_leave_the_package_are_refused(tmp_path, name):
    files = filter_files() | {name: b"x"}
    assert "p.zip" in str(refused(write_zip(tmp_path / "p.zip", files), "name").value)


def test_a_name_that_is_there_twice_is_refused(tmp_path):
    path = filter_package(tmp_path / "p.zip")
    with (
        pytest.warns(UserWarning, match="Duplicate"),
        zipfile.ZipFile(path, "a") as zipped,
    ):
        zipped.writestr("net.onnx", b"other")
    refused(path, "twice")


def test_two_descriptions_are_refused(tmp_path):
    files = filter_files()
    files["model.yaml"] = files["rdf.yaml"]
    refused(write_zip(tmp_path / "p.zip", files), "2 descriptions")


def test_too_many_files_are_refused(tmp_path):
    files = filter_files() | {f"{i}.txt": b"" for i in range(archive.MAX_FILES)}
    refused(write_zip(tmp_path / "p.zip", files), "files")


@pytest.mark.parametrize(
    ("limit", "name"),
    [("MAX_WEIGHTS_BYTES", "net.onnx"), ("MAX_DESCRIPTION_BYTES", "rdf.yaml")],
)
def test_what_is_too_large_is_refused_before_it_is_unpacked(
    tmp_path, monkeypatch, limit, name
):
    monkeypatch.setattr(archive, limit, 100)
    refused(filter_package(tmp_path / "p.zip"), f"{name} has [0-9]+ bytes, over 100")


def test_a_member_that_lies_about_its_size_is_refused(tmp_path):
    """What unpacks to more than it says fails, rather than filling the memory."""
    path = filter_package(tmp_path / "p.zip")
    data = bytearray(path.read_bytes())
    # The sizes in the central directory, after unpacking; offset 24 of the entry.
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"net.onnx"))
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    refused(path, "damaged")


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.98])
def test_half_a_package_is_refused(tmp_path, keep):
    path = filter_package(tmp_path / "p.zip")
    data = path.read_bytes()
    path.write_bytes(data[: round(keep * len(data))])
    refused(path, "damaged|not a napari-segen model")


@pytest.mark.parametrize("seed", range(8))
def test_flipped_bytes_never_give_another_error(tmp_path, seed):
    rng = np.random.default_rng(seed)
    path = filter_package(tmp_path / "p.zip")
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    data[rng.integers(len(data), size=5)] ^= 0xFF
    path.write_bytes(data.tobytes())
    with suppress(ModelFileError):
        ns.load(path).predict(IMAGE)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe",
        b"- a list",
        b"a: [",
        b"1: 2",
        b"a: &a [*a]",
        # ten levels of ten: 10 ** 10 entries when written out
        b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n".encode()
            for i in range(1, 10)
        ),
        b"!!python/object/apply:os.system ['touch evil']",
        b"{}",
    ],
    ids=["bytes", "list", "open", "number", "itself", "bomb", "code", "empty"],
)
def test_descriptions_that_are_none(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    refused(write_zip("p.zip", filter_files() | {"rdf.yaml": text}), "p.zip: ")
    assert not (tmp_path / "evil").exists()


def test_values_from_another_file_are_refused(tmp_path, monkeypatch):
    """An ONNX file can ask for bytes of any file that the runtime can read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(bytes(36))
    net = filter_file()
    (held,) = net.graph.initializer
    held.ClearField("raw_data")
    held.data_location = held.EXTERNAL
    held.external_data.add(key="location", value="secret")
    files = filter_files(lambda d: d["weights"]["onnx"].pop("sha256"))
    path = write_zip("p.zip", files | {"net.onnx": net.SerializeToString()})
    refused(path, "values from another file")


def test_what_is_no_network_is_refused(tmp_path):
    files = filter_files(lambda d: d["weights"]["onnx"].pop("sha256"))
    path = write_zip(tmp_path / "p.zip", files | {"net.onnx": b"no network"})
    refused(path, "ONNX|network")


def test_test_tensors_with_objects_are_not_unpickled(tmp_path):
    tensor = npy(np.array([{}], dtype=object))
    path = write_zip(tmp_path / "p.zip", filter_files() | {"in.npy": tensor})
    with pytest.raises(ModelFileError, match="is no array"):
        ns.load(path).check_test_tensors()


def test_loading_asks_nothing_of_the_network(tmp_path, monkeypatch):
    import socket

    def never(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)

    def change(d):
        d["git_repo"] = "https://github.com/example/example"
        d["authors"][0]["github_user"] = "example"
        d["covers"] = ["https://example.org/cover.png"]

    ns.load(filter_package(tmp_path / "p.zip", change)).predict(IMAGE)


def test_a_zip_without_description_is_still_no_model(tmp_path):
    files = filter_files()
    del files["rdf.yaml"]
    refused(write_zip(tmp_path / "p.zip", files), "not a napari-segen model")
