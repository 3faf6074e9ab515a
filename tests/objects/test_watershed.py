import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from tests.objects.shapes import same_partition
from tests.reference.peaks import lasting_peaks

from napari_segen.core.steps import Step, run
from napari_segen.objects import watershed
from napari_segen.objects.watershed import (
    components,
    distance_steps,
    necks_steps,
    those_kept,
    watershed_steps,
)


@st.composite
def masks(draw, max_side=9):
    shape = draw(st.lists(st.integers(1, max_side), min_size=2, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.random(shape) < draw(st.sampled_from([0.3, 0.6, 0.9]))


@given(masks(), st.lists(st.floats(0.1, 8.0), min_size=3, max_size=3))
def test_distances_are_those_of_scipy(mask, sampling):
    sampling = tuple(sampling[: mask.ndim])
    found = run(distance_steps(mask, sampling))
    if mask.all():
        assert not found.any()
        return
    truth = ndimage.distance_transform_edt(mask, sampling=sampling)
    assert_allclose(found, truth, rtol=1e-5)


def test_distances_do_not_depend_on_how_many_lines_are_done_at_once(monkeypatch):
    mask = np.random.default_rng(0).random((7, 8, 9)) < 0.9
    at_once = run(distance_steps(mask, (1.0, 2.0, 3.0)))
    monkeypatch.setattr(watershed, "PIXELS_PER_STEP", 10)
    assert_array_equal(run(distance_steps(mask, (1.0, 2.0, 3.0))), at_once)


def random_levels(mask, seed):
    """Levels from 1 to 10, no two the same."""
    order = np.random.default_rng(seed).permutation(mask.size)
    return (1 + 9 * order / mask.size).reshape(mask.shape).astype(np.float32)


@given(
    masks(max_side=7),
    st.integers(0, 99),
    st.sampled_from([(0.0, np.inf), (2.0, np.inf), (0.0, 0.7), (1.0, 0.6)]),
)
@settings(max_examples=30)
def test_objects_are_the_peaks_that_no_higher_one_swallows(mask, seed, depth):
    level = random_levels(mask, seed)
    ids = run(watershed_steps(level, mask, depth))
    peaks = lasting_peaks(level, mask, depth)
    assert ids.max(initial=0) == len(peaks)
    assert len({ids[p] for p in peaks}) == len(peaks)


def cut_at_valleys(level, mask):
    return watershed_steps(level, mask, (1.0, 0.9))


@given(masks(), st.integers(0, 99))
@pytest.mark.parametrize("find", [cut_at_valleys, necks_steps])
def test_objects_fill_the_mask_and_each_is_connected(find, mask, seed):
    ids = run(find(random_levels(mask, seed), mask))
    assert_array_equal(ids > 0, mask)
    for i in range(1, ids.max(initial=0) + 1):
        assert ndimage.label(ids == i)[1] == 1


def test_the_cut_is_in_the_valley():
    x = np.arange(21)
    level = np.tile(np.abs(x - 9) + 1.0, (3, 1)).astype(np.float32)
    ids = run(watershed_steps(level, level > 0, (1.0, np.inf)))
    assert (ids[:, :9] == 1).all()
    assert (ids[:, 10:] == 2).all()


def test_a_plateau_is_one_object():
    mask = np.ones((5, 6), bool)
    mask[2, 1:5] = False
    flat = np.ones(mask.shape, np.float32)
    assert run(watershed_steps(flat, mask, (0.0, 0.9))).max() == 1


def test_the_watershed_does_not_depend_on_the_pixels_between_steps(monkeypatch):
    mask = np.random.default_rng(0).random((30, 31)) < 0.8
    level = random_levels(mask, 0)
    at_once = run(watershed_steps(level, mask, (1.0, 0.9)))
    monkeypatch.setattr(watershed, "PIXELS_PER_STEP", 17)
    assert_array_equal(run(watershed_steps(level, mask, (1.0, 0.9))), at_once)


@given(masks())
def test_components_are_those_of_scipy(mask):
    assert same_partition(components(mask), ndimage.label(mask)[0])


def component_steps(level, mask):
    yield Step(0, 0, "")
    return components(mask)


@pytest.mark.parametrize("find", [component_steps, cut_at_valleys, necks_steps])
@given(masks(), st.integers(0, 99))
def test_ids_are_consecutive_in_raster_order(find, mask, seed):
    ids = run(find(random_levels(mask, seed), mask))
    values, first = np.unique(ids[ids > 0], return_index=True)
    assert values.tolist() == list(range(1, ids.max(initial=0) + 1))
    assert (np.diff(first) > 0).all()


def test_unsure_and_small_objects_leave_no_gap_in_the_ids():
    ids = np.array([[1, 1, 0, 2, 2, 2, 3, 0, 4, 4]], np.int32)
    sure = np.array([[1, 0, 1, 0, 0, 0, 1, 1, 1, 1]], bool)
    kept = [[1, 1, 0, 0, 0, 0, 0, 0, 2, 2]]
    assert those_kept(ids, sure, 2).tolist() == kept
    assert_array_equal(those_kept(ids, ids > 0, 1), ids)
