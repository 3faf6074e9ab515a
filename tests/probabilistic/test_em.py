import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.reference import em as reference

from napari_segen.core.steps import run
from napari_segen.probabilistic.em import (
    Shape,
    bic,
    common_covariance,
    e_step,
    fit_steps,
    k_means,
    m_step,
    rounds,
    seeds,
)


def clouds(k=3, n=900, d=2, seed=0, apart=8.0):
    """Points (d, n) in k groups of unequal size and shape."""
    rng = np.random.default_rng(seed)
    group = rng.choice(k, n, p=np.arange(1, k + 1) / (k * (k + 1) / 2))
    centre = apart * np.stack([np.cos(np.arange(k)), *[np.arange(k)] * (d - 1)])
    return centre[:, group] + rng.normal(size=(d, n)) * (1 + 0.3 * group)


def start(x, k, seed=0):
    rng = np.random.default_rng(seed)
    return m_step(k_means(seeds(x, k, rng), x), x, Shape(np.eye(len(x)), 1e-6))


def test_a_round_is_the_formulas():
    x = clouds(apart=2)
    shape = Shape(np.array([[2.0, 0.3], [0.3, 1.0]]), 40.0)
    begin = start(x, 3)
    belongs, likelihood = e_step(begin, x)
    found = m_step(belongs, x, shape)
    weights, means, covariances, expected = reference.round_of(
        begin.weights, begin.means, begin.covariances, x.T, shape.target, shape.points
    )
    assert_allclose(likelihood, expected)
    assert_allclose(found.weights, weights)
    assert_allclose(found.means, means)
    assert_allclose(found.covariances, covariances)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_from_the_same_start_it_goes_where_scikit_learn_goes(covariance):
    from sklearn.mixture import GaussianMixture

    x = clouds(apart=3)
    shape = Shape(np.eye(2), 1e-9, covariance == "diag")
    begin = m_step(e_step(start(x, 3), x)[0], x, shape)
    inverse = np.linalg.inv(begin.covariances)
    theirs = GaussianMixture(
        3,
        covariance_type=covariance,
        tol=1e-7,
        reg_covar=0,
        max_iter=1000,
        weights_init=begin.weights,
        means_init=begin.means,
        precisions_init=inverse
        if covariance == "full"
        else np.diagonal(inverse, axis1=1, axis2=2),
    ).fit(x.T)
    ours = begin
    for _ in range(theirs.n_iter_):
        ours = m_step(e_step(ours, x)[0], x, shape)
    assert_allclose(ours.weights, theirs.weights_, atol=1e-5)
    assert_allclose(ours.means, theirs.means_, atol=1e-4)
    assert_allclose(e_step(ours, x)[0].T, theirs.predict_proba(x.T), atol=1e-4)
    assert_allclose(e_step(ours, x)[1] / 900, theirs.score(x.T), atol=1e-7)


@given(
    seed=st.integers(0, 999),
    points=st.sampled_from([1e-6, 30.0, 1e4]),
    diagonal=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_no_round_lowers_the_likelihood(seed, points, diagonal):
    x = clouds(4, 300, 3, seed, apart=1.5)
    shape = Shape(common_covariance(np.ones((1, 300)), x), points, diagonal)
    begin = m_step(e_step(start(x, 3, seed), x)[0], x, shape)
    reached = np.array([objective for _, objective in rounds(begin, x, shape)])
    assert (np.diff(reached) >= -1e-8 * np.abs(reached[:-1])).all()


def test_far_from_everything_responsibilities_are_still_shares():
    x = clouds()
    belongs, likelihood = e_step(start(x, 3), 1e6 * x)
    assert_allclose(belongs.sum(axis=0), 1)
    assert np.isfinite(likelihood)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("diagonal", [True, False])
def test_bic_finds_the_number_of_separate_groups(k, diagonal):
    x = clouds(k, apart=20)
    fits = [
        run(fit_steps(x, n, np.random.default_rng(0), diagonal=diagonal, restarts=8))
        for n in range(2, 9)
    ]
    assert 2 + np.argmin([bic(fit, x, 300) for fit in fits]) == k


def test_bic_is_scikit_learns():
    from sklearn.mixture import GaussianMixture

    x = clouds()
    fit = run(fit_steps(x, 3, np.random.default_rng(0)))
    theirs = GaussianMixture(3)
    theirs.weights_, theirs.means_ = fit.mixture.weights, fit.mixture.means
    theirs.covariances_ = fit.mixture.covariances
    precision = np.linalg.inv(fit.mixture.covariances)
    theirs.precisions_cholesky_ = np.linalg.cholesky(precision)
    assert_allclose(bic(fit, x, x.shape[1]), theirs.bic(x.T), rtol=1e-6)


def test_one_point_repeated_does_not_make_a_component_collapse():
    x = np.concatenate([clouds(2), np.full((2, 200), 50.0)], axis=1)
    fit = run(fit_steps(x, 3, np.random.default_rng(0)))
    assert np.linalg.eigvalsh(fit.mixture.covariances).min() > 1e-4


def test_more_classes_than_different_points_are_refused():
    x = np.tile(np.array([[0.0, 1.0]]), (2, 50))
    with pytest.raises(ValueError, match="only 2 different"):
        seeds(x, 3, np.random.default_rng(0))


@given(seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_points_does_not_matter(seed):
    x = clouds(apart=2, seed=seed)
    shuffled = np.random.default_rng(seed).permutation(x.T).T
    one, other = (
        run(fit_steps(p, 3, np.random.default_rng(seed))).mixture for p in (x, shuffled)
    )
    assert_allclose(one.means, other.means, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_the_common_covariance_grows_with_the_square_of_the_features(scale):
    x = clouds(k=2, n=40)
    nearest = np.tile(np.eye(2), 20)
    once = common_covariance(nearest, x)
    assert_allclose(common_covariance(nearest, scale * x), scale**2 * once, rtol=1e-9)


def test_groups_without_any_spread_have_a_little_of_that_of_all_points():
    x = np.repeat([[0.0, 5.0], [0.0, 0.0]], 3, axis=1)
    found = common_covariance(np.repeat(np.eye(2), 3, axis=1), x)
    assert 0 < found[0, 0] < 0.01 * x.var(axis=1).mean()
