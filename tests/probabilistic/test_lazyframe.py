"""A lazy frame is the whole one, of which only what is wanted is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.normalization import channel_range, data_at
from napari_segen.probabilistic.channels import is_colour_image, looked_at
from napari_segen.probabilistic.lazyframe import Blocks, LazyFrame, reads_whole
from napari_segen.probabilistic.live.halved import HalvedFrame, halved


class Recorded:
    """An array that is no NumPy array, and counts the pixels that are read."""

    def __init__(self, array, chunks=None):
        self.array, self.n_read = array, 0
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        if chunks is not None:
            self.chunks = chunks

    def __getitem__(self, key):
        part = self.array[key]
        self.n_read += part.size
        return part


CASES = {
    "yx": ((700, 900), None),
    "tyx": ((2, 600, 700), None),
    "cyx": ((3, 100, 200), (2, 0)),
    "yxc": ((100, 530, 3), None),
    "zyx": ((20, 70, 80), None),
    "ytxc": ((300, 2, 40, 2), (1,)),
}


def frame_and_whole(axes, chunks=None, dtype=np.uint16):
    shape, channels = CASES[axes]
    spec = ImageSpec(axes)
    image = np.random.default_rng(0).integers(0, 4000, shape).astype(dtype)
    colour = channels is None and is_colour_image(spec, spec.n_channels(shape))
    number = len(spec.frames(image)) - 1
    recorded = Recorded(image, chunks)
    lazy = LazyFrame(recorded, spec, number, channels, colour, Blocks())
    return lazy, looked_at(spec.frames(image), channels, colour)[number], recorded


@pytest.mark.parametrize("axes", CASES)
@given(data=st.data())
def test_slices_and_positions_are_those_of_the_whole_frame(axes, data):
    lazy, whole, _ = frame_and_whole(axes)
    assert lazy.shape == whole.shape
    assert lazy.dtype == whole.dtype
    window = []
    for n in whole.shape[1:]:
        start = data.draw(st.integers(0, n - 1))
        window.append(slice(start, data.draw(st.integers(start + 1, n))))
    assert_array_equal(lazy[:, *window], whole[:, *window])
    rng = np.random.default_rng(0)
    at = rng.integers(0, whole.shape[1:], (20, whole.ndim - 1))
    assert_array_equal(lazy[:, *at.T], whole[:, *at.T])


@pytest.mark.parametrize("axes", ["yx", "zyx"])
@given(data=st.data())
def test_halved_frames_are_those_of_the_whole_frame(axes, data):
    lazy, whole, _ = frame_and_whole(axes)
    for _level in range(2):
        lazy, whole = HalvedFrame(lazy), halved(whole)
        assert lazy.shape == whole.shape
    window = []
    for n in whole.shape[1:]:
        start = data.draw(st.integers(0, n - 1))
        window.append(slice(start, data.draw(st.integers(start + 1, n))))
    assert_array_equal(lazy[:, *window], whole[:, *window])
    at = np.random.default_rng(0).integers(0, whole.shape[1:], (20, whole.ndim - 1))
    assert_allclose(lazy[:, *at.T], whole[:, *at.T], rtol=1e-6)


def test_only_blocks_around_a_part_are_read_and_only_once():
    image = np.lib.stride_tricks.as_strided(
        np.zeros(1, np.uint16), (65_536, 65_536), (0, 0)
    )
    recorded = Recorded(image, (1024, 1024))
    lazy = LazyFrame(recorded, ImageSpec("yx"), 0, None, False, Blocks())
    for _again in range(2):
        lazy[:, 30_000:30_500, 40_000:40_500]
        assert recorded.n_read <= 4 * 1024**2


def test_a_sample_knows_the_range_to_a_few_per_mille_and_reads_little():
    rng = np.random.default_rng(0)
    image = rng.normal(1000, 100, (6000, 6000)).astype(np.uint16)
    recorded = Recorded(image)
    lazy = LazyFrame(recorded, ImageSpec("yx"), 0, None, False, Blocks())
    low, span = lazy.range
    exact_low, exact_span = channel_range(image[np.newaxis])
    assert_allclose(low, exact_low, atol=2)
    assert_allclose(span, exact_span, atol=4)
    assert recorded.n_read < image.size / 2


def test_of_a_small_frame_the_sample_is_all_of_it():
    lazy, whole, _ = frame_and_whole("yx")
    assert_array_equal(lazy.range, channel_range(whole))


def test_pixels_without_data_are_found():
    lazy, _, _ = frame_and_whole("yx", dtype=np.float32)
    lazy.data.array[5, 7] = np.nan
    assert data_at(lazy, np.array([[5, 7], [7, 5]])).tolist() == [False, True]


def test_arrays_in_memory_and_small_frames_are_read_whole():
    class Lazy:
        dtype = np.dtype(np.uint16)

        def __init__(self, *shape):
            self.shape = shape

    assert reads_whole(np.zeros((3, 3)), ImageSpec("yx"))
    assert reads_whole(Lazy(200, 4096, 4096), ImageSpec("tyx"))
    assert not reads_whole(Lazy(200, 4096, 4096), ImageSpec("zyx"))
    assert not reads_whole(Lazy(65_536, 65_536), ImageSpec("yx"))
