from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.cnn.augmentation import Augmentation
from napari_segen.cnn.batches import PatchSampler, fair_batches
from napari_segen.cnn.labelled import UNLABELLED, LabelledImage

FLIPS = Augmentation(rotation=0, scale=0, elastic=0, intensity=0, noise=0, blur=0)


def labelled(shape=(40, 50), counts=(20, 20), seed=0):
    """Single labelled pixels; the grey value is the class, 0.5 where unlabelled."""
    rng = np.random.default_rng(seed)
    index = np.full(shape, UNLABELLED, np.int16)
    places = rng.choice(index.size, sum(counts), replace=False)
    index.flat[places] = np.repeat(np.arange(len(counts)), counts)
    image = np.where(index == UNLABELLED, 0.5, index).astype(np.float32)
    return LabelledImage(image[np.newaxis], index)


def centre(*patch_shape, n_classes=2):
    """Labels the centre pixel of a patch."""
    ndim = len(patch_shape)
    return SimpleNamespace(
        ndim=ndim,
        patch_shape=patch_shape,
        answer_shape=(1,) * ndim,
        answer_start=tuple(n // 2 for n in patch_shape),
        n_channels=1,
        n_classes=n_classes,
    )


def everywhere(*patch_shape, n_classes=2):
    """Labels all pixels of a patch."""
    ndim = len(patch_shape)
    return SimpleNamespace(
        ndim=ndim,
        patch_shape=patch_shape,
        answer_shape=patch_shape,
        answer_start=(0,) * ndim,
        n_channels=1,
        n_classes=n_classes,
    )


def draw(image, network, batch_size=64, augmentation=FLIPS, seed=0, **given):
    sampler = PatchSampler([image], network, batch_size, augmentation, **given)
    return sampler.draw(np.random.default_rng(seed))


@given(st.integers(8, 13), st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_the_labelled_pixel_stays_in_the_centre_when_patches_are_turned(patch_px, seed):
    for augmentation in (FLIPS, replace(FLIPS, rotation=90, scale=0.5, elastic=5)):
        x, y, _ = draw(
            labelled(), centre(patch_px, patch_px), 16, augmentation, seed=seed
        )
        middle = x[:, patch_px // 2, patch_px // 2, 0]
        assert_allclose(middle, y[:, 0, 0], atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 50), (10, 50), (1, 40), (40, 1), (1, 20)])
def test_labels_are_turned_with_their_image(shape):
    x, y, _ = draw(labelled(shape, (10, 10)), everywhere(16, 16), batch_size=16)
    at = y != UNLABELLED
    assert at.any(axis=(1, 2)).all()
    assert_array_equal(x[..., 0][at], y[at])


def test_patches_of_volumes_hold_their_labels():
    image = labelled((7, 20, 30), (30, 30))
    x, y, _ = draw(image, everywhere(8, 16, 16), batch_size=16)
    at = y != UNLABELLED
    assert at.any(axis=(1, 2, 3)).all()
    assert_array_equal(x[..., 0][at], y[at])
    x, y, _ = draw(image, everywhere(8, 16, 16), 16, Augmentation())
    assert (y != UNLABELLED).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(
    ("balance", "share"), [(0.0, 1 / 101), (0.5, 1 / 11), (1.0, 1 / 2)]
)
def test_a_thin_class_comes_up_as_often_as_asked_for(balance, share):
    image = labelled(counts=(400, 4))
    _, y, _ = draw(image, centre(8, 8), 1500, None, class_balance=balance)
    assert (y == 1).mean() == pytest.approx(share, abs=0.03)


def test_a_class_without_pixels_is_never_drawn():
    image = labelled(counts=(5, 0, 5))
    _, y, _ = draw(image, centre(8, 8, n_classes=3), 50, class_balance=1.0)
    assert set(np.unique(y)) == {0, 2}


def test_without_augmentation_patches_are_cut_from_the_image_as_they_are():
    image = labelled()
    x, *_ = draw(image, centre(8, 8), augmentation=None)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(image.image[0], 8, mode="reflect"), (8, 8)
    ).reshape(-1, 64)
    assert all((windows == patch.ravel()).all(axis=1).any() for patch in x[:5])


def test_the_images_are_not_written_to():
    image = labelled()
    image = replace(image, teacher=np.full((2, 40, 50), 0.5, np.float32))
    before = [a.copy() for a in (image.image, image.index, image.teacher)]
    for augmentation in (None, FLIPS, Augmentation()):
        x, *_ = draw(image, everywhere(16, 16), 8, augmentation)
        x += 1
    for a, b in zip(before, (image.image, image.index, image.teacher), strict=True):
        assert_array_equal(a, b)


def test_the_same_seed_draws_the_same_patches():
    first, again = (draw(labelled(), centre(9, 9), 8, Augmentation()) for _ in "ab")
    assert_array_equal(first.x, again.x)
    assert (first.x != draw(labelled(), centre(9, 9), 8, seed=1).x).any()


