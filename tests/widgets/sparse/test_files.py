"""Strokes come back from a file as they were, and can be painted on again."""

import json

import napari.layers
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.core.sparse import SparseLabels
from napari_segen.widgets.colors import colormap, names_in, rename
from napari_segen.widgets.layers import axes_of, level_zero, remember_axes
from napari_segen.widgets.sparse.files import (
    SUFFIX,
    load_strokes,
    reader,
    save_strokes,
    write_strokes,
)
from napari_segen.widgets.sparse.layer import SparseLabelsLayer


def painted(shape=(3, 70_000, 65_000)):
    layer = SparseLabelsLayer(
        SparseLabels(shape),
        name="slide strokes",
        scale=(2.0, 0.5, 0.5),
        translate=(0, 10, 20),
        rotate=np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]),
        affine=np.diag([1, 2, 2, 1.0]),
        units=("pixel", "um", "um"),
        axis_labels=("t", "y", "x"),
        colormap=colormap({2: "#123456"}),
    )
    labels = level_zero(layer)
    labels[1, 69_990:70_000, 60_000:60_400] = 1
    labels[2, 5:9, 7:30] = 2
    rename(layer, {2: "nuclei"})
    remember_axes(layer, "tyx")
    return layer


def assert_same(found, layer):
    ours, theirs = level_zero(found), level_zero(layer)
    assert ours.shape == theirs.shape
    for a, b in zip(ours.labelled(), theirs.labelled(), strict=True):
        assert_array_equal(a, b)
    for key in ("scale", "translate", "rotate", "shear"):
        assert_allclose(getattr(found, key), getattr(layer, key))
    assert_allclose(found.affine.affine_matrix, layer.affine.affine_matrix)
    assert found.units == layer.units
    assert found.axis_labels == layer.axis_labels
    assert found.name == layer.name
    assert names_in(found) == names_in(layer)
    for value in (1, 2):
        assert_allclose(found.get_color(value), layer.get_color(value), atol=1 / 255)
    assert axes_of(found) == axes_of(layer)


def test_a_layer_comes_back(tmp_path):
    layer, path = painted(), tmp_path / f"a{SUFFIX}"
    save_strokes(layer, path)
    assert path.stat().st_size < 20_000
    found = load_strokes(path)
    assert_same(found, layer)
    found.paint((0, 500, 500), 1)
    found.undo()
    assert_same(found, layer)


def test_napari_writes_and_reads_it(tmp_path, make_napari_viewer):
    layer, path = painted(), str(tmp_path / f"b{SUFFIX}")
    data, attributes, kind = layer.as_layer_data_tuple()
    assert kind == "labels"
    assert write_strokes(path, data, attributes) == [path]
    viewer = make_napari_viewer()
    assert reader(path)(path) == [(None,)]
    assert_same(viewer.layers[-1], layer)
    assert viewer.layers[-1].editable
    assert reader("other.npz") is None
    assert reader([path]) is None


def test_a_stock_layer_can_be_kept_in_it_too(tmp_path):
    data = np.zeros((40, 50), np.int32)
    data[3:5, 7:9] = 4
    layer, path = napari.layers.Labels(data), tmp_path / f"c{SUFFIX}"
    save_strokes(layer, path)
    assert_array_equal(np.asarray(level_zero(load_strokes(path))), data)
    layer.data = data * 1000
    with pytest.raises(ValueError, match="beyond 0 to 255"):
        save_strokes(layer, path)


def broken(tmp_path, **changes):
    path = tmp_path / f"d{SUFFIX}"
    save_strokes(painted(), path)
    with np.load(path) as file:
        arrays = dict(file)
    for key, change in changes.items():
        if key in arrays:
            arrays[key] = change(arrays[key])
        else:
            header = json.loads(arrays["header"].tobytes())
            header[key] = change(header[key])
            text = json.dumps(header).encode()
            arrays["header"] = np.frombuffer(text, np.uint8)
    with path.open("wb") as file:  # of a path NumPy would change the name
        np.savez(file, **arrays)
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"tiles": lambda t: t[:, :5]},
        {"tiles": lambda t: t[1:]},
        {"places": lambda p: p + 1000},
        {"places": lambda p: -1 - p},
        {"format": lambda _: 9},
        {"shape": lambda _: [5]},
        {"header": lambda h: h[:-4]},
    ],
)
def test_damaged_files_are_named(tmp_path, changes):
    path = broken(tmp_path, **changes)
    with pytest.raises(ValueError, match="holds no strokes, or is damaged"):
        load_strokes(path)


def test_a_file_of_another_kind_is_named(tmp_path):
    path = tmp_path / f"e{SUFFIX}"
    path.write_bytes(b"no zip")
    with pytest.raises(ValueError, match="holds no strokes"):
        load_strokes(path)
    with pytest.raises(FileNotFoundError):
        load_strokes(tmp_path / "none")
