import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from napari_segen.cnn.calibration import LIMITS, PULL, cost, fit_temperature
from napari_segen.core.metrics import log_loss

MANY = 1000


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def drawn(temperature, n=20_000, k=3, seed=0):
    """Logits that are `temperature` times as sure as they ought to be."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0, 1.5, (n, k))
    truth = (softmax(honest).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return (temperature * honest).astype(np.float32), truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_it_finds_how_much_too_sure_the_logits_are(temperature):
    assert fit_temperature(*drawn(temperature), MANY) == pytest.approx(
        temperature, rel=0.1
    )


def test_it_is_the_minimum_that_scipy_finds():
    logits, truth = drawn(2.5, n=500)

    def loss(t):
        p = softmax(logits.astype(float) / np.exp(t))
        return log_loss(p.T, truth) + PULL / 3 * t**2

    best = minimize_scalar(loss, bounds=np.log(LIMITS), method="bounded").x
    assert_allclose(fit_temperature(logits, truth, 3), np.exp(best), rtol=5e-3)
    assert cost(best, logits, truth, 3) == pytest.approx(loss(best))


def test_it_stays_within_its_limits():
    logits, truth = drawn(1.0)
    assert fit_temperature(1e6 * logits, truth, MANY) <= LIMITS[1]
    assert fit_temperature(1e-6 * logits, truth, MANY) >= LIMITS[0]


def test_labels_that_are_all_right_do_not_make_it_certain_of_everything():
    truth = np.arange(300) % 3
    assert 0.8 < fit_temperature(8.0 * np.eye(3)[truth], truth, 10) <= 1


def test_two_strokes_that_are_all_wrong_do_not_make_it_give_up():
    truth = np.arange(300) % 3
    assert fit_temperature(np.roll(4.0 * np.eye(3)[truth], 1, axis=1), truth, 2) < 3


def test_without_pixels_it_is_one():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int), 1) == 1


def test_the_most_probable_class_stays():
    logits, truth = drawn(3.0)
    scaled = logits / fit_temperature(logits, truth, MANY)
    assert_array_equal(scaled.argmax(axis=1), logits.argmax(axis=1))
