from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from napari_segen.cnn.holdout import hold_out, is_dense
from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.core.scribbles import number_strokes


def labelled(index, **given):
    index = index.astype(np.int16)
    return LabelledImage(np.zeros((1, *index.shape), np.float32), index, **given)


def strokes(n_per_class):
    index = np.full((64, 64), UNLABELLED)
    for i in range(n_per_class):
        index[4 * i, 5:25] = 0
        index[4 * i, 30:50] = 1
    return labelled(index)


def dense(shape=(64, 64)):
    index = np.zeros(shape)
    index[..., ::3] = 1
    return labelled(index)


def split(*images, share=0.2, n_classes=2, seed=0):
    return hold_out(images, share, n_classes, np.random.default_rng(seed))


def sides(held):
    """Where each image is trained on, and where it is judged."""
    return [
        (t.index != UNLABELLED, v.index != UNLABELLED)
        for t, v in zip(held.training, held.validation, strict=True)
    ]


CASES = {
    "strokes": [strokes(10)],
    "blocks": [dense(), dense((40, 90))],
    "images": [dense() for _ in range(5)],
}


@pytest.mark.parametrize("unit", CASES)
def test_the_unit_and_its_numbers_are_told(unit):
    held = split(*CASES[unit])
    assert held.unit == unit
    assert held.note == f"validation on {held.n_held} of {held.n_units} {unit}"
    assert held.n_held == round(0.2 * held.n_units)


@pytest.mark.parametrize("unit", CASES)
def test_labels_are_trained_on_or_judged_and_never_both(unit):
    held = split(*CASES[unit])
    for i, image in enumerate(CASES[unit]):
        for side in (held.training[i], held.validation[i]):
            shown = side.index != UNLABELLED
            assert_array_equal(side.index[shown], image.index[shown])
    assert not any((kept & out).any() for kept, out in sides(held))


@pytest.mark.parametrize("unit", CASES)
def test_both_sides_hold_both_classes(unit):
    held = split(*CASES[unit])
    for side in (held.training, held.validation):
        assert {0, 1} <= {int(v) for m in side for v in np.unique(m.index)}


def test_strokes_are_held_out_whole():
    image = strokes(10)
    ((kept, out),) = sides(split(image))
    ids, n = number_strokes(image.index + 1)
    assert {out[ids == i].mean() for i in range(1, n + 1)} == {0.0, 1.0}
    assert_array_equal(kept | out, image.index != UNLABELLED)


@pytest.mark.parametrize("shape", [(64, 64), (300, 500), (20, 70, 64)])
def test_blocks_are_held_out_with_a_rim_that_is_not_trained_on(shape):
    ((kept, out),) = sides(split(dense(shape), share=0.1))
    near = ndimage.binary_dilation(out, np.ones((3,) * len(shape)))
    assert not (kept & near).any()
    # The rim is thin: nearly all the rest is trained on.
    assert kept.mean() > 0.7
    assert 0.05 < out.mean() < 0.15


def test_images_are_held_out_whole():
    for kept, out in sides(split(*CASES["images"])):
        assert (kept.all() and not out.any()) or (out.all() and not kept.any())


def test_few_dense_images_are_held_out_by_blocks_and_many_sparse_ones_by_strokes():
    assert split(dense(), dense(), dense()).unit == "blocks"
    assert split(*[strokes(4)] * 6).unit == "strokes"
    assert split(*[dense()] * 4, *[strokes(4)] * 6).unit == "images"


def test_images_with_a_class_of_their_own_are_held_out_by_blocks():
    images = [labelled(np.where(dense().index, 1 + i, 0)) for i in range(4)]
    held = split(*images, n_classes=5)
    assert held.unit == "blocks"
    left = np.unique([m.index for m in held.training])
    assert set(left) >= set(range(5))


def volume(n=6, source="volume", make=dense):
    return [replace(make(), source=source, place=z) for z in range(n)]


def test_the_planes_of_a_volume_are_one_image():
    assert split(*volume()).unit == "blocks"
    volumes = [m for name in "abcd" for m in volume(3, name)]
    held = split(*volumes)
    assert (held.unit, held.n_units) == ("images", 4)
    judged = [out.any() for _, out in sides(held)]
    assert [sum(judged[i : i + 3]) for i in (0, 3, 6, 9)].count(3) == 1
    assert sum(judged) == 3


