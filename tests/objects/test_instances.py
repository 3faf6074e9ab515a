import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage
from tests.objects.shapes import (
    ball,
    blobs,
    posterior_of,
    share_moved,
    two_discs,
)

import napari_segen as ns

MIRRORS = {
    "flipped up": lambda a: a[..., ::-1, :],
    "flipped left": lambda a: a[..., ::-1],
    "transposed": lambda a: a.swapaxes(-1, -2),
}


def test_touching_discs_come_apart_at_their_neck():
    left, right = two_discs()
    ids = ns.instances(posterior_of(left | right), foreground=1)
    assert ids.max() == 2
    assert len(np.unique(ids[left & ~right])) == 1
    assert len(np.unique(ids[right & ~left])) == 1


def bar(certain, doubtful, rows=slice(None)):
    """A bar, as probable as `certain`, that is `doubtful` across its middle."""
    inside = np.full((30, 50), 0.1, np.float32)
    inside[5:25, 5:45] = certain
    inside[5:25, 24:26][rows] = doubtful
    return np.stack([1 - inside, inside])


@pytest.mark.parametrize("odds", [4, 16])
def test_doubt_from_side_to_side_is_a_neck(odds):
    below, above = ((odds + d) / (1 + odds + d) for d in (-0.1, 0.1))
    posterior = bar(above, below)
    ids = ns.instances(posterior, foreground=1, min_odds=1)
    assert ids.max() == 2
    assert_array_equal(ids > 0, posterior[1] > 0.5)
    for as_probable in (above, below):
        even = bar(as_probable, as_probable)
        assert ns.instances(even, foreground=1, min_odds=1).max() == 1


def test_doubt_that_does_not_reach_the_side_is_no_neck():
    posterior = bar(0.99, 0.6, rows=slice(1, -1))
    assert ns.instances(posterior, foreground=1).max() == 1


@given(st.integers(0, 999), st.floats(0.51, 1.0))
def test_how_sure_a_mask_is_does_not_matter(seed, certain):
    mask = blobs(seed)
    one = ns.instances(posterior_of(mask), foreground=1)
    other = ns.instances(posterior_of(mask, certain), foreground=1, min_odds=1)
    assert one.max() == other.max()
    assert share_moved(one, other) <= 0.01


def test_a_slight_neck_cuts_what_is_large_beside_the_others():
    shape = (180, 90)
    pair = ball(shape, (40, 30), 20) | ball(shape, (40, 46), 20)
    assert ns.instances(posterior_of(pair), foreground=1).max() == 1
    as_large, small = pair[::-1] | pair, pair.copy()
    for centre in ((100, 30), (150, 30), (110, 75)):
        small |= ball(shape, centre, 17)
    assert ns.instances(posterior_of(as_large), foreground=1).max() == 2
    ids = ns.instances(posterior_of(small), foreground=1)
    assert ids.max() == 5
    assert len(np.unique(ids[pair])) == 2


def test_components_do_not_cut():
    left, right = two_discs()
    ids = ns.instances(posterior_of(left | right), foreground=1, method="components")
    assert_array_equal(ids, left | right)


@pytest.mark.parametrize("method", ["distance", "components"])
def test_pixels_that_touch_at_a_corner_are_two_objects(method):
    posterior = posterior_of(np.eye(2, dtype=bool))
    ids = ns.instances(posterior, foreground=1, method=method)
    assert ids.tolist() == [[1, 0], [0, 2]]


@given(st.integers(0, 999))
def test_ids_are_consecutive_in_raster_order(seed):
    ids = ns.instances(posterior_of(blobs(seed)), foreground=1)
    assert_array_equal(ids > 0, blobs(seed))
    values, first = np.unique(ids[ids > 0], return_index=True)
    assert values.tolist() == list(range(1, ids.max() + 1))
    assert (np.diff(first) > 0).all()
    assert ids.dtype == np.int32


@pytest.mark.parametrize("mirror", MIRRORS)
@given(seed=st.integers(0, 999))
def test_a_mirrored_image_has_the_mirrored_objects(mirror, seed):
    turn, posterior = MIRRORS[mirror], posterior_of(blobs(seed, (96, 90)))
    one = turn(ns.instances(posterior, foreground=1))
    other = ns.instances(turn(posterior), foreground=1)
    assert one.max() == other.max()
    assert share_moved(one, other) <= 0.01


@given(st.integers(0, 999), st.floats(0.01, 100))
def test_the_unit_of_the_pixel_size_does_not_matter(seed, size):
    posterior = posterior_of(blobs(seed))
    spec = ns.ImageSpec("yx", (size, size))
    one = ns.instances(posterior, foreground=1)
    other = ns.instances(posterior, foreground=1, spec=spec)
    assert share_moved(one, other) <= 0.01


