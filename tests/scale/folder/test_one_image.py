import csv

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage
from tests.scale.fields import field

import napari_segen as ns
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import Segmentation
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import Step, run
from napari_segen.scale.folder.one_image import BLANK, UNLIKE, image_steps, spec_for
from napari_segen.scale.folder.settings import ObjectSettings, Settings, check_settings
from napari_segen.scale.folder.summary import write_measurements
from napari_segen.workflows.files import ImageFile

SQUARES = Settings(objects=ObjectSettings((2,)))


@pytest.fixture(scope="module")
def model(model_path):
    return ns.load(model_path)


def found(model, array, settings=SQUARES, axes=None, **more):
    return run(image_steps(model, ImageFile("a.tif", array, axes, **more), settings))


@pytest.mark.parametrize(
    ("file_axes", "fitted", "said", "expected"),
    [
        ("yx", "yx", None, "yx"),
        (None, "tyx", None, "tyx"),
        ("cyx", "yxc", None, "cyx"),  # the same axes in another order
        ("zyx", "tyx", None, "tyx"),  # what was said in training
        ("tyx", "yx", None, "tyx"),  # more of them
        ("zyx", "yx", "tyx", "tyx"),  # what is said now
    ],
)
def test_which_axes_a_new_image_has(file_axes, fitted, said, expected):
    shape = (2,) * len(said or file_axes or fitted)
    file = ImageFile("a.tif", np.zeros(shape), file_axes)
    assert spec_for(file, ImageSpec(fitted), said).axes == expected


def test_the_pixel_size_of_the_new_image_counts():
    file = ImageFile("a.tif", np.zeros((2, 2)), "yx", (0.5, 0.5), "um")
    spec = spec_for(file, ImageSpec("yx", (3.0, 3.0), "mm"), None)
    assert (spec.pixel_size, spec.unit) == ((0.5, 0.5), "um")


def test_the_results_are_the_models(model):
    image, _ = field(1)
    got = found(model, image)
    assert_array_equal(got.arrays["labels"], model.predict(image))
    assert_array_equal(got.arrays["posterior"], model.predict_proba(image))
    assert_array_equal(got.arrays["uncertainty"], model.uncertainty(image))


def test_the_row_says_what_plain_sums_say(model):
    image, _ = field(1)
    got = found(model, image, pixel_size=(0.5, 0.5), unit="um", axes="yx")
    labels, row = model.predict(image), got.row
    for value in (1, 2):
        assert row[f"area_fraction_{value}"] == pytest.approx(np.mean(labels == value))
    assert row["intensity"] == pytest.approx(image.mean())
    assert row["novelty"] == pytest.approx(np.median(model.novelty(image)))
    ids, n = ndimage.label(got.arrays["objects"] > 0)
    assert row["objects"] == n == 3
    sizes = ndimage.sum_labels(ids > 0, ids, range(1, n + 1))
    means = ndimage.mean(image, ids, range(1, n + 1))
    assert row["object_area"] == pytest.approx(0.25 * sizes.mean())
    assert row["object_intensity"] == pytest.approx(np.mean(means))
    assert (row["unit"], row["dtype"]) == ("um", "uint8")


def test_a_file_without_pixel_size_is_refused_where_it_matters():
    image, truth = field(0)
    strokes = np.where(truth > 0, 2, 1).astype(np.uint8)
    spec = ImageSpec("yx", (0.5, 0.5), "um")
    model = ns.ProbabilisticSegmenter("bayes", sigmas=(1.0,), sigma_unit="physical")
    model.fit(image, strokes, spec=spec)
    with pytest.raises(ValueError, match=r"tells no pixel size .* learnt .* in um"):
        found(model, image)
    with pytest.raises(ValueError, match=r"unit: nm\)"):
        found(model, image, axes="yx", pixel_size=(500.0, 500.0), unit="nm")
    got = found(model, image, axes="yx", pixel_size=(0.5, 0.5), unit="um")
    assert_array_equal(got.arrays["labels"], model.predict(image, spec=spec))


def test_pixels_without_data_do_not_count(model):
    image = field(1)[0].astype(float)
    image[:20] = np.nan
    row = found(model, image).row
    labels = model.predict(image)[20:]
    assert row["area_fraction_2"] == pytest.approx(np.mean(labels == 2))
    assert row["intensity"] == pytest.approx(np.nanmean(image))


def test_an_image_without_objects_has_no_mean_of_them(model):
    image = np.random.default_rng(0).normal(60, 6, (40, 44)).clip(0).astype(np.uint8)
    row = found(model, image).row
    assert row["objects"] == 0
    assert row["object_area"] is None


def test_blank_and_unlike_images_are_flagged(model):
    usual = field(1)[0]
    assert found(model, usual).row["flag"] == ""
    assert found(model, np.full_like(usual, 7)).row["flag"] == BLANK
    assert found(model, np.full(usual.shape, np.nan)).row["flag"] == BLANK
    noise = np.random.default_rng(0).integers(0, 255, usual.shape).astype(np.uint8)
    row = found(model, noise).row
    assert row["flag"] == UNLIKE
    assert "distributed otherwise" in row["reason"]


def test_which_frames_of_a_film_are_blank(model):
    usual = field(1)[0]
    row = found(model, np.stack([usual, 0 * usual, usual]), axes="tyx").row
    assert row["flag"] == BLANK
    assert row["reason"].startswith("1 of 3 frames (1): ")


class Network:
    """What counts of a network that tells objects."""

    kind, task, spec_ = "cnn", "instances", ImageSpec("yx")
    classes_ = np.array([0, 1])

    def __init__(self, image):
        self.normalization_ = Normalization().fit([image[np.newaxis, np.newaxis]])

    def segment_steps(self, image, *, spec):
        yield Step(0, 0, "")
        ids = ndimage.label(np.asarray(image) > 100)[0].astype(np.int32)
        p = np.stack([ids == 0, ids > 0]).astype(np.float32)
        return Segmentation(p, ids, np.zeros(ids.shape, np.float32))


def test_a_networks_objects_are_counted_and_nearly_empty_images_flagged():
    usual, truth = field(1)
    network = Network(usual)
    got = found(network, usual, Settings(measurements=True))
    assert got.row["objects"] == 3
    assert got.row["area_fraction"] == pytest.approx(np.mean(truth > 0))
    assert got.arrays["labels"].dtype == np.uint8
    assert len(got.table) == 3
    faint = np.random.default_rng(0).normal(60, 3, usual.shape)
    assert found(network, faint, Settings()).row["flag"] == BLANK
    assert found(network, usual // 2, Settings()).row["flag"] == ""


def test_the_table_has_units(model, tmp_path):
    got = found(model, field(1)[0], pixel_size=(0.5, 0.5), unit="µm", axes="yx")
    write_measurements(tmp_path / "t.csv", got.table)
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert "area [µm^2]" in rows[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(axes="tyxq"), "axes may use the letters"),
        (Settings(rescale=True), "--rescale"),
        (Settings(measurements=True), "such as --objects 2"),
        (Settings(objects=ObjectSettings((3,))), r"\[1, 2\]\), got 3"),
        (Settings(objects=ObjectSettings((2,), 7)), "got 7"),
    ],
)
def test_what_a_model_cannot_do_is_said_first(model, settings, words):
    with pytest.raises(ValueError, match=words):
        check_settings(model, settings)


def test_objects_are_not_found_in_objects():
    with pytest.raises(ValueError, match="objects already"):
        check_settings(Network(field(1)[0]), SQUARES)
