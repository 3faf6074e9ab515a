"""Laws of classifiers that learn from strokes; a new one is tested as it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import blobs

from napari_segen.core.parameters import as_json, describe
from napari_segen.core.steps import Step, run
from napari_segen.probabilistic.registry import CLASSIFIERS, methods_with_strokes
from napari_segen.probabilistic.samples import TrainingSet

pytestmark = pytest.mark.parametrize("name", methods_with_strokes())


def fitted(name, samples=None):
    return CLASSIFIERS.get(name)().fit(blobs() if samples is None else samples)


def test_it_says_what_it_is(name):
    method = CLASSIFIERS.get(name)
    assert method.title
    assert method.summary.endswith(".")
    assert all(p.help for p in describe(method.Params))


@given(seed=st.integers(0, 999), n_classes=st.integers(2, 5))
@settings(max_examples=10, deadline=None)
def test_a_posterior_is_a_posterior(name, seed, n_classes):
    model = fitted(name, blobs(seed, n_classes))
    anything = 10 * np.random.default_rng(seed).standard_cauchy((4, 6, 5))
    posterior = model.posterior(anything.astype(np.float32))
    assert posterior.shape == (n_classes, 6, 5)
    assert posterior.dtype == np.float32
    assert posterior.min() >= 0
    assert_allclose(posterior.sum(axis=0), 1, atol=1e-5)


def test_a_separable_problem_is_solved(name):
    model, new = fitted(name), blobs(seed=1)
    found = model.posterior(new.features.T).argmax(axis=0)
    assert (found == new.class_index).mean() > 0.97


def test_permuting_the_classes_permutes_the_posterior(name):
    samples, order = blobs(), np.array([2, 0, 1])
    permuted = TrainingSet(
        samples.features, order[samples.class_index], samples.strokes, 3
    )
    x = samples.features.T
    assert_allclose(
        fitted(name, permuted).posterior(x)[order],
        fitted(name, samples).posterior(x),
        atol=1e-4,
    )


def test_the_numbers_of_the_strokes_do_not_matter(name):
    samples = blobs()
    renamed = TrainingSet(
        samples.features, samples.class_index, 1000 - 7 * samples.strokes, 3
    )
    x = samples.features.T
    assert_allclose(
        fitted(name, renamed).posterior(x),
        fitted(name, samples).posterior(x),
        atol=1e-5,
    )


def test_the_same_samples_give_the_same_bytes(name):
    x = blobs(seed=1).features.T
    assert_array_equal(fitted(name).posterior(x), fitted(name).posterior(x))


def test_each_pixel_stands_for_itself(name):
    model, x = fitted(name), blobs(seed=1).features.T
    alone = np.concatenate([model.posterior(x[:, i : i + 1]) for i in range(5)], axis=1)
    assert_allclose(model.posterior(x)[:, :5], alone, atol=1e-6)


def test_restored_from_its_arrays_it_predicts_the_same_bytes(name):
    model, x = fitted(name), blobs(seed=1).features.T
    restored = CLASSIFIERS.get(name).from_arrays(
        as_json(model.params), model.arrays(), 4, 3
    )
    assert_array_equal(restored.posterior(x), model.posterior(x))


def test_arrays_that_do_not_fit_are_refused(name):
    method, arrays = CLASSIFIERS.get(name), fitted(name).arrays()
    for key in arrays:
        with pytest.raises(ValueError, match=key):
            method.from_arrays(
                None, {k: v for k, v in arrays.items() if k != key}, 4, 3
            )
        wrong = np.nan if arrays[key].dtype.kind == "f" else -7
        broken = arrays | {key: np.full_like(arrays[key], wrong)}
        with pytest.raises(ValueError, match=key):
            method.from_arrays(None, broken, 4, 3)
    with pytest.raises(ValueError, match="shape"):
        method.from_arrays(None, arrays, 5, 3)


def test_features_of_another_length_are_refused(name):
    with pytest.raises(ValueError, match="4 planes, got 5"):
        fitted(name).posterior(np.zeros((5, 2, 2), np.float32))


def test_the_samples_are_not_written_to(name):
    samples = blobs()
    before = samples.features.copy()
    fitted(name, samples).posterior(samples.features.T)
    assert_array_equal(samples.features, before)


def test_one_pixel_per_class_is_enough(name):
    features = np.array([[0, 1], [1, 0]], np.float32)
    model = fitted(name, TrainingSet(features, np.arange(2), np.arange(2), 2))
    assert_array_equal(model.posterior(features.T).argmax(axis=0), [0, 1])


def test_features_that_say_nothing_give_an_even_posterior(name):
    flat = np.zeros((10, 3), np.float32)
    samples = TrainingSet(flat, np.repeat([0, 1], 5), np.repeat([0, 1], 5), 2)
    assert_allclose(fitted(name, samples).posterior(flat.T), 0.5, atol=1e-6)


def test_the_fit_reports_its_progress(name):
    steps = list(CLASSIFIERS.get(name)().fit_steps(blobs()))
    assert steps
    assert all(isinstance(s, Step) and s.done <= s.total for s in steps)


@given(seed=st.integers(0, 999), n_classes=st.integers(2, 4))
@settings(max_examples=8, deadline=None)
def test_evidence_sums_to_the_log_posterior(name, seed, n_classes):
    samples = blobs(seed, n_classes)
    model = fitted(name, samples)
    run(model.calibrate_steps(samples))
    new = 2 * np.random.default_rng(seed).normal(size=(5, 4)).astype(np.float32)
    for pixel in (*new, samples.features[0]):
        rows = model.evidence(pixel)
        assert rows.shape == (5, n_classes)
        p = np.exp(rows.sum(axis=0) - rows.sum(axis=0).max())
        expected = model.posterior(pixel[:, np.newaxis])[:, 0]
        assert_allclose(p / p.sum(), expected, atol=2e-5)


def test_the_base_of_evidence_has_no_features_in_it(name):
    model = fitted(name)
    first, second = (model.evidence(x) for x in blobs(seed=1).features[[0, -1]])
    assert_allclose(first[0], second[0])


def test_a_feature_that_is_not_looked_at_adds_nothing(name):
    samples = blobs()
    flat = np.concatenate([samples.features, 0 * samples.features[:, :1]], axis=1)
    model = fitted(
        name, TrainingSet(flat, samples.class_index, samples.strokes, samples.n_classes)
    )
    rows = model.evidence(flat[0])
    assert_allclose(rows[-1] - rows[-1].mean(), 0, atol=1e-9)
