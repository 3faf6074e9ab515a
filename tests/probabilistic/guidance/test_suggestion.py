import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist, pdist
from tests.probabilistic.problems import two_regions
from tests.strategies import specs

import napari_segen as ns
from napari_segen.core.errors import NotFitted
from napari_segen.core.steps import Step
from napari_segen.probabilistic.guidance.suggestion import (
    APART,
    REACH,
    Grid,
    suggested_places,
    teaching_value,
)

SIDE = 2
GRID = Grid((SIDE, SIDE), (1.0, 1.0))  # cells as wide as the widest filter: 2 pixels


def values(seed, shape=(60, 50)):
    return np.random.default_rng(seed).random(shape, np.float32)


def cells(places):
    return np.asarray(places) // SIDE


seeds = st.integers(0, 9999)


@given(seeds, st.integers(1, 60))
def test_places_are_apart_and_none_is_twice(seed, n):
    found = suggested_places(values(seed), n, GRID)
    assert len(found) <= n
    assert len(found) == n or n > 20
    if len(found) > 1:
        assert pdist(cells(found)).min() >= APART


@given(seeds, st.integers(1, 5))
def test_they_are_far_from_what_is_labelled_or_was_suggested(seed, n):
    rng = np.random.default_rng(seed)
    marks = (rng.random((60, 50)) < 0.003).astype(np.uint8)
    avoid = np.stack([rng.integers(0, 60, 4), rng.integers(0, 50, 4)], axis=1)
    found = suggested_places(values(seed), n, GRID, labelled=marks, avoid=avoid)
    taken = np.concatenate([cells(np.argwhere(marks)), cells(avoid)])
    if len(found):
        assert cdist(cells(found), taken).min() >= APART


@given(seeds)
def test_asked_again_with_the_first_to_avoid_it_goes_on_where_it_stopped(seed):
    value = values(seed)
    all_at_once = suggested_places(value, 6, GRID)
    first = suggested_places(value, 2, GRID)
    rest = suggested_places(value, 4, GRID, avoid=first)
    assert_array_equal(np.concatenate([first, rest]), all_at_once)


