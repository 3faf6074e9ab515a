import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import napari_segen as ns
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import Segmentation
from napari_segen.core.steps import Step
from napari_segen.workflows import stress
from napari_segen.workflows.degradations import DEGRADATIONS, degraded
from napari_segen.workflows.stress import stress_steps, stress_test


class Threshold:
    """Class 5 above 100, class 2 below; or objects, each with an id of its own."""

    def __init__(self, axes="yx", task="classes"):
        self.spec_ = ImageSpec(axes)
        self.classes_ = np.array([2, 5] if task == "classes" else [0, 1])
        self.task = task

    def check_fitted(self):
        pass

    def segment_steps(self, image, *, spec=None):
        yield Step(0, 1, "thinking")
        bright = image > 100
        if spec.channel_axis is not None:
            bright = bright.any(axis=spec.channel_axis)
        labels = np.where(bright, 5, 2)
        if self.task == "instances":
            labels = np.cumsum(bright).reshape(bright.shape) * bright
        return Segmentation(None, labels.astype(np.int32), None)


@pytest.fixture
def scene():
    """Left half 50, right half 150."""
    image = np.full((40, 60), 50, np.uint8)
    image[:, 30:] = 150
    return image, np.where(image > 100, 5, 2).astype(np.uint8)


def test_level_0_is_the_score_of_the_image_as_it_is(scene):
    image, truth = scene
    truth[:10] = 5  # a quarter of the left half is called wrongly
    found = stress_test(Threshold(), image, truth, levels=2)
    expected = (900 / 1200 + 1200 / 1500) / 2
    assert all(scores[0] == pytest.approx(expected) for scores in found.iou.values())


def test_bleaching_falls_where_arithmetic_says(scene):
    # The light of row r is (1 - a) ** (r / 39): the bright half is lost from the row
    # on where 150 times that is at most 100.
    image, truth = scene
    found = stress_test(Threshold(), image, truth, kinds=["bleaching"], levels=3)
    for level, amount in enumerate([0.475, 0.95], 1):
        rows = np.arange(40)
        kept = np.rint(150 * (1 - amount) ** (rows / 39)) > 100
        right, left = kept.sum() * 30, 1200
        expected = (right / 1200 + left / (2400 - right)) / 2
        assert found.iou["bleaching"][level] == pytest.approx(expected)
    assert found.iou["bleaching"] == sorted(found.iou["bleaching"], reverse=True)


def test_contrast_about_the_middle_does_no_harm_to_a_threshold_there(scene):
    image, truth = scene
    found = stress_test(Threshold(), image, truth, kinds=["contrast"], levels=6)
    assert found.iou["contrast"] == [1.0] * 6
    assert found.sentence == "mean IoU 1.00. It withstands contrast."


def test_who_finds_nothing_withstands_nothing(scene):
    image, truth = scene
    found = stress_test(Threshold(), image, 7 - truth, kinds=["blur"], levels=2)
    assert found.sentence == "mean IoU 0: nothing is found even in the image as it is."


def test_noise_lowers_the_score_step_by_step(scene):
    image, truth = scene
    found = stress_test(Threshold(), image, truth, kinds=["noise"], levels=5)
    scores = found.iou["noise"]
    assert scores[0] == 1
    assert scores[-1] < 0.9
    assert scores == sorted(scores, reverse=True)


