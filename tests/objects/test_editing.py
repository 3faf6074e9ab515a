import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage
from tests.objects.shapes import ball, blobs, posterior_of, same_partition, two_discs

import napari_segen as ns
from napari_segen.objects.editing import free_id, merge, remove, renumber, split


def applied(change, labels):
    changed = labels.copy()
    changed[change.at] = change.value
    return changed


def labelled(seed=0):
    return ndimage.label(blobs(seed))[0]


@given(st.integers(0, 99))
def test_an_edit_changes_its_object_alone_and_writes_to_nothing(seed):
    labels = labelled(seed)
    before = labels.copy()
    labels.setflags(write=False)
    i, j = 1, labels.max()
    edits = [remove(labels, i), renumber(labels, i)]
    edits += [merge(labels, j, i)] if i != j else []
    for change in edits:
        after = applied(change, labels)
        assert (after[before == i] == change.value).all()
        assert_array_equal(after[before != i], before[before != i])
    assert_array_equal(labels, before)


def test_merging_what_was_split_gives_the_object_back():
    left, right = two_discs()
    labels = np.where(left | right, 4, 0)
    parted = applied(split(labels, (20, 20), (20, 37)), labels)
    assert set(np.unique(parted)) == {0, 4, 5}
    assert_array_equal(applied(merge(parted, 4, 5), parted), labels)


def test_discs_are_split_where_the_watershed_of_the_whole_image_cuts_them():
    left, right = two_discs()
    labels = (left | right).astype(np.uint16)
    parted = applied(split(labels, (20, 20), (20, 37)), labels)
    assert (parted[left & ~right] == 1).all()
    assert (parted[right & ~left] == 2).all()
    found = ns.instances(posterior_of(left | right), foreground=1)
    assert np.mean(found != parted) < 0.01


def test_balls_are_split_with_the_size_of_their_voxels_in_mind():
    sampling = (4.0, 1.0, 1.0)
    one = ball((12, 40, 60), (24, 20, 18), 12, sampling)
    other = ball((12, 40, 60), (24, 20, 38), 12, sampling)
    labels = (one | other).astype(int)
    parted = applied(split(labels, (6, 20, 18), (6, 20, 38), sampling), labels)
    assert (parted[one & ~other] == 1).mean() > 0.98
    assert (parted[other & ~one] == 2).mean() > 0.98


@given(st.integers(0, 999))
def test_both_parts_of_a_split_hold_their_pixel_and_are_connected(seed):
    rng = np.random.default_rng(seed)
    labels = labelled(seed)
    at = np.argwhere(labels == labels[tuple(rng.choice(np.argwhere(labels > 0)))])
    if len(at) < 2:
        return
    first, second = at[rng.choice(len(at), 2, replace=False)]
    parted = applied(split(labels, first, second), labels)
    old, new = parted[tuple(first)], parted[tuple(second)]
    assert old == labels[tuple(first)]
    assert new == labels.max() + 1
    for i in (old, new):
        assert ndimage.label(parted == i)[1] == 1
    assert same_partition(np.where(parted == new, old, parted), labels)


def test_what_is_not_connected_to_either_pixel_keeps_its_id():
    labels = np.zeros((8, 20), int)
    labels[2:5, 1:9] = labels[2:5, 12:18] = 3
    parted = applied(split(labels, (3, 2), (3, 7)), labels)
    assert (parted[2:5, 12:18] == 3).all()
    assert parted[3, 7] == 4


def test_a_free_id_is_free_and_fits_the_type():
    assert free_id(np.array([[0, 3]])) == 4
    assert free_id(np.zeros((2, 2), np.uint8)) == 1
    assert free_id(np.array([0, 1, 2, 255], np.uint8)) == 3
    assert free_id(np.array([5, 255], np.uint8)) == 1
    assert free_id(np.arange(256, dtype=np.uint8)[:255]) == 255
    with pytest.raises(ValueError, match="larger type, such as int32"):
        free_id(np.arange(256, dtype=np.uint8))


def test_bad_input_is_refused_with_its_name():
    labels = np.zeros((6, 6), int)
    labels[1:3, 1:3], labels[4, 4] = 1, 2
    with pytest.raises(ValueError, match="into and other are the same"):
        merge(labels, 1, 1)
    with pytest.raises(ValueError, match="other: there is no object with the id 7"):
        merge(labels, 1, 7)
    with pytest.raises(ValueError, match="into is 0, the background"):
        merge(labels, 0, 1)
    with pytest.raises(ValueError, match="label is 0"):
        remove(labels, 0)
    with pytest.raises(ValueError, match="there is no object"):
        renumber(labels, 9)
    with pytest.raises(ValueError, match="must lie in one object"):
        split(labels, (1, 1), (4, 4))
    with pytest.raises(ValueError, match="must lie in one object"):
        split(labels, (0, 0), (0, 1))
    with pytest.raises(ValueError, match="the same pixel"):
        split(labels, (1, 1), (1, 1))
    with pytest.raises(ValueError, match="second must be a pixel of the labels"):
        split(labels, (1, 1), (1, 6))
    with pytest.raises(TypeError, match="labels must be integers"):
        remove(labels.astype(float), 1)
