import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage
from tests.reference.autoencoder_loss import autocovariance

from napari_segen.generation import field as fields
from napari_segen.generation.field import GaussianField


def smooth_pair(shape, seed):
    """Two correlated smooth channels of variance about 1 and 4."""
    noise = np.random.default_rng(seed).standard_normal((2, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 1.5, 1.5), mode="wrap") * 5.3
    return np.stack([smooth[0], smooth[0] + 1.7 * smooth[1]])


@pytest.mark.parametrize("lag", [(0, 0), (2, 1), (-1, 3)])
def test_lagged_products_equal_the_sum_over_pixels(lag):
    sample = smooth_pair((9, 7), 0)
    found = fields._lagged_products(sample, 4)[:, :, lag[0], lag[1]] / 63
    assert_allclose(found, autocovariance(sample, *lag), atol=1e-10)


def test_a_sample_has_the_mean_and_correlations_of_what_it_was_fitted_on():
    source = smooth_pair((200, 200), 1) + np.array([7, -3]).reshape(2, 1, 1)
    field = GaussianField.fit([source], reach=16)
    sample = field.sample((300, 250), np.random.default_rng(2))
    assert_allclose(sample.mean(axis=(1, 2)), [7, -3], atol=0.3)
    centered = [x - x.mean(axis=(1, 2), keepdims=True) for x in (sample, source)]
    for lag in [(0, 0), (0, 2), (3, 1)]:
        shifted = [np.roll(x, lag, (1, 2)) for x in centered]
        made, true = (
            np.einsum("ihw,jhw->ij", s, x) / x[0].size
            for s, x in zip(shifted, centered, strict=True)
        )
        assert_allclose(made, true, atol=0.25)


def test_a_white_field_is_independent_and_standard():
    sample = GaussianField.white(3).sample((200, 200), np.random.default_rng(0))
    assert_allclose(np.cov(sample.reshape(3, -1)), np.eye(3), atol=0.03)


def test_frames_smaller_than_the_reach_are_taken():
    field = GaussianField.fit([smooth_pair((1, 3), 0)], reach=8)
    assert np.isfinite(field.sample((5, 5), np.random.default_rng(0))).all()
