import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference import potts as reference

from napari_segen.probabilistic import potts
from napari_segen.probabilistic.compiled import exponential

SHAPES = [(7, 9), (1, 12), (12, 1), (4, 5, 6)]


def random_posterior(shape, n_classes=3, seed=0):
    p = np.random.default_rng(seed).random((n_classes, *shape)).astype(np.float32)
    return p / p.sum(axis=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_equals_the_formula(n_classes, shape):
    p = random_posterior(shape, n_classes)
    assert_allclose(potts.smooth(p, 0.7), reference.smooth(p, 0.7), atol=2e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_equals_the_formula_with_gaps(n_classes):
    p = random_posterior((7, 8), n_classes)
    gaps = np.random.default_rng(1).random((7, 8)) < 0.3
    assert_allclose(
        potts.smooth(p, 1.0, gaps), reference.smooth(p, 1.0, gaps), atol=2e-6
    )


def test_strength_zero_is_the_identity():
    p = random_posterior((6, 6))
    assert_array_equal(potts.smooth(p, 0.0), p)


@given(st.integers(0, 2**16), st.floats(0.01, 100), st.integers(2, 4), st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_result_is_a_posterior(seed, smoothing, n_classes, is_certain):
    p = random_posterior((9, 8), n_classes, seed)
    q = potts.smooth(np.round(p) if is_certain else p, smoothing)
    assert q.min() >= 0
    assert_allclose(q.sum(axis=0), 1, atol=1e-6)


@given(
    st.integers(0, 2**16),
    st.sampled_from([(9, 8), (3, 6, 7)]),
    st.integers(0, 2),
    st.integers(2, 3),
)
@settings(max_examples=30, deadline=None)
def test_a_flip_flips_the_result_exactly(seed, shape, axis, n_classes):
    axis %= len(shape)
    p = random_posterior(shape, n_classes, seed)
    flipped = potts.smooth(np.flip(p, axis + 1), 1.0)
    assert_array_equal(flipped, np.flip(potts.smooth(p, 1.0), axis + 1))


def test_swapping_two_classes_swaps_the_result_exactly():
    p = random_posterior((9, 8), 2)
    assert_array_equal(potts.smooth(p[::-1], 1.0), potts.smooth(p, 1.0)[::-1])


def test_the_exponential_is_numpys():
    x = -np.geomspace(1e-8, 87, 5000).astype(np.float32)
    found = x.copy()
    exponential(found, np.empty(x.size, np.int32))
    assert_allclose(found, np.exp(x.astype(float)), rtol=2e-7)


def test_a_transpose_transposes_the_result():
    p = random_posterior((9, 8))
    transposed = potts.smooth(p.transpose(0, 2, 1), 1.0)
    assert_allclose(transposed, potts.smooth(p, 1.0).transpose(0, 2, 1), atol=1e-6)


def test_nothing_beyond_the_halo_has_a_say():
    p = random_posterior((40, 3))
    other = p.copy()
    other[:, 20 + potts.HALO + 1 :] = np.array([1, 0, 0])[:, np.newaxis, np.newaxis]
    same = potts.smooth(other, 3.0)[:, :21]
    assert_array_equal(same, potts.smooth(p, 3.0)[:, :21])


def test_what_gaps_hold_does_not_matter():
    p = random_posterior((8, 8))
    gaps = np.zeros((8, 8), bool)
    gaps[3:5, 2:6] = True
    other = np.where(gaps, np.array([1, 0, 0], np.float32)[:, None, None], p)
    data = ~gaps
    assert_array_equal(
        potts.smooth(other, 2.0, gaps)[:, data], potts.smooth(p, 2.0, gaps)[:, data]
    )


def test_a_lone_pixel_gives_way_to_its_neighbours():
    p = np.full((2, 9, 9), 0.2, np.float32)
    p[1] = 0.8
    p[:, 4, 4] = 0.6, 0.4
    assert potts.smooth(p, 1.0)[1, 4, 4] > 0.5


def test_the_input_is_not_written_to():
    p = random_posterior((6, 6))
    before = p.copy()
    potts.smooth(p, 1.0, np.eye(6, dtype=bool))
    assert_array_equal(p, before)
