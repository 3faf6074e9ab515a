import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference import resampling

from napari_segen.cnn.augmentation import Augmentation, Augmenter
from napari_segen.cnn.labelled import UNLABELLED
from napari_segen.cnn.placement import Placement, Pose, place

STRONG = Augmentation(rotation=180, scale=0.5, elastic=6)
EXACT = Augmentation(rotation=0, scale=0, elastic=0)


def drawn(augmentation, size, patch_shape, seed, answer=None):
    """A random place of a random pose, around a random pixel."""
    rng = np.random.default_rng(seed)
    pose = Augmenter(augmentation, patch_shape).pose(rng)
    at = tuple(int(a) for a in rng.integers(size))
    answer = answer or ((0,) * len(size), patch_shape)
    return place(pose, at, size, patch_shape, answer, rng)


def coordinates(size):
    """An image whose channels are the coordinates of its pixels."""
    return np.stack(np.meshgrid(*map(np.arange, size), indexing="ij")).astype("f4")


def whole(placed, source, patch_shape):
    return placed.read(source, (0,) * len(patch_shape), patch_shape)


SIZES = st.sampled_from([(30, 41), (1, 40), (16, 16), (5, 7), (6, 30, 25), (1, 9, 9)])
PATCHES = {2: (16, 12), 3: (4, 12, 16)}


