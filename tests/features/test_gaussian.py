import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter1d

from napari_segen.features.gaussian import half_kernels, radius


@pytest.mark.parametrize("sigma", [1.0, 1.3, 2.0, 7.5, 16.0])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_kernels_are_scipys_impulse_responses_times_sigma_to_the_order(sigma, order):
    reach = radius(sigma)
    impulse = np.zeros(4 * reach + 1)
    impulse[2 * reach] = 1
    # The response is the kernel mirrored; its left half holds the right half.
    response = sigma**order * gaussian_filter1d(impulse, sigma, order=order)
    half = response[reach : 2 * reach + 1][::-1]
    assert_allclose(half_kernels(sigma)[order, : reach + 1], half, atol=1e-7)


@pytest.mark.parametrize("sigma", [0.01, 0.3, 1.0, 5.0])
def test_taps_beyond_the_radius_are_zero(sigma):
    kernels = half_kernels(sigma)
    assert kernels.shape[1] % 2 == 1
    assert not kernels[:, radius(sigma) + 1 :].any()
    assert np.isfinite(kernels).all()
