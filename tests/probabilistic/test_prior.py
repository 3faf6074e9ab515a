import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_segen.probabilistic.prior import (
    apply_prior,
    check_class_prior,
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
