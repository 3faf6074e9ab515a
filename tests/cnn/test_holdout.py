import numpy as np
from numpy.testing import assert_array_equal

from napari_segen.cnn.holdout import hold_out
from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.core.scribbles import number_strokes


def strokes(n_per_class):
    index = np.full((64, 64), UNLABELLED, np.int16)
    for i in range(n_per_class):
        index[4 * i, 5:25] = 0
        index[4 * i, 30:50] = 1
    return LabelledImage(np.zeros((1, 64, 64), np.float32), index)


def dense():
    index = np.zeros((64, 64), np.int16)
    index[:, ::3] = 1
    return LabelledImage(np.zeros((1, 64, 64), np.float32), index)


def split(plane, share=0.2):
    return hold_out([plane], share, 2, np.random.default_rng(0))


def test_training_and_validation_share_the_labels_and_overlap_nowhere():
    for plane in (strokes(10), dense()):
        held = split(plane)
        kept, out = held.training[0].index, held.validation[0].index
        assert_array_equal(np.where(kept >= 0, kept, out), plane.index)
        assert not ((kept >= 0) & (out >= 0)).any()


def test_strokes_are_held_out_whole():
    plane = strokes(10)
    out = split(plane).validation[0].index >= 0
    ids, n = number_strokes(plane.index + 1)
    shares = [out[ids == i].mean() for i in range(1, n + 1)]
    assert set(shares) == {0.0, 1.0}


def test_both_sides_hold_both_classes():
    for plane in (strokes(10), dense()):
        held = split(plane)
        for side in (held.training, held.validation):
            assert {0, 1} <= set(np.unique(side[0].index))


def test_too_few_strokes_are_all_trained_on_and_the_note_says_so():
    plane = strokes(1)
    held = split(plane)
    assert held.validation is None
    assert "too few strokes" in held.note
    assert_array_equal(held.training[0].index, plane.index)


def test_a_split_of_zero_holds_nothing_out():
    assert split(strokes(10), share=0).validation is None
