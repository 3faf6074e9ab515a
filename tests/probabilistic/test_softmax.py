import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from scipy.optimize import approx_fprime
from tests.probabilistic.problems import blobs
from tests.reference import softmax as reference

from napari_segen.core.errors import DataWarning
from napari_segen.core.steps import run
from napari_segen.probabilistic.softmax import (
    OPTIMIZERS,
    SoftmaxClassifier,
    SoftmaxParams,
    loss_and_gradient,
)

# Not so small that Adam's epsilon, or rounding, decides.
SLOPES = st.floats(-1e3, 1e3).filter(lambda g: g == 0 or abs(g) > 1e-6)


def small_problem(seed=0, k=3, f=2, m=7):
    rng = np.random.default_rng(seed)
    z, theta = rng.normal(size=(m, f)), rng.normal(size=(k, f + 1))
    classes, weights = rng.integers(0, k, m), rng.dirichlet(np.ones(m))
    inputs = np.concatenate([z.T, np.ones((1, m))])
    targets = np.zeros((k, m))
    targets[classes, np.arange(m)] = weights
    return theta, z, classes, weights, inputs, targets


def test_the_loss_is_the_formulas():
    theta, z, classes, weights, inputs, targets = small_problem()
    loss, _ = loss_and_gradient(theta, inputs, targets, 0.3)
    assert_allclose(loss, reference.loss(theta, z, classes, weights, 0.3), rtol=1e-9)


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_the_gradient_matches_finite_differences(penalty):
    theta, z, classes, weights, inputs, targets = small_problem()

    def loss_of(flat):
        at = flat.reshape(theta.shape)
        return reference.loss(at, z, classes, weights, penalty)

    _, gradient = loss_and_gradient(theta, inputs, targets, penalty)
    numeric = approx_fprime(theta.ravel(), loss_of, 1e-7)
    assert_allclose(gradient.ravel(), numeric, atol=1e-6)


def test_gradient_descent_steps_against_the_gradient():
    step = OPTIMIZERS["gradient_descent"](0.5)
    assert_allclose(step(np.array([1.0, 2.0]), np.array([2.0, -2.0])), [0.0, 3.0])


@given(
    hnp.arrays(
        float, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=SLOPES
    ),
    st.floats(1e-6, 10.0),
)
def test_any_steps_of_adam_are_the_formulas(gradients, learning_rate):
    step = OPTIMIZERS["adam"](learning_rate)
    theta = np.zeros(gradients.shape[1])
    for gradient, expected in zip(
        gradients, reference.adam(theta, gradients, learning_rate), strict=True
    ):
        theta = step(theta, gradient)
        assert_allclose(theta, expected, rtol=1e-9, atol=1e-9 * learning_rate)


@pytest.mark.parametrize(
    ("optimizer", "steps"), [("adam", 2000), ("gradient_descent", 6000)]
)
def test_the_converged_solution_is_scikit_learns(optimizer, steps):
    from sklearn.linear_model import LogisticRegression

    samples = blobs(strokes=3)
    params = {"optimizer": optimizer, "steps": steps, "learning_rate": 0.2}
    ours = SoftmaxClassifier(params).fit(samples)
    weights = samples.weights()
    x = samples.features.astype(float)
    z = reference.scaled(x, *reference.scale(x, weights))
    n_strokes = len(np.unique(samples.strokes))
    # Their penalty is shared by the sum of weights, ours by the strokes.
    shared = n_strokes / ours.params.penalty
    theirs = LogisticRegression(C=shared, tol=1e-9, max_iter=5000)
    theirs.fit(z, samples.class_index, sample_weight=weights)
    assert_allclose(
        ours.posterior(samples.features.T), theirs.predict_proba(z).T, atol=2e-3
    )


def test_the_posterior_is_the_formulas():
    samples = blobs()
    model = SoftmaxClassifier({"steps": 20}).fit(samples)
    x = samples.features.astype(float)
    z = reference.scaled(x, *reference.scale(x, samples.weights()))
    expected = [reference.probabilities(model.theta_, pixel) for pixel in z]
    assert_allclose(model.posterior(samples.features.T).T, expected, atol=1e-5)


def test_the_loss_falls_from_log_k():
    model = SoftmaxClassifier({"steps": 50, "penalty": 0.5}).fit(blobs(n_classes=3))
    assert_allclose(model.loss_curve_[0], np.log(3), rtol=1e-5)
    assert model.loss_curve_[-1] < model.loss_curve_[0] / 3
    assert len(model.loss_curve_) == 50


def test_the_steps_show_the_loss():
    steps = SoftmaxClassifier({"steps": 30}).fit_steps(blobs())
    shown = [step.figures["loss"] for step in steps]
    assert shown[-1] < shown[0]


@given(st.integers(1, 40))
def test_the_last_step_says_that_all_is_done(n):
    *_, last = SoftmaxClassifier({"steps": n}).fit_steps(blobs())
    assert last.done == last.total == last.figures["step"] == n


def test_a_learning_rate_that_is_too_large_is_reported():
    params = {"optimizer": "gradient_descent", "learning_rate": 10.0, "steps": 2}
    with pytest.warns(DataWarning, match="smaller learning_rate"):
        SoftmaxClassifier(params).fit(blobs())


def test_a_loss_beyond_bounds_ends_the_fit():
    params = {"optimizer": "gradient_descent", "learning_rate": 10.0, "penalty": 100.0}
    with pytest.raises(ValueError, match="learning_rate 10 is too large"):
        SoftmaxClassifier(params).fit(blobs())


def test_a_larger_penalty_gives_softer_probabilities():
    samples = blobs()
    sure, soft = (
        SoftmaxClassifier({"penalty": p}).fit(samples).posterior(samples.features.T)
        for p in (0.1, 100.0)
    )
    assert soft.max(axis=0).mean() < sure.max(axis=0).mean()


@pytest.mark.parametrize(
    ("name", "value"),
    [("optimizer", "newton"), ("learning_rate", 0.0), ("steps", 0), ("penalty", -1.0)],
)
def test_wrong_parameters_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        SoftmaxParams(**{name: value})


def test_closing_stops_the_fit():
    model = SoftmaxClassifier({"steps": 100_000})
    steps = model.fit_steps(blobs())
    next(steps)
    steps.close()
    assert not hasattr(model, "theta_")


def test_extreme_features_give_no_overflow():
    model = SoftmaxClassifier().fit(blobs())
    far = np.array([[1e30], [-1e30], [1e-30], [0]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(model.posterior(far)).all()


def test_run_returns_the_classifier():
    model = SoftmaxClassifier({"steps": 2})
    assert run(model.fit_steps(blobs())) is model
