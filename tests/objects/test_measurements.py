import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from skimage.measure import regionprops_table
from tests.objects.shapes import ball, blobs

import napari_segen as ns

# Ours, and what scikit-image calls it.
SAME = {
    "label": "label",
    "pixels": "num_pixels",
    "centroid_y": "centroid-0",
    "centroid_x": "centroid-1",
    "start_y": "bbox-0",
    "start_x": "bbox-1",
    "stop_y": "bbox-2",
    "stop_x": "bbox-3",
    "equivalent_diameter": "equivalent_diameter_area",
    "major_axis": "axis_major_length",
    "minor_axis": "axis_minor_length",
    "eccentricity": "eccentricity",
    "mean": "intensity_mean",
    "min": "intensity_min",
    "max": "intensity_max",
}
THEIRS = (
    "label",
    "num_pixels",
    "area",
    "centroid",
    "bbox",
    "equivalent_diameter_area",
    "axis_major_length",
    "axis_minor_length",
    "intensity_mean",
    "intensity_min",
    "intensity_max",
)
AXES = ("axis_major_length", "axis_minor_length")


def numbered_blobs(seed, shape=(64, 72)):
    return ndimage.label(blobs(seed, shape))[0]


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@given(st.integers(0, 999), st.sampled_from([(1.0, 1.0), (0.5, 0.5), (2.0, 0.3)]))
def test_planes_are_measured_as_scikit_image_does(seed, sampling):
    ids = numbered_blobs(seed)
    image = noise(ids.shape, seed)
    table = ns.measure(ids, image, ns.ImageSpec("yx", sampling))
    wanted = (*THEIRS, "eccentricity")
    theirs = regionprops_table(ids, image, properties=wanted, spacing=sampling)
    for name, other in SAME.items():
        assert_allclose(table[name], theirs[other], rtol=1e-9, atol=1e-6, err_msg=name)
    assert_allclose(table["area"], theirs["area"])


@given(st.integers(0, 999))
def test_volumes_are_measured_as_scikit_image_does(seed):
    sampling = (2.0, 0.5, 1.0)
    ids, _ = ndimage.label(blobs(seed, (12, 30, 34), sigma=2.0))
    image = noise(ids.shape, seed)
    table = ns.measure(ids, image, ns.ImageSpec("zyx", sampling))
    others = [name for name in THEIRS if name not in AXES]
    theirs = regionprops_table(ids, image, properties=others, spacing=sampling)
    assert_allclose(table["volume"], theirs["area"])
    assert_allclose(table["centroid_z"], theirs["centroid-0"])
    assert_allclose(table["stop_x"], theirs["bbox-5"])
    for name in ("equivalent_diameter", "mean"):
        assert_allclose(table[name], theirs[SAME[name]])
    # Where an object is flat, theirs loses half the digits and warns, or raises.
    thick = table[table["minor_axis"] > 1e-3]
    thick_ids = np.where(np.isin(ids, thick["label"]), ids, 0)
    theirs = regionprops_table(thick_ids, properties=AXES, spacing=sampling)
    for name in ("major_axis", "minor_axis"):
        assert_allclose(thick[name], theirs[SAME[name]], rtol=1e-6)


@given(st.integers(0, 999), st.sampled_from([0.25, 1.0, 3.0]))
def test_the_perimeter_is_that_of_scikit_image(seed, size):
    ids = numbered_blobs(seed)
    table = ns.measure(ids, spec=ns.ImageSpec("yx", (size, size)))
    theirs = regionprops_table(ids, properties=("perimeter",), spacing=(size, size))
    assert_allclose(table["perimeter"], theirs["perimeter"])