@given(SIZES, st.sampled_from([STRONG, EXACT]), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_anchor_shows_the_pixel_that_was_asked_for(size, augmentation, seed):
    patch_shape = PATCHES[len(size)]
    placed = drawn(augmentation, size, patch_shape, seed)
    x = whole(placed, coordinates(size), patch_shape)
    assert_array_equal(x[:, *placed.anchor], placed.at)


@given(SIZES, st.sampled_from([STRONG, EXACT]), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_labels_move_exactly_with_their_image(size, augmentation, seed):
    patch_shape = PATCHES[len(size)]
    placed = drawn(augmentation, size, patch_shape, seed)
    at = whole(placed, coordinates(size), patch_shape)
    index = np.random.default_rng(seed).integers(0, 5, size).astype(np.int16)
    found = placed.read_index(index, (0,) * len(size), patch_shape)
    nearest = index[tuple(np.rint(at).astype(int))]
    # Half-way between pixels, and folded over by the border, there is no nearest one.
    folded = (at < 0.5) | (at > np.reshape(size, (-1, *[1] * len(size))) - 1.5)
    clear = (np.abs(at % 1 - 0.5) > 1e-3).all(axis=0) & ~folded.any(axis=0)
    compared = clear & (found != UNLABELLED)
    assert_array_equal(found[compared], nearest[compared])
    assert found[placed.anchor] == index[placed.at]


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_reading_between_pixels_is_the_weighted_mean_of_four(height, width, seed):
    rng = np.random.default_rng(seed)
    image = rng.random((2, height, width), np.float32)
    index = rng.integers(0, 3, (height, width)).astype(np.int16)
    pose = Pose(
        np.eye(2, dtype=int),
        rng.normal(0, 1, (2, 2)),
        rng.normal(0, 3, (2, 4, 5)).astype("f4"),
    )
    placed = Placement(pose, (4, 5), (1, 2), (height // 2, width // 2))
    steps = np.stack(np.mgrid[:4, :5]).astype(float) - [[[1]], [[2]]]
    places = np.einsum("ij,jyx->iyx", pose.shape_change, steps) + pose.bend
    places += np.reshape(placed.at, (2, 1, 1)) - pose.bend[:, 1:2, 2:3]
    found = whole(placed, image, (4, 5))
    for plane, expected in zip(found, image, strict=True):
        assert_allclose(
            plane, resampling.each(resampling.linear, expected, *places), atol=1e-4
        )
    clear = (np.abs(places % 1 - 0.5) > 1e-4).all(axis=0)
    nearest = resampling.each(resampling.nearest, index, *places, UNLABELLED)
    labels = placed.read_index(index, (0, 0), (4, 5))
    assert_array_equal(labels[clear], nearest[clear])


@pytest.mark.parametrize("seed", range(8))
def test_mirroring_and_quarter_turns_only_move_pixels(seed):
    image = np.random.default_rng(0).random((1, 9, 9), np.float32)
    found = whole(drawn(EXACT, (9, 9), (9, 9), seed), image, (9, 9))[0]
    turned = [np.rot90(image[0], k) for k in range(4)]
    assert any((found == t).all() for each in turned for t in (each, np.flipud(each)))


def test_all_eight_ways_to_lay_a_square_come_up():
    image = np.random.default_rng(0).random((1, 9, 9), np.float32)
    found = {
        whole(drawn(EXACT, (9, 9), (9, 9), s), image, (9, 9)).tobytes()
        for s in range(100)
    }
    assert len(found) == 8


def test_a_volume_is_mirrored_along_depth_but_never_tilted():
    at = coordinates((8, 12, 12))
    depths = set()
    for seed in range(20):
        z = whole(drawn(STRONG, (8, 12, 12), (8, 12, 12), seed), at, (8, 12, 12))[0]
        assert_allclose(z, np.broadcast_to(z[:, :1, :1], z.shape), atol=1e-5)
        depths.add(tuple(np.rint(z[:, 0, 0])))
    assert depths == {tuple(range(8)), tuple(range(7, -1, -1))}


@given(SIZES, st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_beyond_the_border_the_image_is_mirrored_and_nothing_is_labelled(size, seed):
    patch_shape = tuple(2 * n + 3 for n in size)
    start = (0,) * len(size)
    for augmentation in (EXACT, STRONG):
        placed = drawn(augmentation, size, patch_shape, seed)
        at = whole(placed, coordinates(size), patch_shape)
        inside = placed.read_index(np.zeros(size, np.int16), start, patch_shape) == 0
        taught = placed.read_teacher(np.ones((1, *size), "f4"), start, patch_shape)
        assert_allclose(taught[0], inside, atol=1e-6)
        assert (at >= 0).all()
        assert (at.max(axis=tuple(range(1, at.ndim))) < size).all()
        assert inside[placed.anchor]
        assert not inside.all()


@pytest.mark.parametrize("augmentation", [EXACT, STRONG])
def test_a_part_of_a_patch_is_read_as_the_whole_one(augmentation):
    index = np.arange(900, dtype=np.int16).reshape(30, 30)
    placed = drawn(augmentation, (30, 30), (16, 16), 3)
    everything = placed.read_index(index, (0, 0), (16, 16))
    assert_array_equal(placed.read_index(index, (5, 2), (4, 9)), everything[5:9, 2:11])


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_drawn_pixel_falls_into_the_answer(seed):
    placed = drawn(STRONG, (30, 30), (16, 16), seed, ((5, 6), (3, 1)))
    assert 5 <= placed.anchor[0] < 8
    assert placed.anchor[1] == 6


def test_an_upright_patch_stays_in_its_image_where_it_can():
    for seed in range(20):
        placed = drawn(None, (20, 40), (16, 16), seed)
        corner = np.subtract(placed.at, placed.anchor)
        assert (corner >= 0).all()
        assert (corner + 16 <= (20, 40)).all()
        small = drawn(None, (5, 7), (16, 16), seed)
        corner = np.subtract(small.at, small.anchor)
        assert (corner <= 0).all()
        assert (corner + 16 >= (5, 7)).all()


def test_a_teacher_is_not_mixed_with_ground_of_which_it_says_nothing():
    teacher = np.zeros((2, 20, 20), np.float32)
    teacher[0, :, :10] = 1
    for seed in range(5):
        found = drawn(STRONG, (20, 20), (16, 16), seed).read_teacher(
            teacher, (0, 0), (16, 16)
        )
        total = found.sum(axis=0)
        assert ((total == 0) | (np.abs(total - 1) < 1e-3)).all()
