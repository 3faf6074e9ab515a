from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference import mirror as reference

from napari_segen.generation import warp as warps
from napari_segen.generation.warp import Warp, elastic_grid


def bent(shape, seed, amplitude=3.0, spacing=5.0):
    rng = np.random.default_rng(seed)
    gaps = np.full(len(shape), spacing)
    grid = elastic_grid(shape, np.full(len(shape), amplitude), gaps, rng)
    return Warp(shape, np.eye(len(shape)), np.full(len(shape), -2.0), grid, gaps)


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    source=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    seed=st.integers(0, 99),
)
def test_labels_are_those_of_the_nearest_mirrored_pixel(shape, source, seed):
    labels = np.arange(np.prod(source)).reshape(source)
    positions = bent(shape, seed, amplitude=9.0).positions(slice(0, shape[0]))
    found = labels[warps.mirrored(warps.nearest_index(positions), source)]
    assert_array_equal(found, reference.nearest_labels(labels, positions))


@pytest.mark.parametrize(("y", "x"), [(0, 0), (3, 7), (9, 11), (10, 5)])
def test_bending_is_a_cubic_b_spline(y, x):
    warp = bent((11, 12), seed=1)
    moved = warp.positions(slice(0, 11))[:, y, x] - [y - 2, x - 2]
    spline = [reference.displacement(g, y, x, warp.spacing) for g in warp.elastic]
    assert_allclose(moved, spline, atol=1e-12)


def test_a_slab_is_a_part_of_the_whole():
    warp = bent((20, 9), seed=2)
    whole = warp.positions(slice(0, 20))
    assert_allclose(warp.positions(slice(7, 13)), whole[:, 7:13], atol=1e-12)


def test_bending_has_the_amplitude_that_was_asked_for():
    warp = bent((600, 600), seed=3, amplitude=4.0, spacing=6.0)
    moved = warp.positions(slice(0, 600)) - np.indices((600, 600)) + 2
    assert_allclose(moved.std(axis=(1, 2)), 4.0, rtol=0.05)


def test_a_cubic_spline_goes_through_the_pixels():
    plane = np.random.default_rng(0).random((9, 8))
    at_pixels = np.indices(plane.shape).astype(float)
    made = warps.interpolate(warps.spline_coefficients(plane), at_pixels)
    assert_allclose(made, plane, atol=1e-12)


def test_indices_beyond_the_border_are_mirrored():
    (index,) = warps.mirrored([np.arange(-2, 6)], (3,))
    assert_array_equal(index, [1, 0, 0, 1, 2, 2, 1, 0])


@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 99),
    turn=st.floats(-3, 3),
)
def test_positions_stay_within_the_bounds_that_are_said_before(shape, seed, turn):
    warp = bent(shape, seed, amplitude=4.0)
    c, s = np.cos(turn), np.sin(turn)
    warp = replace(warp, matrix=np.array([[c, -s], [s, c]]))
    positions = warp.positions(slice(0, shape[0])).reshape(2, -1)
    low, high = warp.bounds()
    assert (positions.min(axis=1) >= low - 1e-9).all()
    assert (positions.max(axis=1) <= high + 1e-9).all()