def test_objects_that_touch_have_the_outlines_that_they_have_alone():
    ids = np.zeros((20, 30), int)
    ids[4:14, 3:12], ids[4:14, 12:25] = 7, 3
    both = ns.measure(ids).set_index("label")
    for label in (3, 7):
        alone = ns.measure(np.where(ids == label, label, 0)).set_index("label")
        assert_array_equal(both.loc[label], alone.loc[label])


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.1, 10), st.floats(0.1, 10))
def test_a_rectangle_has_what_its_formulas_say(height, width, dy, dx):
    ids = np.zeros((14, 15), np.uint8)
    ids[2 : 2 + height, 3 : 3 + width] = 5
    (row,) = ns.measure(ids, spec=ns.ImageSpec("yx", (dy, dx))).to_dict("records")
    assert row["label"] == 5
    assert row["area"] == pytest.approx(height * dy * width * dx)
    assert row["centroid_y"] == pytest.approx((2 + (height - 1) / 2) * dy)
    assert (row["start_x"], row["stop_x"]) == (3, 3 + width)
    assert row["solidity"] == 1
    # The variance of n equally spaced points is (n^2 - 1) / 12 of their distance.
    spreads = [(n**2 - 1) / 12 * s**2 for n, s in ((height, dy), (width, dx))]
    axes = sorted(4 * np.sqrt(spreads))
    assert [row["minor_axis"], row["major_axis"]] == pytest.approx(axes, abs=1e-6)


def test_a_ball_is_as_large_and_round_as_it_is():
    sampling = (1.5, 0.5, 0.5)
    mask = ball((40, 120, 120), (29, 30, 30), 20, sampling)
    spec = ns.ImageSpec("zyx", sampling, "micrometer")
    (row,) = ns.measure(mask, spec=spec).to_dict("records")
    assert row["volume"] == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.01)
    for name in ("equivalent_diameter", "major_axis", "minor_axis"):
        assert row[name] == pytest.approx(40, rel=0.02)
    assert row["solidity"] > 0.92
    assert row["centroid_z"] == pytest.approx(29, abs=0.8)


def test_of_all_shapes_a_disc_has_the_highest_circularity():
    (row,) = ns.measure(ball((220, 220), (110, 110), 100)).to_dict("records")
    assert row["circularity"] == pytest.approx(0.9, abs=0.03)
    square = np.ones((180, 180), np.uint8)
    square = np.pad(square, 5)
    assert ns.measure(square)["circularity"][0] < row["circularity"] - 0.05
    assert row["eccentricity"] < 0.02
    assert row["solidity"] > 0.97


def test_the_solidity_is_the_share_of_the_hull():
    ids = np.zeros((12, 12), int)
    ids[2:8, 2:4], ids[6:8, 2:8] = 1, 1
    (row,) = ns.measure(ids).to_dict("records")
    # An L of 20 in a square of 36, less the triangle beyond the hull.
    assert row["solidity"] == pytest.approx(20 / (36 - 4 * 4 / 2))


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 4)])
def test_a_single_pixel_and_a_line_can_be_measured(shape):
    ids = np.zeros(shape, int)
    ids[..., 0, 0], ids[..., 2 if len(shape) == 2 else 1, :] = 1, 2
    table = ns.measure(ids)
    assert (table["solidity"] == 1).all()
    assert table["pixels"].tolist() == [int(i) for i in np.bincount(ids.ravel())[1:]]
    if len(shape) == 2:
        assert np.isnan(table["circularity"][0])


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint64"])
def test_ids_may_have_gaps_and_be_large(dtype):
    ids = np.zeros((6, 6), dtype)
    top = min(np.iinfo(dtype).max, 2**63 - 1)
    ids[0, :3], ids[3:, 2] = top, 9
    table = ns.measure(ids)
    assert table["label"].tolist() == [9, top]
    assert table["pixels"].tolist() == [3, 3]


@given(st.integers(0, 99))
def test_permuting_the_ids_permutes_the_rows(seed):
    ids = numbered_blobs(seed)
    order = np.random.default_rng(seed).permutation(ids.max()) + 1
    new = np.concatenate([[0], order])[ids]
    one = ns.measure(ids)
    other = ns.measure(new)
    one["label"] = order[one["label"] - 1]
    assert_array_equal(one.sort_values("label"), other)


@pytest.mark.parametrize("axes", ["tyx", "yxt", "ntyx"])
def test_each_frame_has_rows_of_its_own(axes):
    rng = np.random.default_rng(0)
    shape = {"t": 3, "n": 2, "y": 20, "x": 22}
    ids = np.zeros([shape[a] for a in axes], int)
    lead = [a for a in axes if a in "tn"]
    table_of = {}
    for at in np.ndindex(*(shape[a] for a in lead)):
        plane = ndimage.label(rng.random((20, 22)) < 0.3)[0]
        where = [slice(None)] * len(axes)
        for a, i in zip(lead, at, strict=True):
            where[axes.index(a)] = i
        ids[tuple(where)] = plane
        # In axes' order: row by row as the frames are counted.
        table_of[tuple(at)] = ns.measure(plane)
    table = ns.measure(ids, spec=ns.ImageSpec(axes))
    assert table.columns[: 1 + len(lead)].tolist() == ["label", *lead]
    for at, alone in table_of.items():
        own = table[(table[lead] == list(at)).all(axis=1)].drop(columns=lead)
        assert_array_equal(own, alone)
    assert len(table) == sum(map(len, table_of.values()))


