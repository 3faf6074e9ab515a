import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from napari_segen.cnn.labelled import (
    UNLABELLED,
    class_index,
    labelled_images,
    mirror,
    read_index,
    read_window,
)
from napari_segen.core.normalization import Normalization


@given(st.integers(1, 12), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_a_window_beyond_the_border_is_numpys_reflect_padding(n, before, after):
    line = np.arange(n)
    expected = np.pad(line, (before, after), mode="reflect")
    assert_array_equal(line[mirror(np.arange(-before, n + after), n)], expected)


def test_nothing_is_labelled_beyond_the_border():
    index = np.zeros((3, 4), np.int16)
    window = read_index(index, (-1, 2), (5, 5))
    expected = np.full((5, 5), UNLABELLED)
    expected[1:4, :2] = 0
    assert_array_equal(window, expected)


@pytest.mark.parametrize("corner", [(-9, 0), (0, 9)])
def test_a_window_wholly_outside_holds_no_label(corner):
    assert (read_index(np.zeros((3, 4), np.int16), corner, (2, 2)) == UNLABELLED).all()


def test_reading_a_window_keeps_the_channels_apart():
    image = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert_array_equal(read_window(image, (1, 1), (2, 2)), image[:, 1:, 1:3])


def test_pixels_without_data_and_unlabelled_pixels_have_no_class():
    frames = np.zeros((1, 1, 1, 4))
    frames[..., 0] = np.nan
    labels = np.array([[[3, 0, 3, 7]]])
    assert_array_equal(
        class_index(frames, labels, np.array([3, 7]), unlabelled=0), [[[-1, -1, 0, 1]]]
    )


def test_a_volume_becomes_its_labelled_images_scaled_as_one():
    volume = np.arange(24.0).reshape(1, 1, 2, 3, 4)
    index = np.full((1, 2, 3, 4), UNLABELLED, np.int16)
    index[0, 1, 0, 0] = 1
    (plane,) = labelled_images(volume, index, Normalization("image"), 2)
    low, span = Normalization("image").scale_of(volume[0])
    assert_array_equal(plane.image, ((volume[0, :, 1] - low) / span).astype(np.float32))
    assert_array_equal(plane.index, index[0, 1])


def test_a_network_for_volumes_gets_the_whole_volume():
    volume = np.random.default_rng(0).random((2, 1, 2, 3, 4))
    index = np.full((2, 2, 3, 4), UNLABELLED, np.int16)
    index[1, 0] = 2
    (image,) = labelled_images(volume, index, Normalization("none"), 3)
    assert_array_equal(image.image, volume[1].astype(np.float32))
    assert_array_equal(image.index, index[1])
    assert image.source is None


def test_a_network_for_volumes_refuses_planes():
    with pytest.raises(ValueError, match="network looks at volumes"):
        labelled_images(
            np.zeros((1, 1, 3, 4)),
            np.zeros((1, 3, 4), np.int16),
            Normalization("none"),
            3,
        )


def test_planes_of_a_volume_and_times_of_a_scene_tell_what_they_are_near_to():
    def sources(frames, **given):
        index = np.zeros((len(frames), *frames.shape[2:]), np.int16)
        images = labelled_images(frames, index, Normalization("none"), 2, **given)
        return [i.source for i in images], [i.place for i in images]

    (a, b, c, d), places = sources(np.zeros((2, 1, 2, 3, 4)))
    assert a is b
    assert c is d
    assert a is not c
    assert places == [0, 1, 0, 1]
    (first, second), places = sources(np.zeros((2, 1, 3, 4)), series=True)
    assert first is second is not None
    assert places == [0, 1]
    assert sources(np.zeros((2, 1, 3, 4)))[0] == [None, None]
    assert len(set(map(id, sources(np.zeros((2, 1, 2, 3, 4)), series=True)[0]))) == 1


def test_with_a_teacher_unlabelled_planes_are_kept():
    frames = np.zeros((1, 1, 3, 4, 5))
    index = np.full((1, 3, 4, 5), UNLABELLED, np.int16)
    teacher = np.random.default_rng(0).random((1, 2, 3, 4, 5), np.float32)
    images = labelled_images(frames, index, Normalization("none"), 2, teacher)
    for z, image in enumerate(images):
        assert_array_equal(image.teacher, teacher[0, :, z])
    assert len(images) == 3
