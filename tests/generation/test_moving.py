"""Where pixels go: checked on coordinates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from napari_segen import ImageGenerator
from napari_segen.core.steps import run
from napari_segen.generation import moving
from napari_segen.generation.method import Source
from napari_segen.generation.moving import MOVING_PARTS, draw_warp, moved_steps
from napari_segen.generation.transform_params import TransformParams
from napari_segen.generation.warp import Warp

STILL = {
    "flips": False,
    "quarter_turns": False,
    "rotation": 0.0,
    "scale": 1.0,
    "elastic": 0.0,
    "gain": 1.0,
    "offset": 0.0,
}
DOTS = [(40, 52), (70, 60), (45, 85)]


def dotted(shape=(121, 121)):
    """Discs of radius 4 that are as bright as their label is great."""
    labels = np.zeros(shape, int)
    y, x = np.indices(shape)
    for value, (at_y, at_x) in enumerate(DOTS, start=1):
        labels[np.hypot(y - at_y, x - at_x) <= 4.2] = value
    return labels.astype(float), labels


def centers(labels):
    return np.array(ndimage.center_of_mass(labels > 0, labels, [1, 2, 3]))


@pytest.mark.parametrize("seed", range(6))
def test_dots_turn_and_grow_about_the_middle(seed):
    image, labels = dotted()
    params = {**STILL, "rotation": 60.0, "scale": 1.4}
    generator = ImageGenerator("transform", params=params)
    generator.fit(image, labels, task="instances")
    made, moved = generator.vary(image, 1.0, seed, labels)
    middle = np.array([60, 60])
    # Complex numbers turn and grow by a product.
    before, after = ((p - middle) @ [1j, 1] for p in (np.array(DOTS), centers(moved)))
    product = after[0] / before[0]
    assert 1 / 1.4 - 0.02 <= abs(product) <= 1.4 + 0.02
    assert abs(np.angle(product, deg=True)) <= 61
    assert np.abs(after - product * before).max() < 0.7
    assert abs(np.angle(product, deg=True)) > 1 or abs(abs(product) - 1) > 0.01
    bright = [
        ndimage.center_of_mass(made * (ndimage.grey_dilation(moved, 5) == v))
        for v in (1, 2, 3)
    ]
    assert_allclose(bright, centers(moved), atol=0.3)


@pytest.mark.parametrize(
    ("slope", "shift"), [(0.0, (7.0, -11.0)), (0.25, (3.5, 2.0)), (-0.2, (0.0, -4.0))]
)
def test_bent_dots_go_where_the_closed_form_says(slope, shift):
    image, labels = dotted()
    spacing = np.array([10.0, 8.0])
    # A B-spline of coefficients on a line is that line: p + shift + slope p.
    grid = [np.arange(n) * s - s for n, s in zip((18, 20), spacing, strict=True)]
    lines = [slope * p + by for p, by in zip(grid, shift, strict=True)]
    elastic = np.stack(np.broadcast_arrays(lines[0][:, np.newaxis], lines[1]))
    warp = Warp((121, 121), np.eye(2), np.zeros(2), elastic, spacing)
    made = run(moved_steps(Source(image[np.newaxis], labels), warp, are_ids=True))
    wanted = (np.array(DOTS) - shift) / (1 + slope)
    assert_allclose(centers(made.labels), wanted, atol=0.35)
    inside = ndimage.binary_erosion(np.isin(made.labels, [1, 2, 3]), iterations=2)
    assert (np.abs(made.image[0] - made.labels) <= 0.5)[inside].all()


@pytest.mark.parametrize("shape", [(31, 20), (70, 150)])
def test_what_lies_far_away_makes_no_difference(shape, monkeypatch):
    rng = np.random.default_rng(0)
    image, labels = rng.random((2, 130, 110)), rng.integers(0, 9, (130, 110))
    image[0, 50:60, 40:70] = np.nan
    params = TransformParams(rotation=90.0, scale=1.5, elastic=3.0, smoothness=9.0)
    parts = rng.spawn(len(MOVING_PARTS))
    streams = dict(zip(MOVING_PARTS, parts, strict=True))
    warp = draw_warp(params, (1.0, 1.0), shape, np.array([45, 30]), streams)
    steps = moved_steps(Source(image, labels), warp, are_ids=False)
    cut = run(steps)
    monkeypatch.setattr(moving, "_MARGIN", 10**6)
    whole = run(moved_steps(Source(image, labels), warp, are_ids=False))
    assert_array_equal(cut.labels, whole.labels)
    assert_array_equal(np.isnan(cut.image), np.isnan(whole.image))
    assert_allclose(cut.image, whole.image, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    labels=hnp.arrays(
        np.uint8, st.tuples(*[st.integers(1, 9)] * 2), elements=st.integers(0, 3)
    ),
    data=st.data(),
)
def test_mirror_images_are_objects_of_their_own(labels, data):
    is_copy = data.draw(hnp.arrays(bool, labels.shape))
    made = moving.with_own_ids(labels, is_copy)
    assert_array_equal(made == 0, labels == 0)
    assert_array_equal(made[~is_copy], labels[~is_copy])
    for value in np.unique(made[made > 0]):
        where = made == value
        pieces, n = ndimage.label(where, np.ones((3, 3)))
        assert len(np.unique(labels[where])) == 1
        if is_copy[where].all():
            assert n == 1
        else:
            assert set(pieces[where & ~is_copy]) == set(range(1, n + 1))


def test_ids_beyond_a_type_widen_it():
    labels = np.arange(1, 256, dtype=np.uint8).reshape(5, 51)
    doubled = np.concatenate([labels, 0 * labels[:1], labels])
    is_copy = np.arange(11)[:, np.newaxis] * np.ones(51) > 4
    made = moving.with_own_ids(doubled, is_copy)
    assert made.dtype == np.uint16
    assert len(np.unique(made)) == 1 + 2 * 255
    assert_array_equal(made[:5], labels)


def two_objects():
    """One object at the right border, one in the middle, with another part."""
    ids = np.zeros((20, 20), np.uint8)
    ids[2:6, 15:] = 3
    ids[8:12, 8:12] = 7
    ids[15, 8:12] = 7
    return ids.astype(float) * 30 + np.arange(20), ids


def test_a_new_image_larger_than_its_source_has_new_objects():
    image, ids = two_objects()
    generator = ImageGenerator("transform", params=STILL)
    generator.fit(image, ids, task="instances")
    for seed in range(8):
        _, made = generator.generate_pairs(1, (20, 47), seed)
        n = ndimage.label(made[0])[1]
        heights = [s[0].stop - s[0].start for s in ndimage.find_objects(made[0])]
        assert max(heights) <= 8  # an object and its other part
        # The middle object has two parts once only; each mirror image is alone.
        assert len(np.unique(made)) - 1 == n - 1
        joined = [made[0] == v for v in np.unique(made[made > 0])]
        widths = [np.ptp(np.nonzero(where.any(axis=0))[0]) + 1 for where in joined]
        assert 10 in widths  # across the border it is one with its mirror image


def test_classes_stay_classes_beyond_the_border():
    image, ids = two_objects()
    generator = ImageGenerator("transform", params=STILL).fit(image, ids)
    _, made = generator.generate_pairs(1, (20, 60), 0)
    assert set(np.unique(made)) == {0, 3, 7}


def test_a_variation_keeps_the_ids_of_objects():
    rng = np.random.default_rng(0)
    ids = np.zeros((60, 60), np.uint8)
    ids[::2, ::2] = np.arange(900).reshape(30, 30) % 250 + 1
    ids = ids.repeat(3, axis=0).repeat(3, axis=1)[:150, :150]
    image = rng.random(ids.shape)
    bending = {**STILL, "elastic": 4.0, "scale": 1.2}
    makers = [
        ImageGenerator("transform", params=bending).fit(image, ids, task=task)
        for task in ("classes", "instances")
    ]
    n_changed = 0
    for seed in range(5):
        same, own = (maker.vary(image, 1.0, seed, ids)[1] for maker in makers)
        assert_array_equal(same[30:-30, 30:-30], own[30:-30, 30:-30])
        n_changed += (same != own).sum()
        assert not np.isin(own[same != own], ids).any()
    assert n_changed > 0
