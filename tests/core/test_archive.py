import errno
import hashlib
import io
import json
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.strategies import images

from napari_segen.core import archive
from napari_segen.core.archive import read_archive, write_archive, written_whole
from napari_segen.core.errors import ModelFileError

ARRAYS = {
    "weights.0": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
    "ids": np.arange(5, dtype=np.int64),
}
HEADER = {"classes": [1, 2], "deep": {"name": "ü", "none": None}}


def model_bytes():
    stream = io.BytesIO()
    _write_zip(stream, *_contents())
    return stream.getvalue()


def _npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


def _contents(array=ARRAYS["ids"], data=None, entry=(), **header):
    """Header and members of a model with one array, with deliberate lies."""
    data = _npy(array, allow_pickle=False) if data is None else data
    table = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "shape": list(array.shape),
        "dtype": array.dtype.str,
        **dict(entry),
    }
    document = {
        "format": "napari-segen",
        "format_version": 1,
        "kind": "test",
        "arrays": {"ids": table},
        **header,
    }
    return document, {"arrays/ids.npy": data}


def _write_zip(target, document, members, compression=zipfile.ZIP_STORED):
    text = document if isinstance(document, str) else json.dumps(document)
    with zipfile.ZipFile(target, "w", compression) as file:
        if text:
            file.writestr("model.json", text)
        for name, data in members.items():
            file.writestr(name, data)


def refused(path):
    """Assert that a file is refused, and cheaply; return the message."""
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError) as caught:
            read_archive(path)
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()
    return str(caught.value)


@pytest.fixture
def model(tmp_path):
    return tmp_path / "m.segen"


def test_what_was_written_is_read(model):
    write_archive(model, "test", HEADER, ARRAYS)
    header, arrays = read_archive(model)
    assert header["kind"] == "test"
    assert {k: header[k] for k in HEADER} == HEADER
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert_array_equal(arrays[name], array)


@given(st.lists(images(), max_size=3))
def test_arrays_of_every_type_shape_and_layout_survive(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("model") / "m.segen"
    found += [np.zeros((0, 3)), np.array(["a", "bc"]), np.array(3.5)]
    found += [np.asfortranarray(found[0]), found[0][::-1]]
    arrays = {f"a{i}": a for i, a in enumerate(found)}
    write_archive(path, "test", {}, arrays)
    _, again = read_archive(path)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        assert again[name].shape == array.shape
        assert_array_equal(again[name], array)


def test_the_same_contents_make_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_archive(tmp_path / name, "test", HEADER, ARRAYS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("header", "arrays", "error"),
    [
        ({"score": float("nan")}, {}, ValueError),
        ({"what": object()}, {}, TypeError),
        ({}, {"../up": ARRAYS["ids"]}, ValueError),
        ({}, {"": ARRAYS["ids"]}, ValueError),
        ({}, {"o": np.array([object()])}, ValueError),
    ],
)
def test_what_cannot_be_read_back_is_not_written(model, header, arrays, error):
    with pytest.raises(error):
        write_archive(model, "test", header, arrays)
    assert not list(model.parent.iterdir())


def test_a_file_cut_at_any_byte_is_refused(model):
    whole = model_bytes()
    for n in [*range(0, len(whole), 23), len(whole) - 1]:
        model.write_bytes(whole[:n])
        refused(model)


@given(st.data())
def test_a_flipped_bit_is_noticed_or_harmless(tmp_path_factory, data):
    whole = bytearray(model_bytes())
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    path = tmp_path_factory.mktemp("model") / "m.segen"
    path.write_bytes(whole)
    try:
        _, arrays = read_archive(path)
    except ModelFileError:
        return
    assert_array_equal(arrays["ids"], ARRAYS["ids"])


def test_every_bit_of_an_array_is_covered_by_its_hash(model):
    whole = model_bytes()
    at = whole.index(ARRAYS["ids"].tobytes())
    for i in range(at, at + ARRAYS["ids"].nbytes):
        model.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        refused(model)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"\x89PNG\r\n\x1a\n" + b"0" * 100, b"{}", os.urandom(1000)],
)
def test_a_foreign_file_is_refused_by_name(model, content):
    model.write_bytes(content)
    assert str(model) in refused(model)