def test_balls_come_apart_where_the_planes_lie_far_from_each_other():
    sampling = (4.0, 1.0, 1.0)
    shape = (12, 40, 60)
    mask = ball(shape, (24, 20, 18), 12, sampling)
    mask |= ball(shape, (24, 20, 38), 12, sampling)
    spec = ns.ImageSpec("zyx", sampling)
    ids = ns.instances(posterior_of(mask), foreground=1, spec=spec)
    assert ids.max() == 2
    assert (ids[6, 20, 18], ids[6, 20, 38]) == (1, 2)


@pytest.mark.parametrize("axes", ["tyx", "yxt", "nyx"])
def test_each_frame_is_numbered_on_its_own(axes):
    frames = np.stack([blobs(s) for s in range(3)])
    alone = [ns.instances(posterior_of(f), foreground=1) for f in frames]
    at = axes.index("y") if axes.endswith("t") else None
    mask = np.moveaxis(frames, 0, 2) if at is not None else frames
    ids = ns.instances(posterior_of(mask), foreground=1, spec=ns.ImageSpec(axes))
    found = np.moveaxis(ids, 2, 0) if at is not None else ids
    assert_array_equal(found, alone)


def test_a_spec_may_name_the_channels_of_the_image():
    mask = blobs(0)
    spec = ns.ImageSpec("yxc")
    ids = ns.instances(posterior_of(mask), foreground=1, spec=spec)
    assert_array_equal(ids, ns.instances(posterior_of(mask), foreground=1))


def test_an_object_is_where_its_class_is_the_most_probable():
    posterior = np.array([0.3, 0.35, 0.35, 0.3, 0.3, 0.4]).reshape(3, 1, 2)
    for foreground, objects in ((2, [[0, 1]]), ((1, 2), [[1, 1]])):
        ids = ns.instances(posterior, foreground=foreground, min_odds=1)
        assert ids.tolist() == objects


@pytest.mark.parametrize("boundary", [None, 1])
def test_an_undecided_pixel_is_background(boundary):
    posterior = np.full((2, 4, 4), 0.5)
    assert not ns.instances(posterior, foreground=0, boundary=boundary).any()


def walls(height):
    """Two rooms with a wall of the given probability between them."""
    wall = np.zeros((20, 31), np.float32)
    wall[:, 14:17] = height
    return np.stack([np.zeros_like(wall), 1 - wall, wall])


def test_a_boundary_cuts_and_is_shared_out():
    ids = ns.instances(walls(0.9), foreground=1, boundary=2)
    assert (ids[:, :15] == 1).all()
    assert (ids[:, 16:] == 2).all()


def test_a_boundary_cuts_where_it_is_less_probable_than_the_object():
    assert ns.instances(walls(0.4), foreground=1, boundary=2).max() == 2


def test_a_wall_of_one_pixel_cuts():
    wall = np.zeros((20, 31))
    wall[:, 15] = 0.9
    assert ns.instances(np.stack([1 - wall, wall]), foreground=0, boundary=1).max() == 2


def test_a_trace_of_a_boundary_does_not_cut():
    assert ns.instances(walls(0.05), foreground=1, boundary=2).max() == 1


def test_objects_and_boundary_may_be_all_the_classes():
    posterior = walls(0.9)[1:]
    assert ns.instances(posterior, foreground=0, boundary=1).max() == 2


def test_small_objects_are_left_out():
    mask = ball((30, 30), (15, 15), 8)
    mask[0, :3] = True
    posterior = posterior_of(mask)
    assert ns.instances(posterior, foreground=1, min_size=3).max() == 2
    ids = ns.instances(posterior, foreground=1, min_size=4)
    assert ids.max() == ids[15, 15] == 1
    assert not ids[0].any()


@pytest.mark.parametrize("method", ["distance", "components"])
def test_objects_without_a_sure_pixel_are_left_out(method):
    inside = np.full((12, 30), 0.1)
    inside[2:10, 2:10] = inside[2:10, 12:20] = inside[2:10, 22:28] = 0.7
    inside[5, 15] = 0.9
    inside[8, 25] = 0.88
    posterior = np.stack([1 - inside, inside])
    expected = np.where(inside > 0.5, 1, 0)
    expected[:, :11] = expected[:, 21:] = 0
    ids = ns.instances(posterior, foreground=1, method=method)
    assert_array_equal(ids, expected)
    for odds, n in ((1, 3), (7, 2), (10, 0)):
        ids = ns.instances(posterior, foreground=1, method=method, min_odds=odds)
        assert ids.max() == n


