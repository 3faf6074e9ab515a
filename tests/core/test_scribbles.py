import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from tests.strategies import scribbles, shapes

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.scribbles import (
    classes_in,
    labelled_at,
    number_strokes,
    samples_of,
    stroke_at,
)


def strokes_by_flooding(labels):
    """Stroke ids by walking from pixel to equal neighbour; -1 = unlabelled."""
    ids = np.full(labels.shape, -1)
    steps = [np.array(s) - 1 for s in np.ndindex((3,) * labels.ndim)]
    n = 0
    for start in np.argwhere(labels):
        if ids[tuple(start)] >= 0:
            continue
        reached = [start]
        while reached:
            at = reached.pop()
            ids[tuple(at)] = n
            for near in (at + s for s in steps):
                inside = (near >= 0).all() and (near < labels.shape).all()
                if inside and ids[tuple(near)] < 0:
                    same = labels[tuple(near)] == labels[tuple(at)]
                    reached += [near] if same else []
        n += 1
    return ids, n


def same_partition(a, b):
    pairs = set(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
    return len(pairs) == len({p[0] for p in pairs}) == len({p[1] for p in pairs})


@given(st.data(), st.integers(2, 3))
def test_strokes_are_the_connected_groups_of_equal_values(data, ndim):
    labels = data.draw(scribbles(data.draw(shapes(ndim, 2, 6))))
    ids, n = number_strokes(labels)
    expected, n_expected = strokes_by_flooding(labels)
    assert n == n_expected
    assert set(np.unique(ids[labels > 0])) == set(range(1, n + 1))
    assert same_partition(ids, expected)


@given(scribbles())
def test_flipping_scribbles_flips_their_strokes(labels):
    ids, _ = number_strokes(labels)
    flipped, _ = number_strokes(labels[::-1, ::-1])
    assert same_partition(flipped[::-1, ::-1], ids)


@given(scribbles())
def test_samples_are_the_labelled_pixels_with_their_class_and_stroke(labels):
    ids, _ = number_strokes(labels)
    samples = samples_of(labels)
    again = np.zeros_like(labels)
    again[tuple(samples.positions.T)] = samples.values
    assert_array_equal(again, labels)
    assert_array_equal(ids[tuple(samples.positions.T)] - 1, samples.strokes)


@given(st.data(), st.integers(1, 5))
def test_few_labelled_pixels_are_grouped_as_many_are(data, spread):
    small = data.draw(scribbles())
    large = np.zeros([9 * spread * n for n in small.shape], small.dtype)
    large[tuple(slice(3, 3 + n) for n in small.shape)] = small
    ids, n = number_strokes(large)
    expected, n_expected = strokes_by_flooding(small)
    assert n == n_expected
    at = tuple(slice(3, 3 + n) for n in small.shape)
    assert same_partition(ids[at], expected)


@given(st.lists(st.integers(0, 3 * 2**14), max_size=8), st.integers(0, 3))
def test_labelled_pixels_are_found_in_large_images(at, more):
    labels = np.zeros((3, 2**14 + more), np.uint8)
    labels.reshape(-1)[at] = 1
    assert_array_equal(labelled_at(labels), np.flatnonzero(labels))


@given(scribbles())
def test_reading_strokes_does_not_write_to_the_scribbles(labels):
    labels.flags.writeable = False
    samples_of(labels)


def test_classes_are_ascending_and_zero_is_none_of_them():
    frames = [np.array([[0, 7], [2, 0]]), np.array([[9, 2]], np.uint8)]
    assert classes_in([samples_of(f) for f in frames]).tolist() == [2, 7, 9]
    assert classes_in([samples_of(np.zeros((3, 3), int))]).size == 0
    assert classes_in([]).size == 0


@given(hnp.arrays(np.uint8, (7, 9), elements=st.integers(0, 2)), st.integers(0, 62))
def test_the_stroke_at_a_pixel_is_what_is_connected_to_it(labels, place):
    at = np.unravel_index(place, labels.shape)
    ids, _ = number_strokes(labels)
    expected = np.argwhere((ids == ids[at]) & (labels[at] > 0))
    found = np.stack(stroke_at(labels, ImageSpec("zyx"[-labels.ndim :]), at), axis=1)
    assert sorted(found.tolist()) == expected.tolist()
