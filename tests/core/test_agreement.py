import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics as sk

from napari_segen.core.agreement import agreement, difference


@st.composite
def pairs(draw, least=0):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=6))
    labels = hnp.arrays(np.uint8, shape, elements=st.sampled_from([least, 1, 4, 9]))
    return draw(labels), draw(labels)


@given(pairs())
def test_figures_are_scikit_learns(pair):
    first, second = pair
    one, other = first.ravel(), second.ravel()
    found = agreement(first, second)
    assert_array_equal(found.classes, np.unique([one, other]))
    assert_allclose(found.dice, sk.f1_score(one, other, average=None))
    assert_allclose(found.iou, sk.jaccard_score(one, other, average=None))
    assert_allclose(found.changed, sk.zero_one_loss(one, other))
    if len(found.classes) > 1:
        assert_array_equal(found.table, sk.confusion_matrix(one, other))
        assert_allclose(found.kappa, sk.cohen_kappa_score(one, other), atol=1e-12)


@given(pairs())
def test_changing_sides_turns_the_table_and_leaves_the_figures(pair):
    there, back = agreement(*pair), agreement(*pair[::-1])
    assert_array_equal(there.table, back.table.T)
    assert_allclose([there.kappa, there.changed], [back.kappa, back.changed])
    assert_allclose(there.dice, back.dice)


@given(pairs(least=0))
def test_the_difference_is_where_values_changed(pair):
    first, second = pair
    found = difference(first, second)
    assert_array_equal(found, second * (first != second))
    assert found.dtype == second.dtype


def test_an_image_agrees_with_itself():
    image = np.array([[1, 1], [1, 1]])
    found = agreement(image, image)
    assert (found.kappa, found.changed) == (1, 0)
    assert not difference(image, image).any()


def test_unlabelled_pixels_of_either_do_not_count():
    first, second = np.array([[0, 1, 2, 2]]), np.array([[1, 0, 2, 1]])
    found = agreement(first, second, unlabelled=0)
    assert_array_equal(found.classes, [1, 2])
    assert_array_equal(found.table, [[0, 0], [1, 1]])
    with pytest.raises(ValueError, match="no pixel that is labelled in both"):
        agreement(first[:, :2], second[:, :2], unlabelled=0)


def test_other_shapes_and_nothing_are_refused():
    with pytest.raises(ValueError, match="second"):
        agreement(np.ones((2, 3), int), np.ones((3, 2), int))
    with pytest.raises(ValueError, match="empty"):
        difference(np.ones((0, 3), int), np.ones((0, 3), int))
    with pytest.raises(TypeError, match="first must be integers"):
        agreement(np.ones((2, 2)), np.ones((2, 2), int))