def test_blocks_go_through_all_planes_of_a_volume():
    outs = [out for _, out in sides(split(*volume()))]
    assert all((out == outs[0]).all() for out in outs)


def test_a_stroke_that_goes_on_in_the_next_plane_is_one_stroke():
    held = split(*volume(3, make=lambda: strokes(5)))
    assert held.n_units == 10
    outs = [out for _, out in sides(held)]
    assert all((out == outs[0]).all() for out in outs)
    apart = [replace(m, place=2 * m.place) for m in volume(3, make=lambda: strokes(5))]
    assert split(*apart).n_units == 30


def test_what_is_held_out_is_a_fair_sample():
    rng = np.random.default_rng(0)
    index = (rng.random((256, 256)) < np.linspace(0, 0.2, 256)).astype(int)
    held = split(labelled(index), share=0.1)
    out = held.validation[0].index
    assert (out == 1).sum() / (out == 0).sum() == pytest.approx(1 / 9, rel=0.15)


@pytest.mark.parametrize("unit", CASES)
def test_what_a_teacher_says_of_held_out_labels_is_not_learnt(unit):
    images = [
        replace(m, teacher=np.full((2, *m.index.shape), 0.5, np.float32))
        for m in CASES[unit]
    ]
    held = split(*images)
    for t, v in zip(held.training, held.validation, strict=True):
        assert v.teacher is None
        shown = v.index != UNLABELLED
        assert t.teacher is None or not t.teacher[:, shown].any()
    taught = [t.teacher for t in held.training if t.teacher is not None]
    assert all((teacher > 0).any() for teacher in taught)
    assert taught


@given(st.permutations(range(3)), st.integers(0, 50), st.booleans())
@settings(max_examples=20, deadline=None)
def test_other_class_numbers_hold_the_same_pixels_out(numbers, seed, sparse):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, (16, 16))
    coarse[rng.random((16, 16)) < 0.85 * sparse] = UNLABELLED
    index = np.kron(coarse, np.ones((4, 4), int))
    renamed = np.where(index == UNLABELLED, UNLABELLED, np.take(numbers, index))
    one = split(labelled(index), n_classes=3, seed=seed)
    other = split(labelled(renamed), n_classes=3, seed=seed)
    assert one.note == other.note
    if one.validation is not None:
        assert_array_equal(sides(one), sides(other))


@pytest.mark.parametrize(
    "image", [strokes(1), strokes(3), dense((3, 3)), dense((1, 9))]
)
def test_too_few_units_are_all_trained_on_and_the_note_says_so(image):
    held = split(image, share=0.1)
    assert held.validation is None
    assert held.n_held == 0
    assert f"too few {held.unit}" in held.note
    assert_array_equal(held.training[0].index, image.index)


@pytest.mark.parametrize("shape", [(1, 400), (400, 1), (17, 90)])
def test_narrow_images_are_held_out_by_blocks_too(shape):
    index = np.arange(shape[0] * shape[1]).reshape(shape) % 2
    assert split(labelled(index), share=0.1).n_held >= 1


def test_of_many_rare_classes_only_what_training_can_spare_is_held_out():
    index = np.full((128, 128), UNLABELLED)
    for i in range(300):
        index[2 * (i // 5), 25 * (i % 5) : 25 * (i % 5) + 5] = i // 2 if i < 100 else i
    held = split(labelled(index), n_classes=300)
    kept, out = held.training[0].index, held.validation[0].index
    assert_array_equal(np.unique(kept), np.unique(index))
    assert out.max() < 50
    assert 20 <= held.n_held <= 50


def test_one_labelled_pixel_is_trained_on():
    index = np.full((9, 9), UNLABELLED)
    index[4, 4] = 0
    assert split(labelled(index), n_classes=1).validation is None


def test_a_split_of_zero_holds_nothing_out():
    held = split(strokes(10), share=0)
    assert held.validation is None
    assert "validation_split is 0" in held.note


def test_images_without_labels_do_not_make_the_others_sparse():
    blank = labelled(np.full((64, 64), UNLABELLED))
    assert is_dense([dense(), *[blank] * 9])
    assert split(dense(), blank, blank, blank).unit == "blocks"
