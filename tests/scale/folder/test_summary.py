import csv
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_segen.core.imagespec import ImageSpec
from napari_segen.scale.folder.summary import in_order, score, write_summary
from napari_segen.workflows.files import ImageFile, read_image, read_labels, write_tiff

VALUES = hnp.arrays(np.uint8, (3, 4), elements=st.integers(1, 3))


def test_a_row_for_each_image_with_the_columns_of_all(tmp_path):
    rows = [
        {"image": 'ä, "b".tif', "area_fraction_10": 0.1, "novelty": None},
        {"image": "c.tif", "error": "bad", "area_fraction_2": 1 / 3, "mean_iou": 1.0},
    ]
    write_summary(tmp_path / "s.csv", rows)
    with open(tmp_path / "s.csv", encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["image"] == 'ä, "b".tif'
    assert (first["area_fraction_10"], first["novelty"], first["error"]) == (
        "0.1",
        "",
        "",
    )
    assert (second["area_fraction_2"], second["error"]) == ("0.333333", "bad")


@given(VALUES, VALUES)
def test_mean_iou_is_that_of_sets_of_pixels(tmp_path_factory, result, truth):
    folder = tmp_path_factory.mktemp("score")
    spec = ImageSpec("yx")
    for name, array in (("r.tif", result), ("t.tif", truth)):
        write_tiff(folder / name, array, spec)
    got = score(
        read_labels(folder / "r.tif"), folder / "t.tif", spec, np.array([1, 2, 3])
    )
    ious = []
    for v in np.unique(truth):
        one, other = (set(np.flatnonzero(a == v)) for a in (result, truth))
        ious.append(len(one & other) / len(one | other))
    assert got == {"mean_iou": pytest.approx(np.mean(ious))}


@given(
    hnp.arrays(np.uint8, (2, 3, 4), elements=st.integers(0, 2)),
    hnp.arrays(np.uint8, (2, 3, 4), elements=st.integers(0, 2)),
)
def test_objects_are_matched_frame_by_frame(tmp_path_factory, result, truth):
    folder = tmp_path_factory.mktemp("score")
    spec = ImageSpec("tyx")
    for name, array in (("r.tif", result), ("t.tif", truth)):
        write_tiff(folder / name, array, spec)
    each = []
    for one, other in zip(result, truth, strict=True):
        pixels = [
            [set(np.flatnonzero(a == v)) for v in np.unique(a[a > 0])]
            for a in (one, other)
        ]
        matched = sum(
            len(a & b) > 0.5 * len(a | b) for a, b in itertools.product(*pixels)
        )
        n = len(pixels[0]) + len(pixels[1]) - matched
        each.append(matched / n if n else 1.0)
    got = score(read_labels(folder / "r.tif"), folder / "t.tif", spec, None)
    assert got == {"average_precision": pytest.approx(np.mean(each))}


def test_truth_of_another_shape_or_with_other_values(tmp_path):
    spec = ImageSpec("yx")
    write_tiff(tmp_path / "r.tif", np.ones((3, 4), np.uint8), spec)
    write_tiff(tmp_path / "wide.tif", np.ones((3, 5), np.uint8), spec)
    write_tiff(tmp_path / "ids.tif", np.full((3, 4), 9, np.uint8), spec)
    classes = np.array([1, 2])
    with pytest.raises(ValueError, match=r"wide.* shape \(3, 5\)"):
        score(read_labels(tmp_path / "r.tif"), tmp_path / "wide.tif", spec, classes)
    with pytest.raises(ValueError, match=r"ids.*holds 9.*--objects"):
        score(read_labels(tmp_path / "r.tif"), tmp_path / "ids.tif", spec, classes)


def test_axes_come_back_in_the_order_of_the_image(tmp_path):
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_tiff(tmp_path / "a.tif", labels, ImageSpec("zxy"))
    read = read_image(tmp_path / "a.tif")
    assert read.axes == "zyx"
    np.testing.assert_array_equal(in_order(read, "zxy"), labels)
    plain = ImageFile("a.tif", labels)
    assert in_order(plain, "zxy") is labels
