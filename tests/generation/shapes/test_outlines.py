"""Nuclei and spots: sizes, densities and outlines are those that were asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generation.shapes.drawing import drawn, touches

from napari_segen.generation.shapes.blobs import Outline
from napari_segen.generation.shapes.canvas import Canvas, coverage


def inner_objects(labels):
    """Properties of the objects that no border cuts."""
    from skimage.measure import regionprops

    low, high = 0, np.array(labels.shape)
    return [
        p
        for p in regionprops(labels)
        if np.all(np.array(p.bbox[: labels.ndim]) > low)
        and np.all(np.array(p.bbox[labels.ndim :]) < high)
    ]


def diameters(labels):
    return np.array([p.equivalent_diameter_area for p in inner_objects(labels)])


def depth_on_grid(outline, center, shape, voxel):
    canvas = Canvas(shape, voxel)
    grid = canvas.grid(canvas.everything)
    offsets = [g - np.float32(c) for g, c in zip(grid, center, strict=True)]
    return outline.depth(offsets)


@given(
    radius=st.floats(4, 18),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_a_regular_outline_is_the_disc_of_its_radius(radius, x, y, seed):
    outline = Outline.draw(2, radius, 0.0, np.random.default_rng(seed))
    center = (20 + y, 20 + x)
    depth = depth_on_grid(outline, center, (41, 41), (1.0, 1.0))
    places = np.indices((41, 41)) + 0.5
    far = np.hypot(places[0] - center[0], places[1] - center[1])
    clear = np.abs(far - radius) > 1e-3
    np.testing.assert_array_equal((depth > 0)[clear], (far < radius)[clear])
    assert coverage(depth).sum() == pytest.approx(np.pi * radius**2, rel=0.01)


@pytest.mark.parametrize("voxel", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_a_regular_outline_in_3d_is_the_ball_of_its_radius(voxel):
    outline = Outline.draw(3, 9.3, 0.0, np.random.default_rng(0))
    depth = depth_on_grid(outline, (12.2, 12.0, 12.4), (25, 25, 25), voxel)
    found = (depth > 0).sum() * voxel[0]
    assert found == pytest.approx(4 / 3 * np.pi * 9.3**3, rel=0.02)


@given(seed=st.integers(0, 99), irregularity=st.floats(0, 1), ndim=st.integers(2, 3))
@settings(max_examples=25, deadline=None)
def test_irregular_outlines_keep_about_their_area_and_stay_within_reach(
    seed, irregularity, ndim
):
    outline = Outline.draw(ndim, 10.0, irregularity, np.random.default_rng(seed))
    n = int(2 * outline.reach) + 4
    depth = depth_on_grid(outline, (n / 2,) * ndim, (n,) * ndim, (1.0,) * ndim)
    wanted = np.pi * 100 if ndim == 2 else 4 / 3 * np.pi * 1000
    assert (depth > 0).sum() == pytest.approx(wanted, rel=0.15 + 0.45 * irregularity)
    for axis in range(ndim):
        assert not (np.take(depth, [0, -1], axis=axis) > 0).any()


@pytest.mark.parametrize("size", [12.0, 30.0])
def test_equal_regular_nuclei_have_the_size_asked_for(size):
    plain = {"size_spread": 0.0, "irregularity": 0.0, "touching": 0.0}
    found = diameters(drawn("nuclei", (300, 300), size=size, **plain)[1])
    assert len(found) > 5
    np.testing.assert_allclose(found, size, rtol=0.04)


def test_spots_have_the_size_asked_for():
    found = diameters(drawn("spots", (200, 200), size=5.0, size_spread=0.0)[1])
    np.testing.assert_allclose(found, 5.0, rtol=0.15)
    assert found.mean() == pytest.approx(5.0, rel=0.03)


def test_sizes_differ_as_much_as_asked_for():
    spreads = [
        diameters(drawn("nuclei", (500, 500), size_spread=s, touching=0.0)[1])
        for s in (0.0, 0.3, 0.8)
    ]
    variation = [d.std() / d.mean() for d in spreads]
    assert variation[0] < 0.08
    assert variation[0] + 0.05 < variation[1] < variation[2] - 0.05


@pytest.mark.parametrize("density", [0.1, 0.3])
@pytest.mark.parametrize("scene", ["nuclei", "fibres", "vessels"])
def test_objects_cover_the_part_asked_for(scene, density):
    labels = drawn(scene, (400, 400), density=density, size_spread=0.2)[1]
    assert (labels > 0).mean() == pytest.approx(density, rel=0.2)


def test_spots_cover_the_part_asked_for():
    labels = drawn("spots", (300, 300), density=0.04)[1]
    assert (labels > 0).mean() == pytest.approx(0.04, rel=0.1)


def test_nuclei_keep_apart_or_touch_as_asked_for():
    shape = (400, 400)
    assert not touches(drawn("nuclei", shape, touching=0.0)[1])
    labels = drawn("nuclei", shape, touching=1.0)[1]
    assert len(touches(labels)) > 0.7 * labels.max()


def test_irregularity_makes_outlines_longer_than_those_of_circles():
    def roundness(irregularity):
        labels = drawn(
            "nuclei", (400, 400), irregularity=irregularity, touching=0.0, size=30.0
        )[1]
        return np.mean([p.eccentricity for p in inner_objects(labels)])

    assert roundness(0.0) < 0.25 < roundness(0.4) < roundness(1.0)
