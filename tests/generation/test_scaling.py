import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from napari_segen.generation.scaling import Scaling


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, bool])
def test_grey_values_come_back(dtype):
    image = (np.random.default_rng(0).random((2, 30, 20)) * 200).astype(dtype)
    scaling = Scaling.fit([image])
    found = scaling.undo(scaling.apply(image))
    assert_allclose(found, image.astype(float), atol=2e-4)


def test_scaled_images_have_mean_0_and_variance_1():
    images = [np.random.default_rng(i).gamma(2, 9, (3, 40, 9)) for i in range(2)]
    joined = np.concatenate([Scaling.fit(images).apply(i) for i in images], axis=1)
    assert_allclose(joined.mean(axis=(1, 2)), 0, atol=1e-5)
    assert_allclose(joined.std(axis=(1, 2)), 1, rtol=1e-5)


def test_scaled_images_do_not_depend_on_the_unit_of_grey():
    image = np.random.default_rng(0).random((1, 20, 20))
    tiny = image * 1e-14 + 1e-12
    assert_allclose(
        Scaling.fit([tiny]).apply(tiny), Scaling.fit([image]).apply(image), atol=1e-3
    )


def test_pixels_without_data_count_for_nothing_and_stay():
    image = np.random.default_rng(0).random((1, 20, 20))
    holed = np.concatenate([image, np.full((1, 5, 20), np.nan)], axis=1)
    a, b = Scaling.fit([image]), Scaling.fit([holed])
    assert_allclose([a.mean, a.std], [b.mean, b.std])
    assert np.isnan(b.apply(holed)[0, 20:]).all()


@given(st.floats(-1e6, 1e6))
def test_a_constant_image_is_0(value):
    image = np.full((1, 4, 5), value)
    scaling = Scaling.fit([image])
    assert_allclose(scaling.apply(image), 0, atol=1e-6)
    assert_allclose(scaling.undo(np.zeros((1, 4, 5))), image, atol=1e-9)


@pytest.mark.parametrize(
    "std",
    [
        np.zeros(1),
        np.array([-1.0]),
        np.array([np.nan]),
        np.array(1.0),
        np.array(["a"]),
        np.zeros(0),
        np.ones(2),
        np.ones((1, 1)),
    ],
)
def test_a_damaged_scaling_is_refused(std):
    with pytest.raises(ValueError, match="scaling"):
        Scaling.from_arrays({"mean": np.zeros(1), "std": std})


def test_images_without_data_are_refused():
    with pytest.raises(ValueError, match="no pixel with data"):
        Scaling.fit([np.full((1, 3, 3), np.nan)])