def test_a_foreign_zip_is_refused(model):
    with zipfile.ZipFile(model, "w") as file:
        file.writestr("word/document.xml", "<xml/>")
    assert "not a napari-segen model" in refused(model)


@pytest.mark.parametrize("lie", [{}, {"file_size": 2**32}], ids=["bomb", "huge"])
def test_a_compressed_bomb_is_not_inflated(model, lie):
    document, _ = _contents(entry=lie)
    bomb = {"arrays/ids.npy": bytes(200 * 2**20)}
    _write_zip(model, document, bomb, zipfile.ZIP_DEFLATED)
    assert "compressed" in refused(model)


def test_a_member_that_claims_gigabytes_of_a_small_file_is_not_read(model):
    n = 2**28
    document, members = _contents(entry={"shape": [n]})
    _write_zip(model, document, members)
    size = len(members["arrays/ids.npy"]).to_bytes(4, "little")
    content = model.read_bytes()
    assert content.count(2 * size) == 2
    model.write_bytes(content.replace(2 * size, 2 * (8 * n).to_bytes(4, "little")))
    assert "bytes" in refused(model)


def test_a_name_that_occurs_twice_is_refused(model):
    document, members = _contents()
    _write_zip(model, document, members)
    with (
        zipfile.ZipFile(model, "a") as file,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        file.writestr("arrays/ids.npy", b"other")
    assert "twice" in refused(model)


@pytest.mark.parametrize(
    "name",
    ["../evil.npy", "/etc/evil", "arrays/../ids.npy", "arrays/extra.npy", "x.py"],
)
def test_members_that_the_header_does_not_list_are_refused(model, name):
    document, members = _contents()
    _write_zip(model, document, members | {name: b"evil"})
    assert "disagree" in refused(model)


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "a" * 101, "ü"])
def test_array_names_with_odd_letters_are_refused(model, name):
    document, members = _contents()
    document["arrays"][name] = document["arrays"].pop("ids")
    _write_zip(model, document, {f"arrays/{name}.npy": members["arrays/ids.npy"]})
    assert "not allowed" in refused(model)


class Evil:
    ran = False

    def __reduce__(self):
        return setattr, (Evil, "ran", True)


@pytest.mark.parametrize("dtype", ["|O", "<i8"])
def test_a_pickle_is_not_run(model, dtype):
    data = _npy(np.array([Evil()], object), allow_pickle=True)
    array = np.zeros(1, np.int64)
    _write_zip(model, *_contents(array, data, {"dtype": dtype}))
    refused(model)
    assert not Evil.ran


def test_a_bare_pickle_in_place_of_an_array_is_refused(model):
    import pickle

    _write_zip(model, *_contents(data=pickle.dumps(Evil())))
    refused(model)
    assert not Evil.ran


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [4]},
        {"shape": [6]},
        {"shape": [5, 1]},
        {"shape": [-5]},
        {"shape": [2**39, 2**39]},
        {"shape": [2**50]},
        {"shape": [2**36]},
        {"shape": [5.0]},
        {"shape": [True]},
        {"shape": ["5"]},
        {"shape": None},
        {"shape": 5},
        {"shape": [1] * 100},
        {"dtype": "<f8"},
        {"dtype": "<i4"},
        {"dtype": "|O"},
        {"dtype": "|V8"},
        {"dtype": "<U2000000000"},
        {"dtype": "<c16"},
        {"dtype": "<M8[s]"},
        {"dtype": "nonsense"},
        {"dtype": [["a", "<i8"]]},
        {"dtype": None},
        {"dtype": 7},
        {"sha256": "0" * 64},
        {"sha256": None},
    ],
    ids=str,
)
def test_a_lie_about_an_array_is_refused(model, entry):
    _write_zip(model, *_contents(entry=entry))
    refused(model)


@pytest.mark.parametrize("table", [[], None, "ids", {"ids": None}, {"ids": []}])
def test_an_odd_table_of_arrays_is_refused(model, table):
    document, members = _contents()
    _write_zip(model, document | {"arrays": table}, members)
    refused(model)


