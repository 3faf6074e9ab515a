from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import log_softmax, softmax
from tests.probabilistic.problems import blobs

from napari_segen.probabilistic.bayes import BayesClassifier, log_densities
from napari_segen.probabilistic.evidence import (
    evidence_of_shares,
    gaussian_evidence,
    mean_evidence,
    shares_of_evidence,
)
from napari_segen.probabilistic.forest.method import ForestClassifier
from napari_segen.probabilistic.forest.paths import path_parts
from napari_segen.probabilistic.mixture import MixtureClassifier

SEEDS = st.integers(0, 9999)


def gaussians(seed, k=3, d=2, f=4):
    rng = np.random.default_rng(seed)
    means, whitening = rng.normal(size=(k, f)), rng.normal(size=(k, d, f))
    return means, whitening, rng.normal(size=f), rng.normal(size=k)


@given(SEEDS)
def test_gaussian_evidence_is_the_integrated_gradient(seed):
    """Along the straight path from 0, by numerical integration."""
    means, whitening, z, base = gaussians(seed)
    rows = gaussian_evidence(base, means, whitening, z)
    for k, (m, w) in enumerate(zip(means, whitening, strict=True)):
        for f in range(4):
            gradient = quad(lambda a, f=f, m=m, w=w: -(w.T @ w @ (a * z - m))[f], 0, 1)
            assert_allclose(rows[1 + f, k], z[f] * gradient[0], atol=1e-9)


@given(SEEDS)
def test_gaussian_evidence_sums_to_the_density(seed):
    means, whitening, z, factor = gaussians(seed)
    at = np.stack([0 * z, z], axis=1)
    densities = log_densities(
        *(a.astype(np.float32) for a in (means, whitening)),
        factor.astype(np.float32),
        at.astype(np.float32),
    )
    rows = gaussian_evidence(densities[:, 0], means, whitening, z)
    assert_allclose(rows.sum(axis=0), densities[:, 1], rtol=1e-4, atol=1e-4)


@given(SEEDS, st.integers(2, 4))
def test_evidence_becomes_shares_that_sum_to_the_posterior_and_comes_back(seed, k):
    evidence = np.random.default_rng(seed).normal(size=(6, k))
    base, parts = shares_of_evidence(evidence)
    assert_allclose(base, softmax(evidence[0]))
    assert_allclose(base + parts.sum(axis=0), softmax(evidence.sum(axis=0)))
    assert_allclose(parts.sum(axis=1), 0, atol=1e-12)
    again = evidence_of_shares(base, parts)
    assert_allclose(again.sum(axis=0), log_softmax(evidence.sum(axis=0)))


@given(SEEDS)
def test_the_evidence_of_a_mean_sums_to_its_logarithm(seed):
    rng = np.random.default_rng(seed)
    members = [rng.normal(size=(n, 3)) for n in (4, 4, 6)]
    weights = rng.dirichlet(np.ones(3))
    rows = mean_evidence(members, weights)
    assert rows.shape == (6, 3)
    mean = sum(
        w * softmax(m.sum(axis=0)) for m, w in zip(members, weights, strict=True)
    )
    assert_allclose(rows.sum(axis=0), np.log(mean))


def test_probabilities_of_zero_count_as_a_millionth():
    rows = evidence_of_shares(np.array([0.5, 0.5]), np.array([[0.5, -0.5]]))
    assert_allclose(rows.sum(axis=0), np.log([1, 1e-6]))


def test_nothing_added_is_no_evidence():
    rows = evidence_of_shares(np.array([0.3, 0.7, 0]), np.zeros((2, 3)))
    assert_allclose(rows[1:], 0)


def test_paths_end_at_the_forests_votes():
    samples = blobs()
    model = ForestClassifier().fit(samples)
    for pixel in samples.features[::17]:
        base, parts = path_parts(model.trees_, model.params.trees, pixel)
        votes = model.posterior(pixel[:, np.newaxis])[:, 0]  # temperature 1
        assert_allclose(base + parts.sum(axis=0), votes, atol=1e-5)
        assert_allclose(base.sum(), 1, atol=1e-6)


def test_the_feature_that_tells_gaussian_classes_apart_has_the_say():
    samples = blobs(n_classes=2, strokes=20)
    rows = BayesClassifier().fit(samples).evidence(np.float32([3, 0, 0, 0]))
    for_the_first = rows[1:, 0] - rows[1:, 1]
    assert for_the_first[:2].min() > 1
    assert np.abs(for_the_first[2:]).max() < 0.5


@pytest.mark.parametrize("n", range(3))
def test_a_mixture_explains_itself(n):
    samples = blobs(n, strokes=20, pixels=20)
    samples = replace(samples, brightness=samples.features[:, 0])
    model = MixtureClassifier({"classes": 3}).fit(samples)
    pixel = samples.features[5]
    rows = model.evidence(pixel).sum(axis=0)
    expected = model.posterior(pixel[:, np.newaxis])[:, 0]
    assert_allclose(softmax(rows), expected, atol=1e-4)
