"""What a fit may be given besides images and labels, and what it leaves behind."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.cnn.problems import TINY, halves, two_strokes

from napari_segen.cnn import training
from napari_segen.cnn.segmenter import CnnSegmenter
from napari_segen.core.errors import DataWarning, ModelFileError, NotFitted
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import Show, run
from napari_segen.workflows.models import load

pytestmark = pytest.mark.keras

IMAGE, TRUTH = halves()
STROKES = two_strokes(TRUTH)


def quick(**given):
    """Make the network that is quickest to build."""
    return CnnSegmenter("patch", **(TINY["patch"] | {"max_steps": 3} | given))


@pytest.fixture(scope="module")
def fitted():
    return quick(max_steps=20).fit(IMAGE, TRUTH)


def refitted(model, *args, **given):
    """A copy of `model`, fitted again from itself."""
    again = quick(**{"max_steps": 20} | given.pop("params", {}))
    again.__dict__.update(model.__dict__)
    return again.fit(*args, init_from=again, **given)


def test_continuing_goes_on_with_weights_and_history(fitted):
    before = {k: list(v) for k, v in fitted.history_.items()}
    again = refitted(fitted, IMAGE, TRUTH)
    assert again.n_steps_ == 40
    assert again.history_["step"] == [20, 40]
    assert again.history_["seconds"] == sorted(again.history_["seconds"])
    assert {k: v[:1] for k, v in again.history_.items()} == before
    assert again.history_["loss"][1] < before["loss"][0]


def test_continuing_makes_the_network_no_worse_on_held_out_labels(fitted, monkeypatch):
    monkeypatch.setattr(training.Pace, "rate", lambda self, step: 1e3)
    again = refitted(fitted, IMAGE, TRUTH)
    assert again.history_["val_loss"][1] > again.history_["val_loss"][0]
    for a, b in zip(again.weights_, fitted.weights_, strict=True):
        assert_array_equal(a, b)
    assert again.temperature_ == fitted.temperature_


def test_from_another_model_or_its_file_the_history_begins_anew(fitted, tmp_path):
    fitted.save(tmp_path / "net.segen")
    first = quick().fit(IMAGE, TRUTH, init_from=fitted)
    second = quick().fit(IMAGE, TRUTH, init_from=tmp_path / "net.segen")
    assert first.n_steps_ == second.n_steps_ == 3
    for a, b in zip(first.weights_, second.weights_, strict=True):
        assert_array_equal(a, b)


def test_other_classes_keep_all_but_the_last_layer(fitted, monkeypatch):
    monkeypatch.setattr(training.Pace, "rate", lambda self, step: 0.0)
    three = TRUTH.copy()
    three[:10] = 1
    net = quick().fit(IMAGE, three, init_from=fitted)
    for a, b in zip(net.weights_[:-2], fitted.weights_[:-2], strict=True):
        assert_allclose(a, b, atol=1e-6)
    assert net.weights_[-1].shape == (3,)


@pytest.mark.parametrize(
    ("given", "image", "text"),
    [
        ({"network": "unet"}, IMAGE, "network='patch', not 'unet'"),
        ({"params": {"dense_units": 8}}, IMAGE, "dense_units=16, not 8"),
        ({"patch_px": 16}, IMAGE, "other patches than patch_px=16"),
        ({}, np.stack([IMAGE] * 3, -1), "1 channels, not 3"),
    ],
)
def test_a_network_of_another_kind_is_refused_and_the_difference_told(
    fitted, given, image, text
):
    own = {"params": TINY["patch"]["params"] | given.pop("params", {})}
    if given.get("network") == "unet":
        own = {"params": None, "patch_px": 32}
    net = CnnSegmenter(**({"network": "patch", "patch_px": 12} | own | given))
    with pytest.raises(ValueError, match=f"init_from has {text}"):
        net.fit(image, TRUTH, init_from=fitted)


def test_what_is_no_network_cannot_be_gone_on_from(tmp_path):
    (tmp_path / "text").write_text("no model")
    for init_from, error in [
        (quick(), NotFitted),
        (3, TypeError),
        (tmp_path / "text", ModelFileError),
        (tmp_path / "missing", FileNotFoundError),
    ]:
        with pytest.raises(error):
            quick().fit(IMAGE, TRUTH, init_from=init_from)


def test_a_teacher_is_learnt_from_where_nothing_is_labelled():
    strokes = np.zeros_like(TRUTH)
    strokes[2:4, 2:4], strokes[2:4, -4:-2] = 3, 7
    noise = np.random.default_rng(0).normal(0, 1, IMAGE.shape)
    striped = (np.arange(48) // 12 % 2)[:, np.newaxis] * np.ones(56)
    teacher = np.stack([1 - striped, striped]).astype(np.float32)
    image = noise + 8 * striped  # what the teacher sees, and the strokes do not tell
    net = quick(max_steps=60, seed=1)
    net.fit(image, strokes, unlabelled=0, teacher=teacher, teacher_weight=3.0)
    assert ((net.predict(image) == 7) == striped).mean() > 0.85


def test_checkpoints_are_written_while_it_lasts_and_removed_at_its_end(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "KEEP_SECONDS", 0.0)
    path = tmp_path / "best.segen"
    net = quick(max_steps=45)
    steps, seen = net.fit_steps(IMAGE, TRUTH, checkpoint=path), []
    for step in steps:
        if path.exists() and step.figures.get("step") == 30:
            seen.append(load(path))
    assert [m.n_steps_ for m in seen] == [20]
    assert seen[0].predict(IMAGE).shape == IMAGE.shape
    assert seen[0].note_.startswith("not finished")
    assert net.n_steps_ == 45
    assert not path.exists()


@pytest.mark.parametrize("end", ["cancel", "crash"])
def test_a_checkpoint_goes_with_cancel_and_stays_after_a_crash(
    end, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "KEEP_SECONDS", 0.0)
    path = tmp_path / "best.segen"
    steps = quick(max_steps=1000).fit_steps(IMAGE, TRUTH, checkpoint=path)
    while not path.exists():
        next(steps)
    if end == "cancel":
        steps.close()
    else:
        with pytest.raises(OSError, match="gone"):
            steps.throw(OSError("gone"))
    assert path.exists() == (end == "crash")


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "KEEP_SECONDS", 0.0)
    with pytest.raises(FileNotFoundError, match="no folder"):
        quick().fit(IMAGE, TRUTH, checkpoint=tmp_path / "none" / "best.segen")
    folder = tmp_path / "some"
    folder.mkdir()
    net = quick(max_steps=40)
    steps = net.fit_steps(IMAGE, TRUTH, checkpoint=folder / "best.segen")
    next(steps)
    folder.rmdir()
    with pytest.warns(DataWarning, match="checkpoint cannot be written"):
        run(steps)
    assert net.n_steps_ == 40


@pytest.mark.parametrize("weight", [-1, 1e9, np.nan])
def test_a_teacher_counts_from_nothing_to_a_hundred_times(weight):
    with pytest.raises(ValueError, match="teacher_weight must be from 0 to 100"):
        quick().fit(IMAGE, TRUTH, teacher_weight=weight)


@pytest.mark.parametrize("unlabelled", [None, 0])
def test_a_split_is_what_is_trained_on_and_held_out(unlabelled):
    rng = np.random.default_rng(0)
    labels = (
        TRUTH if unlabelled is None else np.where(rng.random((48, 56)) < 0.02, 3, 0)
    )
    if unlabelled == 0:
        labels[:, 28:][labels[:, 28:] > 0] = 7
    net = quick(seed=5).fit(IMAGE, labels, unlabelled=unlabelled)
    (training_,), (held,), words = net.split(IMAGE, labels, unlabelled=unlabelled)
    assert words == net.held_out_
    assert words["n"] > 0
    assert not ((training_ > 0) & (held > 0)).any()
    assert set(np.unique(held)) == {0, 1, 2}
    for part in (training_, held):
        assert part.shape == labels.shape
        at = part > 0
        assert_array_equal(np.array([3, 7])[part[at] - 1], labels[at])
    if unlabelled == 0:  # strokes: none is lost
        assert_array_equal((training_ > 0) | (held > 0), labels > 0)


def test_a_split_of_several_frames_and_images_has_their_shapes():
    spec = ImageSpec("tyxc")
    images = [np.random.default_rng(i).random((2, 30, 40, 3)) for i in (0, 1)]
    labels = [(i[..., 0] > 0.5).astype(int) for i in images]
    for label in labels:
        label[:, :, :20] *= 0
        label[:, :, 20:] = 1
    train, held, words = quick().split(images, labels, spec=spec)
    assert [t.shape for t in train] == [h.shape for h in held] == [(2, 30, 40)] * 2
    assert words["unit"] == "blocks"
    assert any(h.any() for h in held)


def test_without_validation_everything_is_trained_on():
    train, held, words = quick(validation_split=0.0).split(IMAGE, TRUTH)
    assert_array_equal(train[0], np.searchsorted([3, 7], TRUTH) + 1)
    assert not held[0].any()
    assert words["n"] == 0


def test_training_patches_are_cut_from_the_image_with_their_labels():
    net = CnnSegmenter("unet", augment=False, **TINY["unet"])
    patches, labels = net.training_patches(IMAGE, TRUTH, 5)
    assert patches.shape == labels.shape == (5, 32, 32)
    bright = patches > (patches.min() + patches.max()) / 2
    assert (labels[labels > 0] == np.where(bright, 7, 3)[labels > 0]).mean() > 0.99


def test_training_patches_of_a_patch_network_know_their_centre():
    rgb = np.stack([IMAGE] * 3, -1)
    patches, labels = quick().training_patches(rgb, STROKES, 70, unlabelled=0)
    assert patches.shape == (70, 12, 12, 3)
    assert ((labels > 0).sum(axis=(1, 2)) == 1).all()
    with pytest.raises(ValueError, match="n must be"):
        quick().training_patches(rgb, STROKES, 0, unlabelled=0)


@pytest.mark.parametrize("network", list(TINY))
def test_a_look_during_training_is_what_the_network_would_predict(network):
    """Asked at the last step, where the network shown is the one that is kept."""
    window = (slice(5, 30), slice(20, 200))
    net = CnnSegmenter(
        network,
        max_steps=20,
        validation_split=0.0,
        precision="float32",
        **TINY[network],
    )
    steps = net.fit_steps([IMAGE, IMAGE.T], [TRUTH, TRUTH.T])
    picture, step = None, next(steps)
    try:
        while True:
            last = step.figures.get("step") == 19
            step = steps.send(Show(1, 0, window) if last else None)
            picture = step.picture if step.picture is not None else picture
    except StopIteration:
        pass
    assert picture.dtype == np.uint8
    assert_array_equal(picture, net.predict(IMAGE.T)[5:30, 20:200])


@pytest.mark.parametrize(
    "show",
    [
        Show(7, 0, (slice(0, 4), slice(0, 4))),
        Show(0, 3, (slice(0, 4), slice(0, 4))),
        Show(0, 0, (slice(500, 600), slice(0, 4))),
        Show(0, 0, (slice(0, 4),)),
    ],
)
def test_a_look_at_nothing_is_not_answered_and_ends_nothing(show):
    net = quick()
    steps = net.fit_steps(IMAGE, TRUTH)
    for _ in range(5):
        next(steps)
    assert steps.send(show).picture is None
    run(steps)
    assert net.n_steps_ == 3