def test_an_npy_header_that_claims_a_huge_array_makes_none(model):
    data = _npy(ARRAYS["ids"]).replace(b"(5,), }" + b" " * 12, b"(1099511627776,), }")
    assert b"1099511627776" in data
    _write_zip(model, *_contents(data=data))
    refused(model)


def test_an_npy_header_larger_than_the_file_is_refused(model):
    data = bytearray(_npy(ARRAYS["ids"]))
    data[8:10] = b"\xff\xff"
    _write_zip(model, *_contents(data=bytes(data)))
    refused(model)


@pytest.mark.parametrize("version", [0, 2, 99, -1, "1", None, 1.0, True, [1]])
def test_an_unknown_format_version_is_refused(model, version):
    document, members = _contents(format_version=version)
    _write_zip(model, document, members)
    assert "format version" in refused(model)


@pytest.mark.parametrize("change", [{"format": "other"}, {"kind": 3}, {"kind": None}])
def test_a_header_of_something_else_is_refused(model, change):
    _write_zip(model, *_contents(**change))
    refused(model)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_does_not_have_are_refused(model, constant):
    document, members = _contents(score="SCORE")
    text = json.dumps(document).replace('"SCORE"', constant)
    _write_zip(model, text, members)
    assert "holds" in refused(model)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"format": "napari-segen", "format_version": 1' + "0" * 10_000 + "}",
        "[]",
        "3",
        '{"format"',
        '"\\ud800"',
        '{"format": "napari-segen"}',
    ],
    ids=["deep list", "deep object", "long number", "list", "3", "cut", "half", "bare"],
)
def test_an_odd_header_is_refused(model, text):
    _, members = _contents()
    _write_zip(model, text, members)
    refused(model)


def test_a_header_that_is_not_unicode_is_refused(model):
    with zipfile.ZipFile(model, "w") as file:
        file.writestr("model.json", b"\xff\xfe\x00{")
    refused(model)


def test_a_header_of_many_megabytes_is_not_read(model):
    document, members = _contents(padding="x" * (archive.MAX_HEADER_BYTES + 1))
    _write_zip(model, document, members)
    assert "bytes, over" in refused(model)


def test_thousands_of_members_are_refused(model):
    document, _ = _contents()
    _write_zip(model, document, {f"arrays/{i}.npy": b"" for i in range(10_002)})
    assert "10003 files" in refused(model)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "none.segen")
    with pytest.raises(OSError, match="directory"):
        read_archive(tmp_path)


def test_an_interrupted_write_leaves_the_old_file(model):
    model.write_bytes(b"old")

    def write_half():
        with written_whole(model) as file:
            file.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert model.read_bytes() == b"old"
    assert list(model.parent.iterdir()) == [model]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_no_other(model, monkeypatch, function):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    model.write_bytes(b"old")
    monkeypatch.setattr(archive.os, function, full)
    with pytest.raises(OSError, match="No space left"):
        write_archive(model, "test", HEADER, ARRAYS)
    assert model.read_bytes() == b"old"
    assert list(model.parent.iterdir()) == [model]


def test_a_killed_process_leaves_the_old_file(model):
    import subprocess
    import sys

    model.write_bytes(b"old")
    code = (
        "import os, sys; from napari_segen.core.archive import written_whole\n"
        "with written_whole(sys.argv[1]) as f: f.write(b'new'); f.flush(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(model)], check=False)
    assert model.read_bytes() == b"old"


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"m\.segen'$"):
        write_archive(tmp_path / "no" / "m.segen", "test", HEADER, ARRAYS)
    with pytest.raises(IsADirectoryError):
        write_archive(tmp_path, "test", HEADER, ARRAYS)


def test_a_new_file_may_be_read_by_whom_the_umask_allows(model):
    old = os.umask(0o022)
    try:
        write_archive(model, "test", HEADER, ARRAYS)
    finally:
        os.umask(old)
    if os.name == "posix":
        assert model.stat().st_mode & 0o777 == 0o644
