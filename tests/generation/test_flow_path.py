import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.reference import flow as reference

from napari_segen.core.steps import Step, run
from napari_segen.generation.flow_path import mixture, time_maps, velocity
from napari_segen.generation.flow_sampling import euler_steps

TIMES = st.floats(0, 1)


@given(TIMES, st.integers(0, 99))
def test_every_pixel_goes_straight_from_noise_to_image(t, seed):
    noise, image = np.random.default_rng(seed).standard_normal((2, 50)) * 3
    pixels = mixture(noise, image, t)
    assert_allclose(pixels, reference.pixels_at(noise, image, t))
    assert_allclose(noise + t * velocity(noise, image), pixels, atol=1e-9)
    assert_allclose(pixels + (1 - t) * velocity(noise, image), image, atol=1e-9)


@pytest.mark.parametrize("t", [0.0, 0.4, 1.0])
def test_the_best_guess_is_the_mean_velocity_of_those_that_pass(t):
    """Of many pairs, those near one place: their mean velocity is the formula's."""
    noise, image = np.random.default_rng(0).standard_normal((2, 2_000_000))
    image = 0.7 + 0.4 * image
    pixels = mixture(noise, image, t)
    near = np.abs(pixels - 0.5) < 0.02
    found = velocity(noise, image)[near].mean()
    assert_allclose(found, reference.best_guess(0.7, 0.4, 0.5, t), atol=0.02)


def test_each_time_has_maps_of_its_own():
    maps = time_maps(np.linspace(0, 1, 30))
    gaps = np.abs(maps[:, np.newaxis] - maps).max(axis=-1) + np.eye(30)
    assert gaps.min() > 0.01


def follow(mean, std, start, n, first=0.0):
    def velocity_steps(pixels, t):
        yield Step(0, 0, "")
        return reference.best_guess(mean, std, pixels, t)

    return run(euler_steps(velocity_steps, start, first, n))


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.5, 0.3), (-2.0, 2.0)])
def test_euler_steps_carry_noise_to_the_image_of_the_same_quantile(mean, std):
    start = np.linspace(-2, 2, 41)
    errors = [
        np.abs(follow(mean, std, start, n) - reference.arrival(mean, std, start)).max()
        for n in (20, 40, 80)
    ]
    assert errors[2] < 0.08
    halved = np.divide(errors[1:], errors[:-1])  # a method of the first order
    assert_allclose(halved, 0.5, atol=0.03)


def test_a_start_near_the_end_is_hardly_moved():
    start = np.linspace(-2, 2, 41)
    for short in (0.1, 0.01, 0.001):
        moved = follow(0.5, 1.2, start, 3, first=1 - short)
        assert np.abs(moved - start).max() < 4 * short
