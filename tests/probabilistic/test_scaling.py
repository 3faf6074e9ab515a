import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference import softmax as reference

from napari_segen.probabilistic.scaling import FeatureScaling


def uniform(n):
    return np.full(n, 1 / n)


def heavy_tails(n=200, f=3, seed=0):
    return np.random.default_rng(seed).standard_t(2, (n, f)).astype(np.float32)


def test_training_features_get_zero_mean_and_unit_deviation():
    x = heavy_tails()
    z = FeatureScaling.fit(x, uniform(len(x))).apply(x.T)
    assert_allclose(z.mean(axis=1), 0, atol=1e-5)
    assert_allclose(z.std(axis=1), 1, rtol=1e-5)


def test_equals_the_formula():
    x, w = heavy_tails(), np.random.default_rng(1).dirichlet(np.ones(200))
    expected = reference.scaled(x, *reference.scale(x.astype(float), w))
    assert_allclose(FeatureScaling.fit(x, w).apply(x.T).T, expected, atol=2e-5)


def test_a_feature_without_information_is_silent():
    x = heavy_tails()
    x[:, 1] = 5
    x[:, 2] = 1e-9 * x[:, 0]
    z = FeatureScaling.fit(x, uniform(len(x))).apply(x.T)
    assert_array_equal(z[1:], 0)


def test_features_that_are_all_zero_stay_zero():
    x = np.zeros((10, 2), np.float32)
    assert_array_equal(FeatureScaling.fit(x, uniform(10)).apply(x.T), 0)


def test_the_unit_of_a_feature_does_not_matter():
    x = heavy_tails()
    z = FeatureScaling.fit(x, uniform(len(x))).apply(x.T)
    scaled = FeatureScaling.fit(100 * x, uniform(len(x))).apply(100 * x.T)
    assert_allclose(scaled, z, atol=1e-4)
