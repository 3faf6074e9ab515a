import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar
from tests.probabilistic.problems import blobs

from napari_segen.core.steps import run
from napari_segen.probabilistic.bayes import BayesClassifier
from napari_segen.probabilistic.held_out import (
    TEMPERATURES,
    TRUST_IN_USUAL,
    HeldOut,
    sharpened,
    stroke_folds,
)
from napari_segen.probabilistic.samples import TrainingSet


def painted(*strokes_of_class, pixels=3):
    classes = np.repeat(np.arange(len(strokes_of_class)), strokes_of_class)
    strokes = np.repeat(np.arange(len(classes)), pixels)
    features = np.random.default_rng(0).normal(size=(len(strokes), 2))
    return TrainingSet(
        features.astype(np.float32),
        np.repeat(classes, pixels),
        strokes,
        len(strokes_of_class),
    )


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4))
def test_folds_hold_out_whole_strokes_and_never_all_of_a_class(counts):
    samples = painted(*counts)
    fold = stroke_folds(samples)
    for stroke in np.unique(samples.strokes):
        assert len(np.unique(fold[samples.strokes == stroke])) == 1
    for k, n in enumerate(counts):
        own = fold[samples.class_index == k]
        assert (own == -1).all() if n == 1 else (own >= 0).all()
        assert n == 1 or len(np.unique(own)) > 1


def test_folds_do_not_depend_on_numbers_or_order():
    samples = painted(3, 5)
    order = np.random.default_rng(1).permutation(len(samples.strokes))
    other = TrainingSet(
        samples.features[order],
        1 - samples.class_index[order],
        77 - samples.strokes[order],
        2,
    )
    assert_array_equal(stroke_folds(other), stroke_folds(samples)[order])


def test_what_is_held_out_is_said_by_a_model_without_those_strokes():
    samples = blobs(strokes=3)
    held_out = run(BayesClassifier().fit(samples).held_out_steps(samples))
    fold = stroke_folds(samples)
    for i in range(3):
        without = BayesClassifier().fit(samples.part(fold != i))
        expected = without.posterior(samples.features[fold == i].T)
        assert_allclose(held_out.posterior[:, fold == i], expected, atol=1e-6)
    assert held_out.known.all()


def test_a_class_of_one_stroke_is_not_held_out():
    samples = painted(1, 4)
    held_out = run(BayesClassifier().fit(samples).held_out_steps(samples))
    assert_array_equal(held_out.known, samples.class_index == 1)
    assert held_out.n_strokes == 4


@given(st.floats(0.3, 3), st.integers(0, 99))
def test_sharpening_keeps_the_order_and_the_sum(temperature, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(3), 20).T
    q = sharpened(p, temperature)
    assert_allclose(q.sum(axis=0), 1)
    assert_array_equal(q.argsort(axis=0), p.argsort(axis=0))
    assert_allclose(sharpened(q, 1 / temperature), p, atol=1e-9)


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.0])
@settings(deadline=None)
@given(st.integers(0, 20))
def test_the_temperature_is_that_of_the_least_loss(truth, seed):
    rng = np.random.default_rng(seed)
    n = 400
    p = rng.dirichlet(np.ones(2), n).T
    drawn = (rng.random(n) > sharpened(p, truth)[0]).astype(np.int64)
    samples = TrainingSet(np.zeros((n, 1), np.float32), drawn, np.arange(n), 2)
    held_out = HeldOut(p, np.ones(n, bool), samples)

    def loss(log_t):
        q = np.maximum(sharpened(p, np.exp(log_t)), 1e-3)
        own = -np.log(q[drawn, np.arange(n)]).sum()
        return own + 0.5 * TRUST_IN_USUAL * log_t**2

    best = np.exp(minimize_scalar(loss, bounds=(-1.2, 1.1), method="bounded").x)
    step = TEMPERATURES[1] / TEMPERATURES[0]
    assert 1 / step < held_out.temperature(1.0) / best < step


def test_with_nothing_held_out_the_usual_temperature_stays():
    samples = painted(1, 1)
    nothing = HeldOut(np.full((2, 6), 0.5), np.zeros(6, bool), samples)
    assert nothing.temperature(0.8) == 0.8
    assert nothing.stroke_loss() == 0


def test_calibration_divides_the_log_scores():
    samples = blobs(strokes=3)
    model = BayesClassifier().fit(samples)
    plain = model.posterior(samples.features.T)
    run(model.calibrate_steps(samples))
    assert model.temperature_ != 1
    assert_allclose(
        model.posterior(samples.features.T),
        sharpened(plain, model.temperature_),
        atol=1e-5,
    )
