import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from napari_segen.generation.conditions import UNKNOWN, Conditions, is_border

LABELS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=3, max_side=7))


@given(LABELS.map(lambda x: x % 4 * 3))
def test_each_class_has_a_map_of_its_own(labels):
    conditions = Conditions.of("classes", np.arange(0, 12, 3, dtype=np.uint64))
    maps = conditions.maps(conditions.kinds(labels))
    for i, value in enumerate(conditions.values):
        assert_array_equal(maps[..., i], labels == value)


def test_what_is_not_known_has_no_map():
    conditions = Conditions.of("classes", np.arange(32, dtype=np.uint64))
    assert not conditions.maps(np.full((3, 4), UNKNOWN, np.uint8)).any()


@given(LABELS, st.integers(0, 99))
def test_ids_of_objects_mean_nothing(labels, seed):
    conditions = Conditions.of("instances", np.unique(labels).astype(np.uint64))
    ids = np.random.default_rng(seed).permutation(255) + 1000
    other = np.where(labels == 0, 0, ids[labels.astype(int) - 1])
    assert_array_equal(conditions.kinds(other), conditions.kinds(labels))


@given(LABELS.map(lambda x: x % 3))
def test_a_border_pixel_has_a_neighbour_of_another_label(labels):
    found = np.zeros(labels.shape, bool)
    for place in np.ndindex(labels.shape):
        for axis, step in [(a, s) for a in range(labels.ndim) for s in (-1, 1)]:
            near = list(place)
            near[axis] += step
            if 0 <= near[axis] < labels.shape[axis]:
                found[place] |= labels[tuple(near)] != labels[place]
    assert_array_equal(is_border(labels), found)


def test_touching_objects_have_a_border_between_them():
    labels = np.zeros((9, 12), int)
    labels[2:7, 1:6], labels[2:7, 6:11] = 5, 9
    kinds = Conditions.of("instances", np.array([0, 5, 9], np.uint64)).kinds(labels)
    assert_array_equal(kinds[4], [0, 2, 1, 1, 1, 2, 2, 1, 1, 1, 2, 0])


@pytest.mark.parametrize(
    ("task", "values", "n_kinds"),
    [
        ("classes", np.array([0, 1], np.uint64), 3),
        ("classes", np.array([1, 0], np.uint64), 2),
        ("classes", np.array([0.0, 1.0]), 2),
        ("classes", np.arange(99, dtype=np.uint64), 99),
        ("classes", np.zeros((2, 2), np.uint64), 2),
        ("instances", np.zeros(0, np.uint64), 10**9),
        ("instances", np.zeros(0, np.uint64), "3"),
    ],
)
def test_damaged_conditions_are_refused(task, values, n_kinds):
    with pytest.raises(ValueError, match="label"):
        Conditions.restored(task, values, n_kinds)
