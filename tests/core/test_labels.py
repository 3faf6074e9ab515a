import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import entropy

from napari_segen.core.labels import (
    ClassInfo,
    best_class,
    class_info_from_json,
    class_info_json,
    entropy_over_log_k,
    numbered,
    smallest_unsigned,
)


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_uncertainty_is_scipys_entropy_over_log_k(k, seed):
    posterior = np.random.default_rng(seed).dirichlet(np.ones(k), (4, 5))
    expected = entropy(posterior, axis=-1) / np.log(k)
    found = entropy_over_log_k(np.moveaxis(posterior, -1, 0))
    assert found.dtype == np.float32
    assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("k", [2, 3, 255])
def test_uncertainty_is_one_where_nothing_is_known_and_zero_where_all_is(k):
    uniform = np.full((k, 1), 1 / k, np.float32)
    certain = np.eye(k, dtype=np.float32)[:, :1]
    assert_allclose(entropy_over_log_k(uniform), 1, atol=1e-6)
    assert_allclose(entropy_over_log_k(certain), 0, atol=1e-30)


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [
        ([1, 2], np.uint8),
        ([3, 255], np.uint8),
        ([1, 256], np.uint16),
        ([1, 70_000], np.uint32),
    ],
)
def test_labels_are_the_class_values_in_the_smallest_unsigned_type(classes, dtype):
    posterior = np.array([[0.9, 0.2], [0.1, 0.8]], np.float32)
    labels = best_class(posterior, np.array(classes))
    assert labels.dtype == dtype == smallest_unsigned(max(classes))
    assert labels.tolist() == classes


def test_pixels_without_data_get_label_zero():
    posterior = np.full((2, 3), 0.5, np.float32)
    labels = best_class(posterior, np.array([1, 2]), np.array([False, True, False]))
    assert labels[1] == 0
    assert (labels[[0, 2]] > 0).all()


def test_names_and_colours_survive_json():
    classes = np.array([2, 5, 9])
    info = {2: ClassInfo("nucleus", "#ff0000"), 9: ClassInfo("", "#00ff00")}
    values, again = class_info_from_json(class_info_json(classes, info))
    assert_array_equal(values, classes)
    assert again == info


@pytest.mark.parametrize(
    "entry",
    [
        {"value": -1},
        {"value": 1.5},
        {"value": True},
        {"value": 10**30},
        {"value": float("inf")},
        {"value": 5},
        {"name": 3},
        {"color": "javascript:"},
    ],
)
def test_an_odd_table_of_classes_is_refused(entry):
    table = class_info_json(np.array([2, 5]), {})
    table[0] |= entry
    with pytest.raises((ValueError, TypeError)):
        class_info_from_json(table)


def test_a_colour_that_could_not_be_read_back_is_refused_at_once():
    with pytest.raises(ValueError, match="color must be like"):
        ClassInfo("nucleus", "red")


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint64"])
@given(
    ids=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_side=6)),
    factor=st.sampled_from([1, 2**55]),
)
def test_numbered_objects_are_the_same_objects_from_1_on(dtype, ids, factor):
    labels = ids.astype(dtype)
    if labels.dtype.itemsize == 8:
        labels *= factor
    found = numbered(labels)
    assert_array_equal(found == 0, labels == 0)
    assert_array_equal(np.unique(found[found > 0]), 1 + np.arange(found.max()))
    pairs = np.unique(np.stack([labels.ravel(), found.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
