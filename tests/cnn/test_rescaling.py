import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.cnn.rescaling import (
    is_other_size,
    rescaled_frames,
    rescaled_posterior,
    scale_factors,
)
from napari_segen.core.imagespec import ImageSpec


@pytest.mark.parametrize(
    ("axes", "size", "unit", "learned", "factors"),
    [
        ("yx", (0.5, 0.5), "um", ("yx", (0.25, 0.5), "um"), (2, 1)),
        ("zyx", (3.0, 0.5, 0.5), "um", ("yx", (1.0, 1.0), "um"), (1, 0.5, 0.5)),
        ("yx", (0.5, 0.5), "nm", ("yx", (0.25, 0.5), "um"), (1, 1)),
        ("yx", None, "pixel", ("yx", (0.25, 0.5), "um"), (1, 1)),
        ("yx", (0.5, 0.5), "um", ("yx", None, "pixel"), (1, 1)),
    ],
)
def test_factors_lead_to_the_learned_pixel_size(axes, size, unit, learned, factors):
    assert scale_factors(ImageSpec(axes, size, unit), ImageSpec(*learned)) == factors


@pytest.mark.parametrize(
    ("factors", "other"), [((1, 1), 0), ((1.1, 0.9), 0), ((1, 1.3), 1), ((0.7, 1), 1)]
)
def test_small_differences_of_pixel_size_do_not_count(factors, other):
    assert is_other_size(factors) == other


def ramp(shape):
    """Grey values that grow linearly with the place, in units of the whole."""
    return sum(
        (np.arange(n) + 0.5).reshape((-1,) + (1,) * (len(shape) - 1 - i)) / n * 100
        for i, n in enumerate(shape)
    )


@pytest.mark.parametrize("factors", [(2, 3), (0.5, 0.5), (1.5, 0.4)])
def test_a_linear_ramp_stays_where_it_was(factors):
    made = rescaled_frames(ramp((40, 60))[None, None], factors)[0, 0]
    assert made.shape == tuple(
        round(n * f) for n, f in zip((40, 60), factors, strict=True)
    )
    assert_allclose(made[6:-6, 6:-6], ramp(made.shape)[6:-6, 6:-6], atol=0.2)


def test_volumes_and_channels_are_rescaled_too():
    frames = np.stack([ramp((8, 20, 20)), 2 * ramp((8, 20, 20))])[None]
    made = rescaled_frames(frames, (2, 1, 1))
    assert made.shape == (1, 2, 16, 20, 20)
    assert_allclose(made[0, 1], 2 * made[0, 0], rtol=1e-5)


def test_grey_values_of_any_type_keep_their_scale():
    frames = np.full((1, 1, 9, 7), 200, np.uint8)
    assert_array_equal(rescaled_frames(frames, (0.5, 2)), 200)


def test_shrinking_a_checkerboard_gives_grey():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 100.0
    made = rescaled_frames(board[None, None], (0.25, 0.25))[0, 0]
    assert_allclose(made[2:-2, 2:-2], 50, atol=10)


def test_no_data_stays_no_data_and_does_not_spread():
    image = np.full((30, 30), 7.0, np.float32)
    image[:, 15:] = np.nan
    made = rescaled_frames(image[None, None], (2, 2))[0, 0]
    assert_allclose(made[:, :30], 7, rtol=1e-5)
    assert np.isnan(made[:, 30:]).all()


def test_a_posterior_comes_back_to_the_images_size_and_sums_to_one():
    p = np.random.default_rng(0).dirichlet(np.ones(3), (1, 12, 9)).transpose(0, 3, 1, 2)
    back = rescaled_posterior(p.astype(np.float32), (25, 31))
    assert back.shape == (1, 3, 25, 31)
    assert back.dtype == np.float32
    assert (back >= 0).all()
    assert_allclose(back.sum(axis=1), 1, atol=1e-6)
