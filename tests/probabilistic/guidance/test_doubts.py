import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.core.scribbles import number_strokes
from napari_segen.probabilistic.guidance.doubts import (
    doubtful_strokes,
    stroke_likelihoods,
)
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.samples import TrainingSet

SPEC = ns.ImageSpec("yx")


def held_out_case(seed, k=3, strokes=6, pixels=4):
    """Strokes of `pixels` each in a row of the image, classes in turn."""
    rng = np.random.default_rng(seed)
    stroke = np.repeat(np.arange(strokes), pixels)
    column = np.tile(np.arange(pixels), strokes)
    places = np.stack([stroke * 0, stroke * 0, stroke, column], axis=1)
    samples = TrainingSet(
        np.zeros((len(stroke), 1), np.float32), stroke % k, stroke, k, places=places
    )
    posterior = rng.dirichlet(np.ones(k), len(stroke)).T
    return HeldOut(posterior, np.ones(len(stroke), bool), samples)


@given(st.integers(0, 999), st.integers(2, 4))
def test_a_stroke_is_doubtful_where_another_class_is_twice_as_likely(seed, k):
    case = held_out_case(seed, k)
    classes = 10 * np.arange(k) + 5
    found = doubtful_strokes(case, classes, SPEC, [(6, 4)])
    expected = {}
    for s in range(6):
        rows = case.samples.strokes == s
        share = [np.mean(case.samples.class_index == c) for c in range(k)]
        likely = [case.posterior[c, rows].mean() / share[c] for c in range(k)]
        own = s % k
        best = max((v, c) for c, v in enumerate(likely) if c != own)
        if best[0] >= 2 * likely[own]:
            expected[s] = best[1], likely[own] / sum(likely), best[0] / likely[own]
    assert {d.position[0] for d in found} == set(expected)
    for doubt in found:
        likeliest, likelihood, odds = expected[doubt.position[0]]
        assert doubt.class_value == classes[doubt.position[0] % k]
        assert doubt.likeliest == classes[likeliest]
        assert_allclose([doubt.likelihood, doubt.odds], [likelihood, odds])
    assert [d.odds for d in found] == sorted((d.odds for d in found), reverse=True)


def test_how_often_a_class_is_painted_does_not_matter():
    """The rare class: what it is painted as often as it is makes no doubt of it."""
    stroke = np.array([0] * 18 + [1] * 2)
    samples = TrainingSet(
        np.zeros((20, 1), np.float32), (stroke > 0).astype(int), stroke, 2
    )
    posterior = np.tile([[0.9], [0.1]], 20)  # as frequent as painted: knows nothing
    _, likelihood = stroke_likelihoods(HeldOut(posterior, np.ones(20, bool), samples))
    assert_allclose(likelihood, 0.5)


def test_what_was_not_held_out_is_not_doubted():
    case = held_out_case(0)
    nothing = HeldOut(case.posterior, np.zeros_like(case.known), case.samples)
    assert doubtful_strokes(nothing, np.arange(3), SPEC, [(6, 4)]) == ()


def painted(shape=(64, 72), n=4):
    image, scribbles, truth = two_regions(shape)
    scribbles[:] = 0
    for i in range(n):
        scribbles[..., 1 + 4 * i, 4:20] = 3
        scribbles[..., 23 + 4 * i, 28:40] = 7
    return image, scribbles, truth


@pytest.mark.parametrize("method", ["auto", "softmax", "forest", "bayes"])
def test_a_stroke_of_the_wrong_colour_is_found_and_leads_to_its_pixels(method):
    image, scribbles, _ = painted()
    scribbles[55, 10:40] = 7  # ground, called box
    model = ns.ProbabilisticSegmenter(method).fit(image, scribbles)
    (doubt,) = model.doubtful_strokes_
    assert (doubt.class_value, doubt.likeliest, doubt.image) == (7, 3, 0)
    ids, _ = number_strokes(scribbles)
    there = ids == ids[doubt.position]
    assert np.array_equal(np.argwhere(there)[:, 0], np.full(30, 55))
    assert abs(doubt.position[1] - 24.5) < 1
    assert 0 <= doubt.likelihood <= 1 / 3
    assert doubt.odds >= 2


def test_good_strokes_are_not_doubted():
    image, scribbles, _ = painted()
    assert (
        ns.ProbabilisticSegmenter("bayes").fit(image, scribbles).doubtful_strokes_ == ()
    )


def test_the_position_is_an_index_into_the_scribbles_of_its_image():
    image, scribbles, _ = painted()
    film = np.stack([image, image, image], axis=1)  # time between the spatial axes
    marks = np.stack([scribbles * 0, scribbles * 0, scribbles], axis=1)
    marks[55, 2, 10:40] = 7
    model = ns.ProbabilisticSegmenter("softmax", smoothing=0).fit(
        [film[:, :1], film],
        [marks[:, 2:] * (marks[:, 2:] != 7), marks],
        spec=ns.ImageSpec("ytx"),
    )
    (doubt,) = model.doubtful_strokes_
    assert doubt.image == 1
    assert doubt.position[:2] == (55, 2)
    assert marks[doubt.position] == 7


def test_a_fit_without_doubts_forgets_those_of_before():
    image, scribbles, _ = painted()
    wrong = scribbles.copy()
    wrong[55, 10:40] = 7
    model = ns.ProbabilisticSegmenter("softmax").fit(image, wrong)
    assert model.doubtful_strokes_
    assert model.fit(image, scribbles).doubtful_strokes_ == ()
    mixture = ns.ProbabilisticSegmenter("mixture").fit(image)
    assert mixture.doubtful_strokes_ == ()


def test_a_loaded_model_doubts_nothing(tmp_path):
    image, scribbles, _ = painted()
    scribbles[55, 10:40] = 7
    model = ns.ProbabilisticSegmenter("softmax").fit(image, scribbles)
    model.save(tmp_path / "m.segen")
    assert ns.load(tmp_path / "m.segen").doubtful_strokes_ == ()
