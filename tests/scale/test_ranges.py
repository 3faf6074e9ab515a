"""The range found block by block is the range of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_segen.core.normalization import channel_range
from napari_segen.core.steps import run
from napari_segen.scale.ranges import range_steps

TYPES = ["?", "u1", "i1", ">u2", "i2", "f2", "u4", "i4", "f4", ">f4", "u8", "i8", "f8"]


def found(frame, *cuts):
    parts = np.array_split(frame, cuts, axis=1) if cuts else [frame]
    return run(range_steps([lambda part=part: part for part in parts if part.size]))


@pytest.mark.parametrize("dtype", TYPES)
@given(data=st.data())
def test_blocks_have_the_range_of_the_whole(dtype, data):
    frame = data.draw(
        hnp.arrays(dtype, st.tuples(st.just(2), st.integers(1, 40), st.just(3)))
    )
    cut = data.draw(st.integers(0, frame.shape[1]))
    with np.errstate(all="ignore"):  # spans beyond what a type can hold
        expected = channel_range(frame)
        np.testing.assert_array_equal(found(frame, cut), expected)


@pytest.mark.parametrize("dtype", ["u2", "i2", "f4", "f8"])
def test_many_pixels_have_exact_percentiles(dtype):
    rng = np.random.default_rng(0)
    frame = rng.normal(100, 1000, (1, 300, 211)).clip(0, None).astype(dtype)
    np.testing.assert_array_equal(found(frame, 17, 200), channel_range(frame))


def test_pixels_without_data_do_not_count():
    frame = np.linspace(0, 1, 400, dtype=np.float32).reshape(1, 20, 20)
    frame[0, 3] = np.nan
    frame[0, 4, :3] = np.inf, -np.inf, np.nan
    np.testing.assert_array_equal(found(frame, 4), channel_range(frame))
    nothing = np.full((2, 3, 3), np.nan, np.float32)
    np.testing.assert_array_equal(found(nothing), np.zeros((2, 2)))


def test_blocks_are_read_once_for_each_16_bits():
    for dtype, passes in (("u1", 1), ("u2", 1), ("f4", 2), ("f8", 4)):
        steps = list(range_steps([lambda dtype=dtype: np.ones((1, 2, 2), dtype)] * 3))
        assert len(steps) == 3 * passes
