import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import jaccard_score, log_loss, recall_score
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.score import StrokeScore, calibration_error


def case(seed=0, n=60, k=3):
    rng = np.random.default_rng(seed)
    posterior = rng.dirichlet(np.ones(k), n).T
    classes = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    samples = TrainingSet(np.zeros((n, 1), np.float32), classes, np.arange(n), k)
    return HeldOut(posterior, np.ones(n, bool), samples)


def test_figures_are_scikit_learns():
    held_out = case()
    truth, found = held_out.samples.class_index, held_out.posterior.argmax(axis=0)
    score = StrokeScore.of(held_out)
    assert score.n_strokes == 60
    assert_allclose(score.recall, recall_score(truth, found, average=None))
    assert_allclose(score.mean_iou, jaccard_score(truth, found, average="macro"))
    assert_allclose(score.log_loss, log_loss(truth, held_out.posterior.T))


def test_the_calibration_error_of_known_frequencies():
    # 10 pixels of confidence 0.9 of which 6 are right, 30 of 0.5 of which 15 are.
    confidence = np.repeat([0.9, 0.5], [10, 30])
    right = np.concatenate([np.arange(10) < 6, np.arange(30) < 15])
    error = calibration_error(confidence, right, np.ones(40))
    assert_allclose(error, 0.3 * 10 / 40)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_the_calibration_error_is_that_of_numpys_histograms(seed, n):
    rng = np.random.default_rng(seed)
    confidence, weights = rng.uniform(size=n), rng.uniform(0.1, 1, n)
    right = rng.uniform(size=n) < 0.5
    claimed, true = (
        np.histogram(confidence, 15, (0, 1), weights=weights * w)[0]
        for w in (confidence, right)
    )
    expected = np.abs(claimed - true).sum() / weights.sum()
    assert_allclose(calibration_error(confidence, right, weights), expected)


def test_confidence_one_belongs_to_the_last_bin():
    assert calibration_error(np.ones(3), np.ones(3, bool), np.ones(3)) == 0


def test_a_class_that_was_not_held_out_has_no_recall():
    held_out = case()
    known = held_out.samples.class_index > 0
    score = StrokeScore.of(HeldOut(held_out.posterior, known, held_out.samples))
    assert np.isnan(score.recall[0])
    assert np.isfinite([*score.recall[1:], score.mean_iou, score.log_loss]).all()
    again = StrokeScore.from_json(json.loads(json.dumps(score.as_json())))
    assert_allclose(again.recall, score.recall)
    assert again.mean_iou == score.mean_iou


def test_nothing_held_out_gives_no_score():
    held_out = case()
    assert (
        StrokeScore.of(
            HeldOut(held_out.posterior, held_out.known & False, held_out.samples)
        )
        is None
    )


def many_strokes():
    image, scribbles, _ = two_regions()
    scribbles[18:22, 22:30], scribbles[45, 5:40] = 7, 3
    return image, scribbles


@pytest.mark.parametrize("method", ["auto", "softmax", "forest", "bayes"])
def test_an_easy_image_has_a_good_score_and_a_file_keeps_it(method, tmp_path):
    image, scribbles = many_strokes()
    model = ns.ProbabilisticSegmenter(method).fit(image, scribbles)
    assert model.score_.n_strokes >= 2
    assert model.score_.mean_iou > 0.9
    assert "strokes" in str(model.score_)
    model.save(tmp_path / "m.segen")
    again = ns.load(tmp_path / "m.segen")
    assert again.score_ == model.score_
    assert again.classifier_.reason_ == model.classifier_.reason_
    assert_allclose(again.class_shares_, model.class_shares_)


def test_one_stroke_each_leaves_no_score_but_a_reason(tmp_path):
    image, scribbles, _ = two_regions()
    model = ns.ProbabilisticSegmenter().fit(image, scribbles)
    assert model.score_ is None
    assert "paint two or more" in model.score_reason_
    model.save(tmp_path / "m.segen")
    assert ns.load(tmp_path / "m.segen").score_reason_ == model.score_reason_
