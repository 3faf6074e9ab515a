import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import ndimage
from tests.reference.periodic_part import periodic_part

from napari_segen.generation.phase import filled, new_texture, smooth_part, varied

SHAPES = [(6, 8), (7, 5), (1, 9), (3, 4, 5)]


def textured(shape, n_channels=1, seed=0):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n_channels, *shape))
    return ndimage.gaussian_filter(noise, (0, *[1.0] * len(shape))) + 3


@pytest.mark.parametrize("shape", SHAPES)
def test_the_periodic_part_solves_its_equation(shape):
    image = textured(shape)
    assert_allclose(
        image[0] - smooth_part(image)[0], periodic_part(image[0]), atol=1e-9
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_texture_of_the_same_size_keeps_mean_and_modulus_of_the_spectrum(shape):
    image = textured(shape, 2)
    made = new_texture(image, shape, np.random.default_rng(1))
    axes = tuple(range(1, image.ndim))
    assert_allclose(made.mean(axis=axes), image.mean(axis=axes))
    before, after = (np.abs(np.fft.fftn(x, axes=axes)) for x in (image, made))
    periodic = np.abs(np.fft.fftn(image - smooth_part(image), axes=axes))
    assert_allclose(after, periodic, atol=1e-9)
    assert not np.allclose(before, 0)


def test_a_texture_keeps_the_covariance_of_the_channels():
    image = textured((40, 40), 3)
    image[1] += 2 * image[0]
    periodic = image - smooth_part(image)
    wanted = np.cov(periodic.reshape(3, -1))
    same = new_texture(image, (40, 40), np.random.default_rng(0))
    assert_allclose(np.cov(same.reshape(3, -1)), wanted)
    large = new_texture(image, (90, 75), np.random.default_rng(0))
    assert_allclose(np.cov(large.reshape(3, -1)), wanted, atol=0.03)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_textures_have_any_size_and_finite_values(height, width, seed):
    made = new_texture(textured((9, 11)), (height, width), np.random.default_rng(seed))
    assert made.shape == (1, height, width)
    assert np.isfinite(made).all()


def test_a_variation_goes_from_the_image_to_another_texture():
    image = textured((30, 32))
    steps = [varied(image, s, np.random.default_rng(0)) for s in (1e-6, 0.3, 0.7)]
    likeness = [np.corrcoef(image.ravel(), v.ravel())[0, 1] for v in steps]
    assert_allclose(steps[0], image, atol=1e-4)
    assert likeness[0] > likeness[1] > likeness[2]


def test_pixels_without_data_get_their_neighbours_values():
    image = textured((8, 8))
    image[0, 2, 2] = np.nan
    image[0, 5, 5] = np.inf
    assert np.isfinite(filled(image)).all()
    assert filled(image)[0, 2, 2] in image[0, 1:4, 1:4]