@pytest.mark.parametrize("shape", [(64, 72), (12, 20, 24)])
@given(seed=st.integers(0, 999))
def test_filling_every_hole_is_what_scipy_does(shape, seed):
    mask = blobs(seed, shape, sigma=1.0, share=0.6)
    ids = ns.instances(
        posterior_of(mask), foreground=1, method="components", fill_holes=mask.size
    )
    full = ndimage.binary_fill_holes(mask, np.ones((3,) * mask.ndim))
    assert_array_equal(ids > 0, full)


def test_only_small_holes_are_filled_and_what_touches_the_border_is_none():
    mask = np.ones((12, 20), bool)
    mask[3:5, 3:5] = mask[3:6, 10:13] = mask[0, 16:18] = False
    for limit, n_filled in ((0, 0), (3, 0), (4, 4), (8, 4), (9, 13), (99, 13)):
        ids = ns.instances(posterior_of(mask), foreground=1, fill_holes=limit)
        assert (ids > 0).sum() == mask.sum() + n_filled


@pytest.mark.parametrize("method", ["distance", "components"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (1, 1, 1), (2, 1, 5)])
@pytest.mark.parametrize("inside", [True, False])
def test_tiny_images_and_full_or_empty_ones_are_fine(method, shape, inside):
    posterior = posterior_of(np.full(shape, inside))
    ids = ns.instances(posterior, foreground=1, method=method)
    assert_array_equal(ids, np.full(shape, inside))


def test_the_posterior_is_not_written_to_and_may_be_read_only():
    posterior = posterior_of(blobs(0))
    before = posterior.copy()
    posterior.setflags(write=False)
    ns.instances(posterior, foreground=1)
    assert_array_equal(posterior, before)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_any_type_of_float_will_do(dtype):
    posterior = posterior_of(blobs(0))
    assert_array_equal(
        ns.instances(posterior.astype(dtype), foreground=1),
        ns.instances(posterior, foreground=1),
    )


def test_the_steps_give_the_same_objects():
    posterior = posterior_of(blobs(0))
    steps = ns.instances_steps(posterior, foreground=1)
    assert next(steps).text
    steps.close()
    again = ns.run(ns.instances_steps(posterior, foreground=1))
    assert_array_equal(again, ns.instances(posterior, foreground=1))


def test_every_object_lies_in_one_component():
    mask = blobs(3)
    ids = ns.instances(posterior_of(mask), foreground=1)
    groups, _ = ndimage.label(mask)
    for i in range(1, ids.max() + 1):
        assert len(np.unique(groups[ids == i])) == 1


WRONG = {
    "probabilities": (TypeError, np.zeros((2, 4, 4), int), {}),
    "shape": (ValueError, np.full((4, 4), 0.5), {}),
    "at least two classes": (ValueError, np.full((1, 4, 4), 0.5), {}),
    "NaN": (ValueError, np.full((2, 4, 4), np.nan), {}),
    "from 0 to 1": (ValueError, np.full((2, 4, 4), 3.0), {}),
    "0 to 1, got 2": (ValueError, None, {"foreground": 2}),
    "0 to 1, got -1": (ValueError, None, {"foreground": -1}),
    "whole number, got True": (TypeError, None, {"foreground": True}),
    "whole number, got 1.0": (TypeError, None, {"foreground": 1.0}),
    "foreground is empty": (ValueError, None, {"foreground": ()}),
    "every class": (ValueError, None, {"foreground": (0, 1)}),
    "a foreground class too": (ValueError, None, {"boundary": 1}),
    "boundary has no meaning": (
        ValueError,
        None,
        {"boundary": 0, "method": "components"},
    ),
    "one of": (ValueError, None, {"method": "stardist"}),
    "not be negative": (ValueError, None, {"min_size": -1}),
    "min_size must be a whole number": (TypeError, None, {"min_size": 2.5}),
    "min_odds must be 1 or more": (ValueError, None, {"min_odds": 0.5}),
    "min_odds must be a number": (TypeError, None, {"min_odds": "4"}),
    "1 or more, got nan": (ValueError, None, {"min_odds": np.nan}),
    "fill_holes must not be negative": (ValueError, None, {"fill_holes": -1}),
    "fill_holes must be a whole number": (TypeError, None, {"fill_holes": 1.5}),
    "spec says": (ValueError, None, {"spec": ns.ImageSpec("tyx")}),
    "spec must be": (TypeError, None, {"spec": "yx"}),
}


@pytest.mark.parametrize("words", WRONG)
def test_bad_input_is_refused_with_its_name(words):
    error, posterior, options = WRONG[words]
    posterior = np.full((2, 4, 4), 0.5) if posterior is None else posterior
    with pytest.raises(error, match=words):
        ns.instances(posterior, **{"foreground": 1} | options)