@given(st.permutations(range(4)), st.integers(0, 100))
@settings(max_examples=15, deadline=None)
def test_other_class_numbers_draw_the_same_patches(numbers, seed):
    image = labelled(counts=(5, 50, 1, 9), seed=seed)
    image = replace(image, image=np.random.default_rng(0).random((1, 40, 50), "f4"))
    renamed = np.where(
        image.index == UNLABELLED, UNLABELLED, np.take(numbers, image.index)
    ).astype(np.int16)
    network = everywhere(16, 16, n_classes=4)
    one = draw(image, network, 8, seed=seed)
    other = draw(replace(image, index=renamed), network, 8, seed=seed)
    assert_array_equal(one.x, other.x)
    at = one.y != UNLABELLED
    assert_array_equal(np.take(numbers, one.y[at]), other.y[at])


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (5, 3), (129, 64)])
def test_one_labelled_pixel_is_enough(shape):
    image = labelled(shape, (1,))
    for augmentation in (None, FLIPS, Augmentation()):
        _, y, _ = draw(image, everywhere(64, 64), 4, augmentation)
        assert (y == 0).any(axis=(1, 2)).all()


def test_three_hundred_classes_come_up():
    image = labelled((60, 60), (2,) * 300)
    _, y, _ = draw(image, centre(8, 8, n_classes=300), 1500, class_balance=1.0)
    assert len(np.unique(y)) > 250


def taught(shape=(64, 64)):
    """Labelled in one corner; the teacher knows the rows and the rest."""
    index = np.full(shape, UNLABELLED, np.int16)
    index[:2, :2] = 0
    index[2:4, :2] = 1
    rows = np.broadcast_to(np.linspace(0, 1, shape[0], dtype="f4")[:, None], shape)
    return LabelledImage(rows[None].copy(), index, np.stack([rows, 1 - rows]))


def test_half_of_the_patches_lie_anywhere_where_there_is_a_teacher():
    image = taught()
    _, y, teacher = draw(image, centre(8, 8), 1000)
    assert (y == UNLABELLED).mean() == pytest.approx(0.5, abs=0.06)
    assert teacher.shape == (1000, 1, 1, 2)
    assert np.histogram(teacher[y == UNLABELLED][:, 0], 4, (0, 1))[0].min() > 80


@pytest.mark.parametrize("augmentation", [None, FLIPS, replace(FLIPS, elastic=4.0)])
def test_the_teacher_moves_with_the_image(augmentation):
    x, _, teacher = draw(taught(), everywhere(16, 16), 32, augmentation)
    known = teacher.sum(axis=-1) > 0
    assert known.mean() > 0.5
    assert_allclose(teacher[known][:, 0], x[known][:, 0], atol=1e-5)
    assert_allclose(teacher[known].sum(axis=-1), 1, atol=1e-5)


def test_an_image_without_teacher_beside_one_with_has_zeros():
    images = [taught(), labelled()]
    sampler = PatchSampler(images, centre(8, 8), 200, None)
    _, y, teacher = sampler.draw(np.random.default_rng(0))
    known = teacher.sum(axis=-1) > 0
    assert known[y == UNLABELLED].all()
    assert 0 < known[y != UNLABELLED].mean() < 1


def test_without_a_teacher_there_is_none():
    assert draw(labelled(), centre(8, 8)).teacher is None


def test_an_epoch_covers_every_labelled_pixel_once():
    image = labelled((32, 32), (500, 524))
    assert PatchSampler([image], centre(8, 8), 4, None).patches_per_epoch() == 1024
    assert PatchSampler([image], everywhere(16, 16), 4, None).patches_per_epoch() == 4


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (everywhere(16, 16), (40, 50)),
        (everywhere(16, 16), (5, 100)),
        (centre(8, 9), (40, 50)),
        (everywhere(4, 8, 8), (6, 20, 9)),
    ],
)
def test_a_network_is_judged_on_each_labelled_pixel_once(network, shape):
    images = [labelled(shape, (20, 20)), labelled(shape, (3, 0), seed=1)]
    # Every pixel of every image has a grey value of its own.
    n = images[0].index.size
    images = [
        replace(m, image=(np.arange(n, dtype="f4") + i * n).reshape(1, *shape))
        for i, m in enumerate(images)
    ]
    batches = fair_batches(images, network, 4, 1000, np.random.default_rng(0))
    assert {b.x.shape for b in batches} == {(4, *network.patch_shape, 1)}
    answer = tuple(
        slice(a, a + n)
        for a, n in zip(network.answer_start, network.answer_shape, strict=True)
    )
    seen = np.concatenate([b.x[:, *answer, 0][b.y != UNLABELLED] for b in batches])
    truth = np.concatenate([b.y[b.y != UNLABELLED] for b in batches])
    expected = np.concatenate([m.image[0][m.index != UNLABELLED] for m in images])
    assert_array_equal(np.sort(seen), np.sort(expected))
    grey = np.concatenate([m.image.ravel() for m in images])
    index = np.concatenate([m.index.ravel() for m in images])
    assert_array_equal(truth, index[np.searchsorted(grey, seen)])


def test_of_too_many_answers_as_many_as_wanted_are_judged():
    image = labelled(counts=(300, 300))
    batches = fair_batches([image], centre(8, 8), 32, 64, np.random.default_rng(0))
    assert sum(int((b.y != UNLABELLED).sum()) for b in batches) == 64
