"""Sparse labels are the array that the same edits make of zeros."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.lazyview import LazyView
from napari_segen.core.scribbles import framed_samples, samples_of, stroke_at
from napari_segen.core.sparse import SIDE, SparseLabels

SHAPES = ((300, 600), (3, 270, 515), (2, 2, 40, 300))


@st.composite
def edits(draw, shape):
    """Rectangles with a value, most of them small, some of them erasing."""
    spans = []
    for n in shape:
        start = draw(st.integers(0, n - 1))
        spans.append(slice(start, min(start + draw(st.integers(1, 300)), n)))
    return tuple(spans), draw(st.integers(0, 4))


def edited(shape, changes):
    dense, sparse = np.zeros(shape, np.uint8), SparseLabels(shape)
    for key, value in changes:
        dense[key] = sparse[key] = value
    return dense, sparse


@given(st.data(), st.sampled_from(SHAPES))
def test_edits_and_readings_are_those_of_a_dense_array(data, shape):
    changes = data.draw(st.lists(edits(shape), max_size=5))
    dense, sparse = edited(shape, changes)
    assert_array_equal(np.asarray(sparse), dense)
    key, _ = data.draw(edits(shape))
    assert isinstance(sparse[key], LazyView)
    assert_array_equal(np.asarray(sparse[key]), dense[key])
    positions, values = sparse.labelled()
    assert_array_equal(positions, np.argwhere(dense))
    assert_array_equal(values, dense[dense > 0])


@given(st.data(), st.sampled_from(SHAPES))
def test_fancy_indices_read_and_write_as_in_a_dense_array(data, shape):
    dense, sparse = edited(shape, data.draw(st.lists(edits(shape), max_size=2)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    at = tuple(rng.integers(0, n, 30) for n in shape)
    # Of a place that is written twice the last value counts only for one array.
    values = (at[-1] % 3).astype(np.uint8)
    dense[at] = sparse[at] = values
    assert_array_equal(np.asarray(sparse), dense)
    assert_array_equal(sparse[at], dense[at])


def maximum_pooled(dense):
    pads = [(0, 0)] * (dense.ndim - 2) + [(0, n % 2) for n in dense.shape[-2:]]
    even = np.pad(dense, pads)
    return np.max([even[..., y::2, x::2] for y in (0, 1) for x in (0, 1)], axis=0)


@given(st.data(), st.sampled_from(SHAPES))
def test_coarser_levels_are_maxima_also_after_later_edits(data, shape):
    dense, sparse = np.zeros(shape, np.uint8), SparseLabels(shape)
    for key, value in data.draw(st.lists(edits(shape), max_size=3)):
        dense[key] = sparse[key] = value
        expected = dense
        for level in sparse.levels():
            assert level.shape == expected.shape
            assert_array_equal(np.asarray(level), expected)
            expected = maximum_pooled(expected)


@given(st.data(), st.sampled_from(["yx", "tyx", "tnyx", "zyx", "yxt"]))
def test_samples_are_those_of_the_dense_array(data, axes):
    shape = tuple({"y": 30, "x": 300}.get(a, 2) for a in axes)
    dense, sparse = edited(shape, data.draw(st.lists(edits(shape), max_size=4)))
    spec = ImageSpec(axes)
    found, expected = framed_samples(sparse, spec), framed_samples(dense, spec)
    assert list(found) == list(expected)
    for number, samples in found.items():
        assert_array_equal(samples.positions, expected[number].positions)
        assert_array_equal(samples.values, expected[number].values)
        pairs = set(
            zip(
                samples.strokes.tolist(),
                expected[number].strokes.tolist(),
                strict=True,
            )
        )
        assert len(pairs) == len(set(samples.strokes.tolist()))
    if axes == "yx" and dense.any():
        at = tuple(np.argwhere(dense)[0].tolist())
        own = np.stack(stroke_at(sparse, spec, at))
        assert_array_equal(own, np.stack(stroke_at(dense, spec, at)))


def test_nothing_painted_is_nothing():
    sparse = SparseLabels((40, 50))
    assert len(samples_of(sparse).values) == 0
    assert sparse.n_bytes == 0
    assert stroke_at(sparse, ImageSpec("yx"), (0, 0))[0].size == 0


def test_memory_is_that_of_what_is_painted_and_goes_with_it():
    sparse = SparseLabels((65_536, 65_536))
    sparse[30_000:30_010, 40_000:40_300] = 2
    n = len(sparse.tiles)
    assert n == 2
    assert np.asarray(sparse.levels()[-1]).max() == 2
    sparse[30_000:30_010, 40_000:40_300] = 0
    assert sparse.n_bytes == 0
    assert not np.asarray(sparse.levels()[-1]).any()


def test_tiles_make_the_same_labels_again():
    sparse = SparseLabels((2, 300, 700))
    sparse[1, 250:299, 500:700] = 3
    again = SparseLabels.from_tiles(sparse.shape, sparse.tiles)
    assert_array_equal(np.asarray(again), np.asarray(sparse))


def test_a_stack_is_sliced_axis_by_axis_without_reading_it():
    sparse = SparseLabels((200, 4096, 4096))
    sparse[7, 10, 20] = 5
    assert np.asarray(sparse[:, 0:100, 0:100][7]).max() == 5
    assert sparse[7, 10, 20] == 5


def test_what_cannot_be_held_is_refused():
    with pytest.raises(ValueError, match="shape needs two"):
        SparseLabels((5,))
    with pytest.raises(ValueError, match="Slice a smaller part"):
        np.asarray(SparseLabels((65_536, 65_536)))
    with pytest.raises(IndexError, match="axis 0"):
        SparseLabels((SIDE, SIDE))[np.array([300]), np.array([0])]
