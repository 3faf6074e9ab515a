import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.cnn.problems import TINY, halves, two_strokes

from napari_segen.cnn.segmenter import CnnSegmenter
from napari_segen.core.errors import NotFitted
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


def test_renaming_the_classes_renames_the_result_and_nothing_else():
    image, truth = halves()
    strokes = two_strokes(truth)
    first = quick().fit(image, strokes, unlabelled=0)
    renamed = np.where(strokes > 0, strokes + 200, 0)
    second = quick().fit(image, renamed, unlabelled=0)
    assert_array_equal(second.classes_, [203, 207])
    assert_array_equal(first.predict(image) + 200, second.predict(image))


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


def test_closing_the_steps_leaves_an_earlier_fit_as_it_was():
    image, truth = halves()
    net = quick().fit(image, two_strokes(truth), unlabelled=0)
    before = net.predict_proba(image)
    steps = net.fit_steps(image + 1, truth)
    for _ in range(4):
        next(steps)
    steps.close()
    assert_array_equal(net.predict_proba(image), before)


@pytest.mark.parametrize("network", list(TINY))
def test_the_textbook_loss_trains_too(network):
    image, truth = halves()
    net = CnnSegmenter(network, loss="squared_error", max_steps=3, **TINY[network]).fit(
        image, two_strokes(truth), unlabelled=0
    )
    assert np.isfinite(net.predict_proba(image)).all()


def test_before_fit_it_says_that_fit_is_missing(tmp_path):
    with pytest.raises(NotFitted, match="call fit first"):
        run(quick().predict_steps(np.zeros((5, 5))))
    with pytest.raises(NotFitted):
        quick().save(tmp_path / "net.segen")
