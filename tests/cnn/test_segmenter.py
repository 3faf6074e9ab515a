import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.cnn.problems import TINY, halves, two_strokes

from napari_segen.cnn.segmenter import CnnSegmenter
from napari_segen.core.errors import DataWarning, NotFitted
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import ClassInfo
from napari_segen.core.metrics import mean_iou
from napari_segen.core.steps import run
from napari_segen.workflows.models import load

pytestmark = pytest.mark.keras


def quick(**given):
    """Make the network that is quickest to build, for what all have in common."""
    return CnnSegmenter("patch", **(TINY["patch"] | {"max_steps": 3} | given))


def test_two_strokes_teach_two_halves(trained):
    image, truth = halves(seed=1)
    labels = trained.predict(image)
    assert labels.dtype == np.uint8
    assert mean_iou(labels, truth, np.array([3, 7])) > 0.9


def test_posterior_labels_and_uncertainty_belong_together(trained):
    image, _ = halves()
    found = trained.segment(image)
    assert found.posterior.shape == (2, *image.shape)
    assert_allclose(found.posterior.sum(axis=0), 1, atol=1e-5)
    assert_array_equal(found.labels, np.array([3, 7])[found.posterior.argmax(axis=0)])
    assert_array_equal(found.posterior, trained.predict_proba(image))
    assert_array_equal(found.uncertainty, trained.uncertainty(image))
    assert found.uncertainty.min() >= 0
    assert found.uncertainty.max() <= 1


def test_saved_and_loaded_it_predicts_the_same_bytes_in_a_fresh_process(
    trained, tmp_path
):
    image, _ = halves()
    trained.class_info_ = {7: ClassInfo("bright", "#ff0000")}
    trained.save(tmp_path / "net.segen")
    np.save(tmp_path / "image.npy", image)
    code = (
        "import numpy as np; from napari_segen.workflows.models import load; "
        "net = load('net.segen'); "
        "np.save('posterior.npy', net.predict_proba(np.load('image.npy')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    again = np.load(tmp_path / "posterior.npy")
    assert again.tobytes() == trained.predict_proba(image).tobytes()
    loaded = load(tmp_path / "net.segen")
    assert loaded.history_ == trained.history_
    assert loaded.class_info_ == trained.class_info_
    assert loaded.note_ == trained.note_
    assert loaded.provenance_ == trained.provenance_
    assert loaded.training == trained.training
    assert loaded.params == trained.params


def test_pickled_it_predicts_the_same_bytes(trained):
    image, _ = halves()
    expected = trained.predict_proba(image)
    copy = pickle.loads(pickle.dumps(trained))
    assert copy.predict_proba(image).tobytes() == expected.tobytes()


@pytest.mark.parametrize("convert", [np.uint16, np.float64, lambda x: 4 * x + 128.0])
def test_brightness_contrast_and_type_leave_the_labels_as_they_are(trained, convert):
    image, _ = halves()
    changed = trained.predict(convert(image.astype(np.float64)))
    assert (changed != trained.predict(image)).mean() < 1e-4


def test_pixels_without_data_have_no_label_and_full_uncertainty(trained):
    image = halves()[0].astype(float)
    image[5:9, 5:9] = np.nan
    image[30, 30] = np.inf
    found = trained.segment(image)
    empty = ~np.isfinite(image)
    assert (found.labels[empty] == 0).all()
    assert (found.posterior[:, empty] == 0.5).all()
    assert (found.uncertainty[empty] == 1).all()
    assert (found.labels[~empty] > 0).all()


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (1, 2), (5, 7)])
def test_images_smaller_than_a_patch_are_labelled(trained, shape):
    found = trained.segment(np.arange(np.prod(shape)).reshape(shape))
    assert found.labels.shape == shape
    assert np.isfinite(found.posterior).all()


