import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import blobs, two_regions

import napari_segen as ns
from napari_segen.probabilistic.mixture import MixtureClassifier, MixtureParams
from napari_segen.probabilistic.samples import TrainingSet


def unlabelled(samples, strokes=None):
    """The same pixels without their classes; each by itself one stroke."""
    n = len(samples.features)
    brightness = samples.features @ np.arange(1, samples.features.shape[1] + 1)
    own = np.arange(n) if strokes is None else strokes
    return TrainingSet(samples.features, np.zeros(n, int), own, 1, brightness)


@pytest.mark.parametrize("k", [2, 3, 4, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_number_of_separate_groups_is_found(k, seed):
    samples = blobs(seed, k, 5, strokes=12)
    model = MixtureClassifier().fit(unlabelled(samples))
    assert model.n_classes_ == k
    found = model.posterior(samples.features.T).argmax(axis=0)
    pairs = np.unique(np.stack([found, samples.class_index]), axis=1)
    assert pairs.shape[1] == k


def test_few_independent_pixels_support_few_classes():
    samples = blobs(0, 5, 5, strokes=12)
    few = unlabelled(samples, np.arange(len(samples.features)) % 4)
    assert MixtureClassifier().fit(few).n_classes_ < 5


def test_the_frequencies_are_those_of_the_groups():
    samples = blobs(n_classes=2)
    often = np.concatenate([np.arange(96), np.flatnonzero(samples.class_index == 0)])
    more = TrainingSet(
        samples.features[often], samples.class_index[often], samples.strokes[often], 2
    )
    model = MixtureClassifier({"classes": 2}).fit(unlabelled(more))
    assert_allclose(model.frequencies_, [2 / 3, 1 / 3], atol=0.01)


def test_the_posterior_is_bayes_theorem_with_the_frequencies():
    image, _, _ = two_regions()
    model = ns.ProbabilisticSegmenter("mixture", params={"classes": 2}, smoothing=0)
    learnt = model.fit(image).predict_proba(image)
    model.class_prior = dict(enumerate(model.classifier_.frequencies_.tolist(), 1))
    assert_array_equal(model.predict_proba(image), learnt)
    model.class_prior = {1: 0.5, 2: 0.5}
    even = model.predict_proba(image)
    weighed = even * model.classifier_.frequencies_[:, np.newaxis, np.newaxis]
    assert_allclose(learnt, weighed / weighed.sum(axis=0), atol=1e-5)


def test_two_grey_values_are_two_classes():
    image = np.zeros((30, 30))
    image[10:20] = 1
    settings = {"features": "intensity", "sigmas": (0.1,), "smoothing": 0}
    model = ns.ProbabilisticSegmenter("mixture", **settings).fit(image)
    assert_array_equal(model.predict(image), image + 1)
    three = ns.ProbabilisticSegmenter("mixture", params={"classes": 3}, **settings)
    with pytest.raises(ValueError, match="at most 2 classes"):
        three.fit(image)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        MixtureParams(classes=1)


def test_samples_without_brightness_are_refused():
    with pytest.raises(ValueError, match="brightness"):
        MixtureClassifier().fit(blobs())