def test_every_channel_is_measured():
    ids = numbered_blobs(1)
    image = noise((*ids.shape, 3))
    table = ns.measure(ids, image)
    for c in range(3):
        alone = ns.measure(ids, image[..., c])
        for name in ("mean", "min", "max"):
            assert_array_equal(table[f"{name}_{c}"], alone[name])
    first = ns.measure(ids, np.moveaxis(image, -1, 0), ns.ImageSpec("cyx"))
    assert_array_equal(first, table)


def test_pixels_without_data_do_not_count_for_the_brightness():
    ids = np.array([[1, 1, 1, 2]])
    image = np.array([[1.0, np.nan, 3.0, np.inf]])
    table = ns.measure(ids, image)
    assert table["mean"][0] == 2
    assert table.loc[1, ["mean", "min", "max"]].isna().all()
    assert table["pixels"].tolist() == [3, 1]


@pytest.mark.parametrize("shape", [(4, 4), (1, 1), (2, 3, 4)])
def test_without_objects_there_are_columns_without_rows(shape):
    table = ns.measure(np.zeros(shape, int), np.zeros(shape))
    assert len(table) == 0
    full = ns.measure(np.ones(shape, int), np.zeros(shape))
    assert table.columns.tolist() == full.columns.tolist()


def test_units_are_told():
    spec = ns.ImageSpec("zyx", (2.0, 1.0, 1.0), "micrometer")
    table = ns.measure(np.ones((3, 4, 5), int), spec=spec)
    units = table.attrs["units"]
    assert units["volume"] == "micrometer^3"
    assert units["centroid_z"] == units["major_axis"] == "micrometer"
    assert units["start_x"] == "pixel"
    assert set(units) <= set(table.columns)
    assert "solidity" not in units


def test_slabs_give_what_the_whole_image_gives(monkeypatch):
    ids, _ = ndimage.label(blobs(5, (20, 30, 34), sigma=2.0))
    image = noise(ids.shape)
    whole = ns.measure(ids, image)
    monkeypatch.setattr("napari_segen.objects.sums.PIXELS_AT_ONCE", 2500)
    steps = []
    measuring = ns.measure_steps(ids, image)
    while True:
        try:
            steps.append(next(measuring))
        except StopIteration as end:
            assert_allclose(end.value, whole, rtol=1e-9)
            break
    assert len(steps) > 20
    assert all(0 <= s.done <= s.total for s in steps)


def test_nothing_is_written_to():
    ids, image = numbered_blobs(2), noise((64, 72))
    before = ids.copy(), image.copy()
    ids.setflags(write=False)
    image.setflags(write=False)
    ns.measure(ids, image)
    assert_array_equal(ids, before[0])
    assert_array_equal(image, before[1])


WRONG = {
    "labels must be integers": (TypeError, (np.zeros((4, 4)),), {}),
    "labels must not be negative": (ValueError, (np.full((4, 4), -1),), {}),
    "image must hold real numbers": (
        TypeError,
        (np.zeros((4, 4), int), np.zeros((4, 4), complex)),
        {},
    ),
    "labels must have the shape": (
        ValueError,
        (np.zeros((4, 4), int), np.zeros((4, 5))),
        {},
    ),
    "spec=ImageSpec": (ValueError, (np.zeros((4, 4, 4, 4), int),), {}),
    "spec must be an ImageSpec": (
        TypeError,
        (np.zeros((4, 4), int),),
        {"spec": "yx"},
    ),
    "labels has 2 axes": (
        ValueError,
        (np.zeros((4, 4), int),),
        {"spec": ns.ImageSpec("tyx")},
    ),
}


@pytest.mark.parametrize("words", WRONG)
def test_bad_input_is_refused_with_its_name(words):
    error, args, options = WRONG[words]
    with pytest.raises(error, match=words):
        ns.measure(*args, **options)
