import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.core.normalization import (
    MODES,
    SAMPLE,
    Normalization,
    channel_range,
    has_data,
    scaled,
)


def noisy_frames(seed=0, n_channels=2):
    """Two frames ``(2, C, 20, 20)`` of integers, so that products are exact."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 1000, (2, n_channels, 20, 20)).astype(float)


def normalised(norm, frame):
    return scaled(frame, *norm.scale_of(frame))


@given(
    st.sampled_from(["auto", "training", "image"]),
    st.integers(1, 40),
    st.integers(-10_000, 10_000),
)
def test_a_times_x_plus_b_on_all_images_changes_nothing(mode, a, b):
    frames = noisy_frames()
    plain = Normalization(mode).fit([frames])
    mapped = Normalization(mode).fit([a * frames + b])
    assert_allclose(
        normalised(mapped, a * frames[1] + b), normalised(plain, frames[1]), atol=1e-6
    )


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_the_type_in_which_values_are_stored_does_not_matter(mode, dtype):
    frames = noisy_frames()
    plain = Normalization(mode).fit([frames])
    stored = Normalization(mode).fit([frames.astype(dtype)])
    assert_array_equal(
        normalised(stored, frames[0].astype(dtype)), normalised(plain, frames[0])
    )


def test_none_leaves_values_as_they_are():
    frames = noisy_frames()
    norm = Normalization("none").fit([frames])
    assert_array_equal(normalised(norm, frames[0]), frames[0].astype(np.float32))


def test_auto_does_not_blow_up_the_noise_of_an_empty_field():
    rng = np.random.default_rng(1)
    background = rng.normal(100, 2, (1, 1, 64, 64))
    objects = background.copy()
    objects[..., 20:40, 20:40] += 200
    auto = Normalization("auto").fit([objects])
    image = Normalization("image").fit([objects])
    assert np.ptp(normalised(auto, background[0])) < 0.2
    assert np.ptp(normalised(image, background[0])) > 1


@pytest.mark.parametrize("level", [2.0, 98.0])
def test_auto_leaves_an_empty_field_as_bright_as_it_is(level):
    image = np.linspace(0, 100, 10_000).reshape(1, 1, 100, 100)
    scale = Normalization("auto").fit([image])
    rng = np.random.default_rng(0)
    field = level + rng.normal(0, 0.1, (1, 50, 50))
    values = scaled(field, *scale.scale_of(field))
    as_trained = scaled(np.full((1, 1, 1), level), scale.low, scale.least_span)
    assert_allclose(values, as_trained + 0 * values, atol=0.05)


def test_auto_follows_an_image_that_is_twice_as_bright():
    frames = noisy_frames()
    norm = Normalization("auto").fit([frames])
    assert_allclose(
        normalised(norm, 2 * frames[0]), normalised(norm, frames[0]), atol=1e-6
    )


def test_a_blank_training_frame_does_not_take_the_floor_away():
    frames = noisy_frames()
    blank = np.zeros((1, 2, 20, 20))
    norm = Normalization("auto").fit([frames, blank])
    assert_array_equal(norm.least_span, Normalization("auto").fit([frames]).least_span)


@pytest.mark.parametrize("mode", MODES)
def test_constant_frames_stay_finite(mode):
    constant = np.full((1, 2, 5, 5), 3.0)
    norm = Normalization(mode).fit([constant])
    assert np.isfinite(normalised(norm, constant[0])).all()


def test_sparse_objects_still_have_a_range():
    frame = np.zeros((1, 50, 50))
    frame[0, 3, 4] = 10
    _, span = channel_range(frame)
    assert span == [10]


def test_pixels_without_data_are_zero_and_do_not_count():
    frame = noisy_frames()[0]
    low, span = channel_range(frame)
    holed = np.concatenate([frame, np.full((2, 20, 3), np.nan)], axis=2)
    holed[1, :, -1] = 5.0
    assert_array_equal(channel_range(holed)[0][0], low[0])
    values = scaled(holed, low, span)
    assert_array_equal(values[:, :, -3:], 0)
    assert_array_equal(has_data(holed[np.newaxis])[0, :, -3:], False)
    assert_array_equal(has_data(holed[np.newaxis])[0, :, :-3], True)


def test_a_part_is_scaled_as_the_whole_is():
    frame = noisy_frames()[0]
    scale = channel_range(frame)
    assert_array_equal(scaled(frame[:, 3:9], *scale), scaled(frame, *scale)[:, 3:9])


def test_small_differences_on_a_large_offset_survive():
    frame = 2.0**40 + noisy_frames()[0]
    assert_array_equal(
        scaled(frame, *channel_range(frame)),
        scaled(frame - 2.0**40, *channel_range(frame - 2.0**40)),
    )


@pytest.mark.parametrize("mode", MODES)
def test_json_and_back_scales_the_same(mode):
    frames = noisy_frames()
    norm = Normalization(mode).fit([frames])
    again = Normalization.from_json(norm.as_json())
    assert_array_equal(normalised(again, frames[0]), normalised(norm, frames[0]))


def test_an_unknown_mode_lists_the_known_ones():
    with pytest.raises(ValueError, match="normalization must be one of auto"):
        Normalization("best")


def test_scaling_does_not_write_to_the_image():
    frame = noisy_frames()[0]
    frame[0, 0, 0] = np.nan
    frame.flags.writeable = False
    norm = Normalization("auto").fit([frame[np.newaxis]])
    normalised(norm, frame)


@pytest.mark.parametrize(
    "change",
    [{"low": [np.inf]}, {"span": [None]}, {"span": [-1.0]}, {"least_span": [-1.0]}],
)
def test_a_description_that_cannot_scale_is_refused(change):
    learnt = Normalization().fit([np.arange(12.0).reshape(1, 1, 3, 4)])
    with pytest.raises(ValueError, match="the normalization"):
        Normalization.from_json(learnt.as_json() | change)


@given(
    st.integers(0, 2**16),
    st.sampled_from(["normal", "sorted", "sparse", "equal", "periodic"]),
    st.sampled_from(["float32", "float64", "int32"]),
)
@settings(max_examples=25, deadline=None)
def test_the_range_of_a_large_frame_is_that_of_sorting_it(seed, kind, dtype):
    n = 200 * 251
    noise = np.random.default_rng(seed).normal(size=n) * 1e4
    values = {
        "normal": noise,
        "sorted": np.sort(noise),
        "sparse": np.where(np.arange(n) < n // 150, noise, 0),
        "equal": np.ones(n),
        "periodic": np.where(np.arange(n) % (n // SAMPLE), noise, 0),
    }[kind].astype(dtype)
    low, span = channel_range(values.reshape(1, 200, 251))
    ordered = np.sort(values).astype(float)
    first, last = (ordered[round((n - 1) * p / 100)] for p in (0.5, 99.5))
    if last > first:
        assert (low[0], span[0]) == (first, last - first)
    else:
        assert (low[0], span[0]) == (ordered[0], ordered[-1] - ordered[0])