@given(seeds)
def test_the_first_place_is_the_best_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    value, marks = values(seed, (20, 24)), np.zeros((20, 24), int)
    marks[rng.integers(20), rng.integers(24)] = 1
    padded = np.pad(value, SIDE)
    best, where = -1.0, None
    (there,) = np.argwhere(marks) // SIDE
    padded[tuple(np.argwhere(marks)[0] + SIDE)] = 0
    for y in range(10):
        for x in range(12):
            far = min(np.hypot(y - there[0], x - there[1]), REACH)
            mean = padded[2 * y : 2 * y + 6, 2 * x : 2 * x + 6].mean()
            if far >= APART and mean * far > best:
                best, where = mean * far, (y, x)
    (found,) = suggested_places(value, 1, GRID, labelled=marks)
    assert tuple(found // SIDE) == where
    y, x = where
    cell = value[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
    assert value[tuple(found)] == cell.max()


def test_pixels_that_cannot_be_used_are_left_out():
    value, usable = values(0), np.zeros((60, 50), bool)
    usable[31, 7] = usable[59, 49] = True
    found = suggested_places(value, 9, GRID, usable=usable)
    assert sorted(map(tuple, found.tolist())) == [(31, 7), (59, 49)]


def test_where_all_is_labelled_there_is_no_place():
    found = suggested_places(values(0), 5, GRID, labelled=np.ones((60, 50), int))
    assert found.shape == (0, 2)


def test_an_image_smaller_than_a_cell_has_one_place():
    grid = Grid((9, 9), (1.0, 1.0))
    assert len(suggested_places(values(0, (4, 5)), 3, grid)) == 1


@given(specs(axes=None), st.data())
def test_a_grid_has_cells_as_wide_as_the_widest_filter(spec, data):
    widths = [data.draw(st.floats(0.2, 9)) for _ in range(spec.n_space)]
    grid = Grid.of(spec, [[w / 2 for w in widths], widths])
    assert len(grid.cell) == len(spec.label_axes)
    space = iter(widths)
    for axis, c, step in zip(spec.label_axes, grid.cell, grid.step, strict=True):
        if axis in "tn":
            assert c == 1
        else:
            width = next(space)
            assert abs(c - max(width, 1)) <= 0.5
            assert_allclose(step, c / width)


def test_separate_images_do_not_repel_one_another_and_time_points_do():
    value = np.zeros((4, 40, 40), np.float32)
    value[:, 19:22, 19:22] = 1
    images, film = (
        Grid.of(ns.ImageSpec(axes), [(2.0, 2.0)]) for axes in ("nyx", "tyx")
    )
    assert_array_equal(suggested_places(value, 4, images)[:, 0], range(4))
    times = suggested_places(value, 2, film)
    assert abs(times[0, 0] - times[1, 0]) * 1.5 >= APART or (
        np.abs(times[0, 1:] - times[1, 1:]).max() > 3
    )


def problem():
    image, scribbles, _ = two_regions((64, 72))
    return image, scribbles, ns.ProbabilisticSegmenter("softmax").fit(image, scribbles)


def test_the_segmenter_suggests_as_its_parts_do():
    image, scribbles, model = problem()
    found = model.suggest(image, 4, labelled=scribbles)
    value = teaching_value(model.uncertainty(image), model.novelty(image))
    grid = Grid.of(model.spec_, model.bank((1.0, 1.0)).sigmas_px)
    assert_array_equal(found, suggested_places(value, 4, grid, labelled=scribbles))
    assert_array_equal(found, model.suggest(image, 4, labelled=scribbles))
    steps = list(model.suggest_steps(image))
    assert all(isinstance(s, Step) for s in steps)


def test_no_data_is_never_suggested():
    image, _, model = problem()
    image = image.copy()
    image[:, 20:] = np.nan
    found = model.suggest(image, 50)
    assert len(found)
    assert (found[:, 1] < 20).all()
    image[:] = np.nan
    assert model.suggest(image).shape == (0, 2)


@pytest.mark.parametrize("axes", ["tyx", "nyx", "ytx"])
def test_places_in_a_series_are_indices_into_its_labels(axes):
    image, scribbles, model = problem()
    at = axes.index("t" if "t" in axes else "n")
    film, marks = (np.stack([a] * 3, axis=at) for a in (image, scribbles))
    found = model.suggest(film, 8, spec=ns.ImageSpec(axes), labelled=marks)
    assert found.shape[1] == 3
    assert (found < film.shape).all()
    assert not marks[tuple(found.T)].any()


def test_a_volume_with_flat_voxels():
    image, scribbles, _ = two_regions((6, 30, 32))
    spec = ns.ImageSpec("zyx", (4.0, 1.0, 1.0), "um")
    model = ns.ProbabilisticSegmenter("softmax", sigma_unit="physical").fit(
        image, scribbles, spec=spec
    )
    found = model.suggest(image, 4, labelled=scribbles)
    assert found.shape == (4, 3)
    assert not scribbles[tuple(found.T)].any()


def test_strange_requests_are_refused():
    image, scribbles, model = problem()
    with pytest.raises(ValueError, match="n must be at least 1"):
        model.suggest(image, 0)
    with pytest.raises(TypeError, match="n must be an integer"):
        model.suggest(image, 2.5)
    with pytest.raises(ValueError, match="labelled must have shape"):
        model.suggest(image, labelled=scribbles[:-1])
    for avoid in ([1, 2], [[64, 0]], [[-1, 0]], [[1, 2, 3]]):
        with pytest.raises(ValueError, match="avoid must be pixels"):
            model.suggest(image, avoid=avoid)
    with pytest.raises(NotFitted):
        ns.ProbabilisticSegmenter().suggest(image)
