import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.cnn.problems import TINY
from tests.objects.shapes import ball

import napari_segen as ns
from napari_segen.cnn.problem import separated

pytestmark = pytest.mark.keras


def discs(shape=(64, 72), seed=0):
    """A noisy image of bright discs, two of which touch, and their ids."""
    ids = np.zeros(shape, np.int32)
    for i, (y, x) in enumerate([(14, 14), (14, 54), (46, 24), (46, 42)], start=7):
        ids[ball(shape, (y, x), 9.5)] = i
    noise = np.random.default_rng(seed).normal(0, 8, shape)
    return (60 + 90 * (ids > 0) + noise).astype(np.uint8), ids


@pytest.fixture(scope="module")
def fitted():
    net = ns.CnnSegmenter(
        task="instances",
        max_steps=100,
        time_limit_s=None,
        augment=False,
        validation_split=0,
        **TINY["unet"],
    )
    return net.fit(*discs())


def test_pixels_between_touching_objects_are_background():
    ids = np.array([[[1, 1, 2, 2], [1, 1, 2, 0], [0, 3, 0, 0]]])
    apart = separated(ids)
    assert apart.tolist() == [[[1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]]


def test_frames_do_not_touch_each_other():
    ids = np.array([[[1, 1]], [[2, 2]]])
    assert separated(ids).all()


def test_objects_come_apart_and_are_numbered(fitted):
    image, truth = discs(seed=1)
    ids = fitted.predict(image)
    assert ids.dtype == np.int32
    assert np.unique(ids).tolist() == [0, 1, 2, 3, 4]
    for i in np.unique(truth[truth > 0]):
        best = np.bincount(ids[truth == i]).argmax()
        assert best > 0
        overlap = ((ids == best) & (truth == i)).sum()
        assert overlap / ((ids == best) | (truth == i)).sum() > 0.7


def test_the_posterior_is_of_background_and_objects(fitted):
    image, _ = discs(seed=1)
    assert fitted.classes_.tolist() == [0, 1]
    posterior = fitted.predict_proba(image)
    assert posterior.shape == (2, *image.shape)
    assert_array_equal(
        fitted.segment(image).labels, ns.instances(posterior, foreground=1)
    )


def test_ids_may_be_any_numbers():
    image, ids = discs()
    net = ns.CnnSegmenter(task="instances", max_steps=1, **TINY["unet"])
    assert net.fit(image, ids * 100_000).classes_.tolist() == [0, 1]


def test_planes_of_a_volume_are_joined_to_objects_in_3d(fitted):
    image, _ = discs(seed=1)
    volume = np.stack([image] * 3)
    ids = fitted.predict(volume, spec=ns.ImageSpec("zyx"))
    assert ids.max() == 4
    assert_array_equal(ids[0] > 0, ids[2] > 0)
    assert_array_equal(np.unique(ids[0]), np.unique(ids[2]))


def test_time_points_are_numbered_each_on_its_own(fitted):
    image, _ = discs(seed=1)
    series = np.stack([image, image[::-1]])
    ids = fitted.predict(series, spec=ns.ImageSpec("tyx"))
    assert_array_equal(ids[0], fitted.predict(image))


def test_pixels_without_data_are_no_object(fitted):
    image = discs(seed=1)[0].astype(np.float32)
    image[:30] = np.nan
    ids = fitted.predict(image)
    assert not ids[:30].any()
    assert ids.max() == 2


def test_a_saved_model_finds_the_same_objects(fitted, tmp_path):
    image, _ = discs(seed=1)
    fitted.save(tmp_path / "m.segen")
    again = ns.load(tmp_path / "m.segen")
    assert again.task == "instances"
    assert_array_equal(again.predict(image), fitted.predict(image))


def test_strokes_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match="unlabelled must be None"):
        ns.CnnSegmenter(task="instances").fit(*discs(), unlabelled=0)


def test_masks_without_objects_are_refused():
    image, ids = discs()
    with pytest.raises(ValueError, match="at least two classes"):
        ns.CnnSegmenter(task="instances").fit(image, 0 * ids)


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="task must be one of classes, instances"):
        ns.CnnSegmenter(task="objects")