def test_a_volume_is_labelled_plane_by_plane(trained):
    image, _ = halves()
    volume = np.stack([image] * 3)
    labels = trained.predict(volume, spec=ImageSpec("zyx"))
    assert_array_equal(labels, [trained.predict(image)] * 3)


def test_no_input_is_written_to(trained):
    image, truth = halves()
    strokes = two_strokes(truth)
    for array in (image, strokes):
        array.setflags(write=False)
    quick().fit(image, strokes, unlabelled=0).segment(image)


@pytest.mark.parametrize("network", list(TINY))
@pytest.mark.parametrize("values", [(203, 207), (9, 2)])
def test_renaming_the_classes_renames_the_result_and_nothing_else(network, values):
    image, truth = halves()
    given = TINY[network] | {"max_steps": 5}
    first = CnnSegmenter(network, **given).fit(image, truth)
    renamed = np.where(truth == 3, *values)
    second = CnnSegmenter(network, **given).fit(image, renamed)
    assert_array_equal(second.classes_, sorted(values))
    assert second.history_["val_loss"] == first.history_["val_loss"]
    step = 1 if values[0] < values[1] else -1
    posterior = first.predict_proba(image)[::step]
    assert_allclose(second.predict_proba(image), posterior, atol=1e-6)
    assert_array_equal(
        np.where(first.predict(image) == 3, *values), second.predict(image)
    )


def test_temperature_changes_how_sure_it_is_and_no_label(trained):
    image, _ = halves(seed=2)
    labels, before = trained.predict(image), trained.uncertainty(image).mean()
    warmer = pickle.loads(pickle.dumps(trained))
    warmer.temperature_ = 3.0
    assert_array_equal(warmer.predict(image), labels)
    assert warmer.uncertainty(image).mean() > before


def test_an_empty_field_has_no_foreground(trained):
    """The dark class is the background; noise alone must not look bright."""
    rng = np.random.default_rng(3)
    field = rng.normal(40, 10, (64, 64)).astype(np.uint8)
    assert (trained.predict(field) == 7).mean() < 0.01


def test_an_image_of_other_pixels_is_warned_about_and_can_be_rescaled(trained):
    image, _ = halves(seed=1)
    net = pickle.loads(pickle.dumps(trained))
    net.spec_ = ImageSpec("yx", (1.0, 1.0), "um")
    fine = ImageSpec("yx", (0.5, 0.5), "um")
    large = image.repeat(2, axis=0).repeat(2, axis=1)
    with pytest.warns(DataWarning, match=r"pixels are 0.5 x 0.5 um.*1 x 1 um.*rescale"):
        net.segment(large, spec=fine)
    found = net.segment(large, spec=fine, rescale=True)
    assert found.posterior.shape == (2, *large.shape)
    assert_allclose(found.posterior.sum(axis=0), 1, atol=1e-5)
    expected = net.predict(image).repeat(2, axis=0).repeat(2, axis=1)
    assert (found.labels != expected).mean() < 0.02
    assert_array_equal(net.predict(image, rescale=True), net.predict(image))


def test_objects_get_ids_and_touching_ones_are_learnt_apart():
    rng = np.random.default_rng(0)
    ids = np.zeros((64, 64), int)
    for i, (y, x) in enumerate([(4, 4), (4, 40), (36, 6), (40, 40)]):
        ids[y : y + 18, x : x + 18] = 10 * i + 5
    image = rng.normal(0, 1, ids.shape) + 12 * (ids > 0)
    net = quick(max_steps=120, task="instances").fit(image, ids)
    assert_array_equal(net.classes_, [0, 1])
    found = net.segment(image)
    assert found.labels.dtype == np.int32
    assert found.posterior.shape == (2, 64, 64)
    assert found.labels.max() == 4
    for i in np.unique(ids[ids > 0]):
        own, n = np.unique(found.labels[ids == i], return_counts=True)
        assert n.max() > 0.7 * n.sum()
        assert own[n.argmax()] > 0


