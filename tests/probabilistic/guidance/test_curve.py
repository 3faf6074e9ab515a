import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import linregress

from napari_segen.probabilistic.guidance.curve import ScoreCurve
from napari_segen.probabilistic.score import StrokeScore


def score(n, iou, recall=(0.5, 0.5)):
    return StrokeScore(n, recall, iou, 0.3, 0.1)


def curve(points):
    found = ScoreCurve()
    for n, iou in points:
        found = found.then(score(n, iou))
    return found


ious = st.lists(st.floats(0, 1), min_size=8, max_size=20)


@given(ious)
def test_the_gain_is_scipys_slope_over_the_last_doubling(values):
    n = np.arange(4, 4 + len(values))
    found = curve(zip(n, values, strict=True)).gain()
    last = n >= n[-1] / 2
    expected = linregress(np.log2(n[last]), np.array(values)[last])
    error = np.nan_to_num(expected.stderr)  # SciPy has none for a constant
    assert_allclose(found, [expected.slope, error], atol=1e-7)


def test_a_flat_curve_has_had_enough_and_a_rising_one_has_not():
    n = np.arange(4, 25)
    flat = curve((k, 0.8) for k in n)
    assert flat.more_hardly_help
    assert "hardly" in str(flat)
    assert "from 24 strokes" in str(flat)
    rising = curve((k, 0.5 + 0.05 * np.log2(k)) for k in n)
    assert_allclose(rising.gain(), [0.05, 0], atol=1e-9)
    assert not rising.more_hardly_help


def test_a_shaky_curve_is_not_called_flat():
    rng = np.random.default_rng(0)
    shaky = curve((k, 0.7 + 0.3 * rng.uniform(-1, 1)) for k in range(4, 20))
    assert not shaky.more_hardly_help


@pytest.mark.parametrize(
    "n", [[], [30], [4, 5, 6, 7], [10, 40, 50, 60]], ids=["none", "one", "few", "gaps"]
)
def test_too_little_says_nothing(n):
    found = curve((k, 0.8) for k in n)
    assert found.gain() is None
    assert not found.more_hardly_help


def test_a_fit_without_score_changes_nothing():
    assert ScoreCurve().then(None) == ScoreCurve()
    assert str(ScoreCurve()) == "no score yet"


@given(st.lists(st.integers(1, 30), min_size=1, max_size=15))
def test_strokes_that_were_taken_back_are_forgotten(numbers):
    found = curve((n, 0.5) for n in numbers)
    assert found.n_strokes[-1] == numbers[-1]
    assert (np.diff(found.n_strokes) > 0).all()


def test_recall_has_a_row_for_each_fit_also_when_classes_are_added():
    found = ScoreCurve().then(score(4, 0.5, (0.2, 0.4)))
    found = found.then(score(6, 0.6, (0.3, 0.5, 0.7)))
    assert_array_equal(found.recall, [[0.2, 0.4, np.nan], [0.3, 0.5, 0.7]])
    assert ScoreCurve().recall.shape == (0, 0)