def test_objects_are_scored_by_their_foreground(scene):
    image, truth = scene
    ids = np.where(truth == 5, 1 + np.arange(60) // 10, 0)
    ids[:10] = 0
    found = stress_test(Threshold(task="instances"), image, ids, levels=2)
    assert found.score == "foreground IoU"
    assert found.iou["blur"][0] == pytest.approx(900 / 1200)


def test_pixels_of_no_class_do_not_count(scene):
    image, truth = scene
    wrong = truth.copy()
    wrong[:20] = 0
    image[:20] = 255 - image[:20]
    found = stress_test(Threshold(), image, wrong, kinds=["blur"], levels=2)
    assert found.iou["blur"][0] == 1


def test_pixels_without_data_do_not_count(scene):
    image, truth = scene
    image = image.astype(np.float32)
    image[:5] = np.nan
    found = stress_test(Threshold(), image, truth, levels=2)
    assert found.iou["blur"][0] == 1
    assert np.isnan(found.images["noise"][1, :5]).all()
    assert np.isfinite(found.images["noise"][1, 5:]).all()


def test_rows_images_and_predictions_belong_together(scene):
    image, truth = scene
    found = stress_test(Threshold(), image, truth, levels=3)
    rows = found.as_rows()
    assert len(rows) == 4 * 3
    assert [r["level"] for r in rows[:3]] == [0, 1, 2]
    assert rows[0]["amount"] is None
    assert rows[1]["amount"] == pytest.approx(math.sqrt(1000 * 3))
    for kind, images in found.images.items():
        assert images.dtype == np.uint8
        assert_array_equal(images[0], image)
        again = degraded(image, ImageSpec("yx"), kind, found.amounts[kind][1], seed=0)
        assert_array_equal(images[2], again)
        assert_array_equal(found.predictions[kind] == 5, images > 100)


def test_same_seed_same_test_and_another_seed_another_noise(scene):
    image, truth = scene
    one, two, other = (
        stress_test(Threshold(), image, truth, levels=2, seed=s) for s in (3, 3, 4)
    )
    assert_array_equal(one.images["noise"], two.images["noise"])
    assert (one.images["noise"] != other.images["noise"]).any()


def test_large_images_are_kept_as_their_middle(scene, monkeypatch):
    image, truth = scene
    monkeypatch.setattr(stress, "KEEP_BYTES", 8 * image.size)
    found = stress_test(Threshold(), image, truth, levels=6)
    assert sum(a.nbytes for a in found.images.values()) < 2 * image.size
    rows, columns = found.window
    assert abs(rows.start + rows.stop - 40) <= 1
    assert abs(columns.start + columns.stop - 60) <= 1
    assert_array_equal(found.images["blur"][0], image[found.window])
    assert found.iou["blur"][0] == 1  # scores are of the whole image


@pytest.mark.parametrize("axes", ["tyx", "cyx", "zyx"])
def test_every_frame_and_channel_gets_worse_by_itself(axes):
    image = np.full((2, 20, 30), 200, np.uint8)
    image[..., :15] = 20
    shape = image.shape if axes != "cyx" else image.shape[1:]
    truth = np.broadcast_to(np.where(np.arange(30) < 15, 2, 5), shape)
    found = stress_test(Threshold(axes), image, truth, levels=2)
    noisy = found.images["noise"][1]
    assert noisy.shape == image.shape
    assert (noisy[0] != noisy[1]).any()
    assert found.predictions["noise"].shape == (2, *shape)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_every_kind_changes_the_image_and_keeps_its_type(scene, kind):
    image, _ = scene
    worst = DEGRADATIONS[kind].amount(1.0)
    for typed in (image, image.astype(np.float32), image > 100):
        worse = degraded(typed, ImageSpec("yx"), kind, worst, seed=1)
        assert worse.dtype == (np.float32 if typed.dtype == bool else typed.dtype)
        assert (worse != typed).any()


def test_a_pixel_classifier_is_tested_without_changing_its_input(scene):
    image, truth = scene
    noisy = (image + np.random.default_rng(0).normal(0, 5, image.shape)).astype("u1")
    before = noisy.copy()
    model = ns.ProbabilisticSegmenter().fit(noisy, truth)
    found = stress_test(model, noisy, truth, levels=3)
    assert found.iou["noise"][0] > 0.9
    assert found.iou["noise"][2] < found.iou["noise"][0]
    assert_array_equal(noisy, before)


def test_progress_rises_and_tells_every_score(scene):
    steps = list(stress_steps(Threshold(), *scene, levels=3))
    done = [s.done / s.total for s in steps]
    assert done == sorted(done)
    assert done[-1] == 1
    told = [dict(s.figures) for s in steps if s.figures]
    assert told[0]["level"] == 0
    assert set(told[0]) == {f"{k}_iou" for k in stress.KINDS} | {"level"}
    assert len(told) == 1 + 4 * 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kinds": ["fog"]}, "fog"),
        ({"kinds": []}, "none"),
        ({"levels": 1}, "levels must be from 2"),
        ({"levels": 2.5}, "levels"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_that_make_no_sense(scene, options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        stress_test(Threshold(), *scene, **options)


def test_what_cannot_be_scored_is_said(scene):
    image, truth = scene
    with pytest.raises(ValueError, match="truth must have shape"):
        stress_test(Threshold(), image, truth[:5])
    with pytest.raises(ValueError, match=r"value 7.*truth > 0"):
        stress_test(Threshold(), image, truth + (truth == 5) * 2)
    with pytest.raises(ValueError, match="none of the classes"):
        stress_test(Threshold(), image, 0 * truth)
    with pytest.raises(ValueError, match="no object"):
        stress_test(Threshold(task="instances"), image, 0 * truth)
    with pytest.raises(ValueError, match="has not been fitted"):
        stress_test(ns.ProbabilisticSegmenter(), image, truth)
    with pytest.raises(ValueError, match="segmenter"):
        stress_test(ns.ImageGenerator("transform"), image, truth)
