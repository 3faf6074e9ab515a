import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.generation.patches import Corners
from napari_segen.generation.shares import (
    LEAST_PATCHES,
    Grouped,
    share_of,
    why_untold,
)


def grouped(rng, n_units, n_each, spread=0.0):
    """Normal distances with an offset for each unit."""
    offset = spread * rng.standard_normal(n_units)
    distance = offset[:, np.newaxis] + rng.standard_normal((n_units, n_each))
    return Grouped(distance.ravel(), np.repeat(np.arange(n_units), n_each))


def corners(n, planes, rng, side=128):
    return Corners(rng.integers(planes, size=n), *rng.integers(side, size=(2, n)))


def test_the_share_is_counted_below_the_quantile_of_unseen_ones():
    unseen = Grouped(np.arange(101.0), np.arange(101))
    generated = Grouped(np.array([4.9, 5.0, 5.1, 0.0]), np.arange(4))
    found = share_of(generated, unseen, np.random.default_rng(0))
    assert found.value == 0.5  # the quantile is 5
    assert (found.n_generated, found.n_unseen) == (4, 101)


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_the_interval_holds_the_chance_share_nearly_always(spread):
    """Images that differ from each other make the share less sure, and are told."""
    rng = np.random.default_rng(0)
    found = [
        share_of(grouped(rng, 12, 30, spread), grouped(rng, 12, 30, spread), rng)
        for _ in range(60)
    ]
    held = np.mean([f.low <= 0.05 <= f.high for f in found])
    assert held > 0.8  # 0.95 in the long run, less from few units
    width = np.mean([f.high - f.low for f in found])
    assert (width > 0.1) == (spread > 0)


def test_patches_that_repeat_each_other_do_not_narrow_the_interval():
    rng = np.random.default_rng(0)
    once = [grouped(rng, 100, 1), grouped(rng, 100, 1)]
    thrice = [Grouped(np.repeat(g.distance, 3), np.repeat(g.unit, 3)) for g in once]
    a, b = (share_of(*pair, np.random.default_rng(1)) for pair in (once, thrice))
    assert_allclose(b.high - b.low, a.high - a.low, atol=0.02)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 60))
def test_units_are_images_or_blocks_without_overlap(seed, n_images, n_patches):
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(n_images), 2)
    where = corners(n_patches, len(owners), rng)
    unit = Grouped.of(np.zeros(n_patches), where, owners, 16).unit
    owner = owners[where.plane]
    keys = [owner]
    if len(set(owner)) < 4:
        keys += [where.y // 32, where.x // 32]
    keys = np.stack(keys, axis=1)
    same = (keys[:, np.newaxis] == keys).all(axis=-1)
    assert_array_equal(unit[:, np.newaxis] == unit, same)
    assert_array_equal(np.unique(unit), np.arange(unit.max() + 1))


def test_drawing_anew_keeps_units_whole():
    rng = np.random.default_rng(0)
    unit = np.array([0, 0, 0, 1, 1, 2])
    for _ in range(20):
        drawn = Grouped(unit.astype(float), unit).drawn_anew(rng)
        times = np.bincount(drawn.astype(int), minlength=3) / [3, 2, 1]
        assert_array_equal(times, times.round())
        assert times.sum() == 3


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ((9, 500, None), "has not seen"),
        ((0, 0, 0), "training images"),
        ((9, LEAST_PATCHES - 1, 500), "generated images have 99 patches"),
        ((9, 500, LEAST_PATCHES - 1), "Take more unseen images"),
    ],
)
def test_too_few_patches_tell_no_share(counts, reason):
    assert reason in why_untold(*counts)


def test_enough_patches_tell_a_share():
    assert why_untold(1, LEAST_PATCHES, LEAST_PATCHES) == ""
