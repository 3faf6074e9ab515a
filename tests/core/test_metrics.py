import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics as sk

from napari_segen.core import metrics

CLASSES = np.array([2, 3, 7])


@st.composite
def predictions(draw):
    values = st.sampled_from(CLASSES.tolist())
    n = draw(st.integers(3, 60))
    truth = draw(hnp.arrays(np.uint8, n, elements=values))
    truth[:3] = CLASSES
    return draw(hnp.arrays(np.uint8, n, elements=values)), truth


@given(predictions())
def test_confusion_equals_scikit_learns(pair):
    prediction, truth = pair
    table = metrics.confusion(prediction, truth, CLASSES)
    expected = sk.confusion_matrix(truth, prediction, labels=CLASSES)
    assert_array_equal(table[:, :-1], expected)
    assert_array_equal(table[:, -1], 0)


@given(predictions())
def test_class_iou_equals_scikit_learns_jaccard_score(pair):
    prediction, truth = pair
    expected = sk.jaccard_score(
        truth, prediction, labels=CLASSES, average=None, zero_division=0
    )
    assert_allclose(metrics.class_iou(prediction, truth, CLASSES), expected)
    assert_allclose(metrics.mean_iou(prediction, truth, CLASSES), expected.mean())


@given(predictions())
def test_recall_equals_scikit_learns(pair):
    prediction, truth = pair
    expected = sk.recall_score(
        truth, prediction, labels=CLASSES, average=None, zero_division=0
    )
    assert_allclose(metrics.recall(prediction, truth, CLASSES), expected)


@given(st.integers(0, 2**32 - 1))
def test_log_loss_equals_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    posterior = rng.dirichlet(np.ones(3), 20).T
    index = rng.integers(0, 3, 20)
    expected = sk.log_loss(index, posterior.T, labels=[0, 1, 2])
    assert metrics.log_loss(posterior, index) == pytest.approx(expected)


def test_a_certain_mistake_costs_much_but_not_infinity():
    loss = metrics.log_loss(np.array([[1.0], [0.0]]), np.array([1]))
    assert 80 < loss < 100


def test_unlabelled_truth_does_not_count():
    truth = np.array([0, 0, 2, 3])
    one, other = np.array([2, 3, 2, 3]), np.array([7, 7, 2, 3])
    for prediction in (one, other):
        assert_array_equal(
            metrics.class_iou(prediction, truth, CLASSES), [1, 1, np.nan]
        )


@pytest.mark.parametrize("odd", [0, 5, 200])
def test_a_value_that_is_no_class_is_a_miss_and_no_false_alarm(odd):
    truth, prediction = np.array([2, 2, 3, 7]), np.array([2, odd, 3, 7])
    assert_array_equal(metrics.confusion(prediction, truth, CLASSES)[:, -1], [1, 0, 0])
    assert_array_equal(metrics.class_iou(prediction, truth, CLASSES), [0.5, 1, 1])


def test_a_class_that_the_truth_lacks_has_no_score():
    truth, prediction = np.array([2, 2]), np.array([2, 7])
    assert_array_equal(
        metrics.recall(prediction, truth, CLASSES), [0.5, np.nan, np.nan]
    )
    assert metrics.mean_iou(prediction, truth, CLASSES) == 0.5


def test_truth_without_any_class_is_an_error():
    with pytest.raises(ValueError, match="truth holds none of the classes"):
        metrics.mean_iou(np.array([2]), np.array([0]), CLASSES)


@given(*[hnp.arrays(np.int64, (4, 5), elements=st.integers(0, 5))] * 2)
def test_average_precision_counts_matches_one_by_one(prediction, truth):
    ids = [np.unique(a[a > 0]) for a in (prediction, truth)]
    matched = 0
    for p in ids[0]:
        for t in ids[1]:
            one, other = prediction == p, truth == t
            matched += (one & other).sum() / (one | other).sum() > 0.5
    total = len(ids[0]) + len(ids[1]) - matched
    expected = matched / total if total else 1
    assert metrics.average_precision(prediction, truth) == expected


def test_average_precision_where_objects_may_match_twice_is_refused():
    with pytest.raises(ValueError, match="threshold"):
        metrics.average_precision(np.ones((2, 2), int), np.ones((2, 2), int), 0.3)
