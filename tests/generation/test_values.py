import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from napari_segen.generation.values import ValueRange

DTYPES = ["bool", "uint8", "int16", "uint64", "int64", "float16", "float32", "float64"]


@settings(max_examples=30, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    made=st.lists(st.floats(-1e30, 1e30), min_size=4, max_size=4),
)
def test_values_come_back_in_type_and_range(dtype, made):
    source = np.array([0, 1, 1, 0], dtype)
    if dtype not in ("bool", "float16"):
        source[0] = 3
    values = ValueRange.of(source.reshape(1, 1, 2, 2))
    result = values.fitted(np.array(made).reshape(1, 2, 2))
    assert result.dtype == dtype
    assert source.min() <= result.min() <= result.max() <= source.max()


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_the_largest_integers_do_not_overflow(dtype):
    largest = np.iinfo(dtype).max
    values = ValueRange.of(np.array([largest - 5, largest], dtype).reshape(1, 1, 1, 2))
    result = values.fitted(np.array([[[1e30, 0.0]]]))
    assert (result >= 2**62).all()


def test_integers_are_rounded_not_cut():
    values = ValueRange.of(np.array([0, 9], np.uint8).reshape(1, 1, 1, 2))
    assert_array_equal(values.fitted(np.array([[[1.6, 2.4]]])), [[[2, 2]]])


def test_no_data_stays_no_data_in_floating_types():
    values = ValueRange.of(np.array([0, np.nan, 9]).reshape(1, 1, 1, 3))
    assert_array_equal(values.fitted(np.array([[[np.nan, 99.0]]])), [[[np.nan, 9]]])
