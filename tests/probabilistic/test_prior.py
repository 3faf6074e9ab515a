import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_segen.probabilistic.prior import (
    apply_prior,
    check_class_prior,
    completed_prior,
    prior_vector,
)

CLASSES = np.array([2, 5])


def test_bayes_theorem_by_hand():
    p = np.array([[0.5], [0.5]], np.float32)
    assert_allclose(apply_prior(p, np.array([0.2, 0.8])), [[0.2], [0.8]], rtol=1e-6)


def test_equal_probabilities_change_nothing():
    p = np.array([[0.1, 0.7], [0.9, 0.3]], np.float32)
    assert_allclose(apply_prior(p, np.array([0.5, 0.5], np.float32)), p, rtol=1e-6)


def test_the_vector_follows_the_classes_and_sums_to_one():
    assert_allclose(prior_vector({5: 3, 2: 1}, CLASSES), [0.25, 0.75])


@pytest.mark.parametrize("given", [{2: 0.5}, {2: 0.5, 5: 0.4, 6: 0.1}])
def test_every_class_must_be_named(given):
    with pytest.raises(
        ValueError, match=r"class_prior must name every class of \[2, 5"
    ):
        prior_vector(given, CLASSES)


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf])
def test_probabilities_must_be_positive(value):
    with pytest.raises(ValueError, match="class_prior must be positive"):
        check_class_prior({1: value})


@pytest.mark.parametrize("given", [[0.5, 0.5], "half", {1: "half"}])
def test_other_types_are_refused(given):
    with pytest.raises(TypeError, match="class_prior must"):
        check_class_prior(given)


def test_classes_that_are_not_set_share_what_is_left_as_they_are_painted():
    classes, painted = np.array([1, 2, 5]), np.array([0.5, 0.1, 0.4])
    found = completed_prior({1: 90.0}, classes, painted)
    assert found == pytest.approx({1: 0.9, 2: 0.02, 5: 0.08})


def test_if_all_are_set_their_ratio_counts():
    found = completed_prior({2: 30.0, 5: 90.0, 7: 50.0}, CLASSES, np.ones(2))
    assert found == pytest.approx({2: 0.25, 5: 0.75})


def test_nothing_set_for_these_classes_means_as_painted():
    assert completed_prior({7: 50.0}, CLASSES, np.ones(2)) is None


def test_something_must_be_left_for_the_others():
    with pytest.raises(ValueError, match="100 percent: nothing is left for class 5"):
        completed_prior({2: 100.0}, CLASSES, np.ones(2))