def test_a_network_for_volumes_learns_from_volumes_and_refuses_planes():
    image, truth = halves((24, 24))
    volume, labels = np.stack([image] * 8), np.stack([truth] * 8)
    net = CnnSegmenter(
        "unet3d",
        params={"filters": 4, "depth": 1},
        max_steps=2,
        batch_size=1,
        patch_px=16,
    )
    net.fit(volume, labels, spec=ImageSpec("zyx"))
    assert net.predict(volume).shape == volume.shape
    with pytest.raises(ValueError, match="volumes"):
        net.fit(image, truth)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("cyx", (3, 20, 24)), ("tyxc", (2, 20, 24, 5)), ("tzyx", (2, 3, 20, 24))],
)
def test_channels_time_and_depth(axes, shape):
    spec, rng = ImageSpec(axes), np.random.default_rng(0)
    labels = rng.integers(0, 3, spec.label_shape(shape))
    image = rng.random(shape)
    net = quick(max_steps=1).fit(image, labels, spec=spec, unlabelled=0)
    found = net.segment(image)
    assert found.labels.shape == labels.shape
    assert found.posterior.shape == (2, *labels.shape)


def test_several_images_of_different_sizes():
    pairs = [halves((40, 44)), halves((30, 60))]
    net = quick().fit(
        [p[0] for p in pairs], [two_strokes(p[1]) for p in pairs], unlabelled=0
    )
    assert net.predict(pairs[1][0]).shape == (30, 60)


def test_finished_masks_have_a_class_zero():
    image, truth = halves()
    net = quick().fit(image, truth == 7)
    assert_array_equal(net.classes_, [0, 1])


def test_a_class_with_one_pixel_can_be_trained():
    image, truth = halves()
    strokes = two_strokes(truth) * (truth == 3)
    strokes[0, -1] = 7
    assert_array_equal(quick().fit(image, strokes, unlabelled=0).classes_, [3, 7])


@pytest.mark.parametrize("network", list(TINY))
@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (5, 7)])
def test_images_smaller_than_a_patch_can_be_learnt_from(network, shape):
    labels = np.zeros(shape, int)
    labels.flat[0], labels.flat[-1] = 4, 1000
    net = CnnSegmenter(network, **(TINY[network] | {"max_steps": 2}))
    net.fit(np.arange(labels.size).reshape(shape), labels, unlabelled=0)
    labels = net.predict(np.zeros(shape))
    assert labels.dtype == np.uint16
    assert set(np.unique(labels)) <= {4, 1000}


def test_as_many_classes_as_there_may_be_with_gaps_between():
    values = np.arange(1, 256) * 7
    labels = np.repeat(values, 2).reshape(15, 34)
    net = quick(max_steps=1).fit(labels, labels, unlabelled=0)
    assert_array_equal(net.classes_, values)
    assert net.predict_proba(labels).shape == (255, 15, 34)


def test_closing_the_steps_leaves_an_earlier_fit_as_it_was():
    image, truth = halves()
    net = quick().fit(image, two_strokes(truth), unlabelled=0)
    before = net.predict_proba(image)
    steps = net.fit_steps(image + 1, truth)
    for _ in range(4):
        next(steps)
    steps.close()
    assert_array_equal(net.predict_proba(image), before)


@pytest.mark.parametrize("loss", ["squared_error", "dice", "focal"])
def test_the_other_losses_teach_too(loss):
    image, truth = halves()
    net = quick(loss=loss, max_steps=80, learning_rate=0.01)
    net.fit(image, two_strokes(truth), unlabelled=0)
    assert mean_iou(net.predict(halves(seed=1)[0]), truth, np.array([3, 7])) > 0.9


def test_before_fit_it_says_that_fit_is_missing(tmp_path):
    with pytest.raises(NotFitted, match="call fit first"):
        run(quick().predict_steps(np.zeros((5, 5))))
    with pytest.raises(NotFitted):
        quick().save(tmp_path / "net.segen")
