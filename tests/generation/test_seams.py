from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.generation.seams import (
    SIDES,
    least_path,
    overlap_mask,
    taken_pixels,
)

errors = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 3)),
    elements=st.floats(0, 10, width=16),
)


@given(errors)
@settings(max_examples=30, deadline=None)
def test_no_path_has_a_lower_sum(error):
    n, depth = error.shape
    paths = [
        p
        for p in product(range(depth), repeat=n)
        if all(abs(a - b) <= 1 for a, b in pairwise(p))
    ]
    sums = [error[np.arange(n), p].sum() for p in paths]
    found = least_path(error)
    assert tuple(found) in paths
    assert_allclose(error[np.arange(n), found].sum(), min(sums))


@pytest.mark.parametrize("side", SIDES)
def test_outside_the_strips_all_pixels_are_the_new_blocks(side):
    error = np.random.default_rng(0).random((12, 16))
    mask = overlap_mask((12, 16), (3, 4), frozenset({side}))
    taken = taken_pixels(error, (3, 4), frozenset({side}))
    assert mask.sum() == (3 * 16 if side in ("top", "bottom") else 4 * 12)
    assert taken[~mask].all()
    assert taken[mask].any()


def test_the_cut_goes_where_old_and_new_agree():
    error = np.ones((8, 8))
    error[:, 2] = 0
    taken = taken_pixels(error, (4, 4), frozenset({"left"}))
    assert_array_equal(taken, np.arange(8) >= np.full((8, 1), 2))
