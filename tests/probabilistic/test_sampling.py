import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.probabilistic.problems import two_regions

from napari_segen.core.steps import run
from napari_segen.features.bank import FilterBank
from napari_segen.probabilistic import sampling
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.sampling import (
    even_sample,
    look_regions,
    sampled_features_steps,
)


def everywhere(i, positions):
    return np.ones(len(positions), bool)


def chosen(shape, most=100, max_looked=2**22):
    looked = look_regions([shape], max_looked)
    (positions,) = even_sample([shape], looked, everywhere, most)
    marks = np.zeros(shape, int)
    marks[tuple(positions.T)] += 1
    assert marks.max() == 1
    return marks


def looked_at(shape, max_looked):
    marks = np.zeros(shape, int)
    (regions,) = look_regions([shape], max_looked)
    for region in regions:
        marks[region] += 1
    return marks


SHAPES = st.lists(st.integers(20, 400), min_size=2, max_size=2).map(tuple)


@given(SHAPES, st.integers(100, 60_000))
@settings(max_examples=30, deadline=None)
def test_flips_and_transposes_carry_over(shape, max_looked):
    for marks in (looked_at(shape, max_looked), chosen(shape, 200, max_looked)):
        assert_array_equal(marks, marks[::-1])
        assert_array_equal(marks, marks[:, ::-1])
    for of in (looked_at, lambda s, n: chosen(s, 200, n)):
        assert_array_equal(of(shape[::-1], max_looked), of(shape, max_looked).T)


@given(st.tuples(*[st.integers(20, 150)] * 3), st.integers(20_000, 900_000))
@settings(max_examples=15, deadline=None)
def test_volumes_are_looked_at_evenly_from_all_sides(shape, max_looked):
    marks = looked_at(shape, max_looked)
    assert marks.max() == 1
    assert_array_equal(marks, marks[::-1, ::-1, ::-1])
    assert_array_equal(looked_at(shape[::-1], max_looked), marks.transpose())


@pytest.mark.parametrize("shape", [(3000, 2000), (10**5, 10**5), (80, 10**6)])
def test_of_a_huge_frame_a_bounded_part_is_looked_at(shape):
    (regions,) = look_regions([shape], 10**6)
    pixels = sum(np.prod([s.stop - s.start for s in region]) for region in regions)
    assert 3e5 < pixels <= 1e6
    for axis, n in enumerate(shape):
        starts = {region[axis].start for region in regions}
        assert len(starts) > 3 or n < sampling.BLOCK_SIDE[2]


@given(st.integers(2, 12), st.integers(2, 24))
def test_a_strip_is_not_judged_by_its_middle_where_two_blocks_have_room(half, room):
    side, n = sampling.BLOCK_SIDE[2], 2 * half + 1
    (regions,) = look_regions([(side, n * side)], room * side**2)
    pixels = sum(np.prod([s.stop - s.start for s in region]) for region in regions)
    assert 2 <= pixels / side**2 <= room


def test_of_very_many_frames_some_are_looked_at():
    regions = look_regions([(256, 256)] * 1000, 10**6)
    assert sum(map(len, regions)) == sum(map(bool, regions)) == 61


def test_each_frame_has_its_share():
    shapes = [(100, 100), (100, 300)]
    positions = even_sample(shapes, look_regions(shapes), everywhere, 2000)
    n, m = map(len, positions)
    assert 1950 <= n + m <= 2000
    assert 0.21 < n / (n + m) < 0.29


def test_the_choice_is_even():
    marks = chosen((256, 256), 4096)
    counts = marks.reshape(4, 64, 4, 64).sum(axis=(1, 3))
    assert counts.min() > 0.7 * 256
    assert counts.max() < 1.3 * 256


def test_what_cannot_be_used_is_not_chosen():
    usable = np.random.default_rng(0).random((40, 50)) < 0.1
    shapes = [usable.shape]
    (positions,) = even_sample(
        shapes, look_regions(shapes), lambda i, p: usable[tuple(p.T)], 10**4
    )
    assert_array_equal(positions[np.lexsort(positions.T[::-1])], np.argwhere(usable))


def test_too_few_are_refused():
    with pytest.raises(ValueError, match="max_pixels"):
        even_sample([(9, 9)], look_regions([(9, 9)]), everywhere, 5)


def test_features_of_the_regions_are_those_of_the_whole():
    image, _, _ = two_regions((150, 140))
    bank = FilterBank(sigmas=(1.0,))
    frame = Frame(image[np.newaxis], np.zeros(1), np.ones(1), bank, None)
    shape, most = image.shape, 15_000
    (regions,) = look_regions([shape], most)
    (positions,) = even_sample([shape], [regions], everywhere, 300)
    found = run(sampled_features_steps(frame, positions, [*regions, regions[0]]))
    assert_array_equal(found, run(frame.features_at_steps(positions)))
