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
    read_window,
)
from napari_segen.core.normalization import Normalization


@given(st.integers(1, 12), st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_a_window_beyond_the_border_is_numpys_reflect_padding(n, before, after):
    line = np.arange(n)
    expected = np.pad(line, (before, after), mode="reflect")
    assert_array_equal(line[mirror(np.arange(-before, n + after), n)], expected)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=3), st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_windows_of_planes_and_volumes_are_cut_from_the_padded_image(size, seed):
    rng = np.random.default_rng(seed)
    image = rng.random((2, *size), np.float32)
    corner, shape = rng.integers(-5, 5, len(size)), rng.integers(1, 8, len(size))
    padded = np.pad(image, ((0, 0), *[(5, 12)] * len(size)), mode="reflect")
    cut = tuple(slice(c + 5, c + 5 + s) for c, s in zip(corner, shape, strict=True))
    window = read_window(image, corner.tolist(), shape.tolist())
    assert_array_equal(window, padded[:, *cut])
    assert not np.shares_memory(window, image)


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


def test_a_teacher_says_nothing_where_there_is_no_data():
    frames = np.zeros((1, 1, 3, 4))
    frames[0, 0, 1, 2] = np.nan
    index = np.full((1, 3, 4), UNLABELLED, np.int16)
    teacher = np.full((1, 2, 3, 4), 0.5, np.float32)
    (image,) = labelled_images(frames, index, Normalization("none"), 2, teacher)
    assert_array_equal(image.teacher == 0, np.isnan(frames[0].repeat(2, axis=0)))


def test_arrays_are_in_the_order_in_which_they_are_read():
    frames = np.zeros((5, 4, 3, 1)).transpose(3, 2, 1, 0)[..., None].repeat(2, axis=-1)
    index = np.zeros((1, 4, 5, 2), np.int16, order="F")
    for ndim in (2, 3):
        for image in labelled_images(frames, index, Normalization("none"), ndim):
            assert image.image.flags.c_contiguous
            assert image.index.flags.c_contiguous
