import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.probabilistic.problems import blobs
from tests.reference import bayes as reference
from tests.reference import softmax as scaling

from napari_segen.probabilistic.bayes import (
    BayesClassifier,
    BayesParams,
    shrunk_covariances,
    squared_lengths,
)
from napari_segen.probabilistic.samples import TrainingSet


def scaled(samples):
    x = samples.features.astype(float)
    return scaling.scaled(x, *scaling.scale(x, samples.weights()))


@pytest.mark.parametrize("shrinkage", [0.5, 8.0])
def test_the_posterior_is_the_formulas(shrinkage):
    samples = blobs(strokes=3)
    z = scaled(samples)
    models = reference.fit(
        z, samples.class_index, samples.strokes, samples.weights(), shrinkage
    )
    expected = [reference.posterior(models, pixel) for pixel in z]
    model = BayesClassifier({"shrinkage": shrinkage}).fit(samples)
    assert_allclose(model.posterior(samples.features.T).T, expected, atol=1e-4)


def test_with_little_shrinkage_it_is_quadratic_discriminant_analysis():
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

    samples = blobs(strokes=400, pixels=2)
    z = scaled(samples)
    theirs = QuadraticDiscriminantAnalysis(priors=[1 / 3] * 3)
    theirs.fit(z, samples.class_index)
    ours = BayesClassifier({"shrinkage": 0.01}).fit(samples)
    assert_allclose(
        ours.posterior(samples.features.T),
        theirs.predict_proba(z).T,
        atol=5e-3,
    )


def test_a_class_of_one_pixel_has_the_common_covariance():
    own = np.stack([np.diag([2.0, 3.0]), np.zeros((2, 2))])
    cov = shrunk_covariances(own, np.array([4.0, 0.0]), 2.0)
    common = (4 * own[0] + 2 * np.eye(2)) / 6
    assert_allclose(cov[1], common)
    assert_allclose(cov[0], (4 * own[0] + 2 * common) / 6)


def test_a_class_of_one_pixel_is_found_again():
    many = blobs(n_classes=2)
    alone = np.array([[-5, -5, -5, -5]], np.float32)
    samples = TrainingSet(
        np.concatenate([many.features, alone]),
        np.append(many.class_index, 2),
        np.append(many.strokes, 99),
        3,
    )
    posterior = BayesClassifier().fit(samples).posterior(alone.T)
    assert posterior[:, 0].argmax() == 2


def test_classes_of_one_pixel_each_are_told_apart():
    features = np.array([[0, 1], [1, 0]], np.float32)
    samples = TrainingSet(features, np.array([0, 1]), np.array([0, 1]), 2)
    posterior = BayesClassifier().fit(samples).posterior(features.T)
    assert posterior[0, 0] > 0.5 > posterior[0, 1]


def test_shrinkage_must_be_positive():
    with pytest.raises(ValueError, match="shrinkage"):
        BayesParams(0.0)


@pytest.mark.parametrize("n", [1, 15, 16, 400, 5000])
def test_squared_lengths_are_the_formulas(n):
    rng = np.random.default_rng(n)
    whitening, mean, z = (
        rng.normal(size=shape).astype(np.float32) for shape in ((30, 30), 30, (30, n))
    )
    expected = ((whitening.astype(float) @ (z - mean[:, np.newaxis])) ** 2).sum(axis=0)
    assert_allclose(squared_lengths(whitening, mean, z), expected, rtol=1e-4)
