"""What is told of long work: its share that is done, and how a fit goes."""

import numpy as np
import pytest
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.probabilistic.registry import CLASSIFIERS

LOOKS = (
    "predict_steps",
    "predict_proba_steps",
    "uncertainty_steps",
    "novelty_steps",
    "segment_steps",
    "suggest_steps",
    "unlike_training_steps",
)


def assert_it_never_falls_and_ends_at_all(steps):
    shares = [step.done / step.total for step in steps]
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] == 1


def two_images():
    image, scribbles, _ = two_regions()
    return [image, image[::-1]], [scribbles, scribbles[::-1]]


@pytest.mark.parametrize("method", list(CLASSIFIERS))
@pytest.mark.parametrize("n", [1, 2])
def test_the_share_of_a_fit_that_is_done_never_falls_and_ends_at_all(method, n):
    images, scribbles = two_images()
    marks = scribbles[:n] if CLASSIFIERS.get(method).needs_strokes else None
    steps = ns.ProbabilisticSegmenter(method).fit_steps(images[:n], marks)
    assert_it_never_falls_and_ends_at_all(steps)


@pytest.mark.parametrize("name", LOOKS)
def test_the_share_of_a_look_that_is_done_never_falls_and_ends_at_all(name):
    images, scribbles = two_images()
    model = ns.ProbabilisticSegmenter("softmax").fit(images, scribbles)
    look = getattr(model, name)
    assert_it_never_falls_and_ends_at_all(look(images[0]))
    series = look(np.stack(images), spec=ns.ImageSpec("nyx"))
    assert_it_never_falls_and_ends_at_all(series)


def test_what_takes_both_posterior_and_novelty_tells_one_share():
    images, scribbles = two_images()
    model = ns.ProbabilisticSegmenter("softmax").fit(images, scribbles)
    steps = model.segment_steps(images[0], novelty=True)
    assert_it_never_falls_and_ends_at_all(steps)


def test_a_fit_tells_its_loss():
    image, scribbles, _ = two_regions()
    steps = ns.ProbabilisticSegmenter().fit_steps(image, scribbles)
    assert any("loss" in step.figures for step in steps)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_it_says_that_it_smooths_where_it_does_and_only_there(strength):
    image, scribbles, _ = two_regions()
    model = ns.ProbabilisticSegmenter("softmax", smoothing=strength)
    steps = model.fit(image, scribbles).segment_steps(image)
    assert ("Smoothing" in {step.text for step in steps}) == (strength > 0)
