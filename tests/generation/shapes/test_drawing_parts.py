"""The parts that scenes are drawn from, against brute force and other libraries."""

import numpy as np
import pytest
from scipy import ndimage
from tests.generation.shapes.drawing import drawn, touches

from napari_segen.generation.shapes.canvas import Canvas
from napari_segen.generation.shapes.fields import _spread, smooth_field
from napari_segen.generation.shapes.placing import draw_radii, neighbours, place
from napari_segen.generation.shapes.strokes import Stroke, deepest, stroke_pixels
from napari_segen.generation.shapes.tissue import Tissue
from napari_segen.generation.shapes.tubes import Tip, _daughters

PLANE = Canvas((60, 70), (1.0, 1.0))
SPACE = Canvas((9, 20, 22), (2.0, 1.0, 1.0))


@pytest.mark.parametrize("canvas", [PLANE, SPACE])
@pytest.mark.parametrize("thick", [1.5, 60.0])
def test_strokes_cover_what_is_near_their_line(canvas, thick):
    rng = np.random.default_rng(0)
    points = rng.uniform(-5, 25, (6, canvas.ndim))
    radii = rng.uniform(0.5, 1, 6) * thick
    found = list(stroke_pixels(canvas, Stroke.through(points, radii)))
    pixel, depth = deepest(
        np.concatenate([f.pixel for f in found]),
        np.concatenate([f.depth for f in found]),
    )
    expected = brute_depth(canvas, points, radii)
    near = np.flatnonzero(expected > -0.5)
    np.testing.assert_array_equal(pixel, near)
    np.testing.assert_allclose(depth, expected[near], atol=1e-4)


def brute_depth(canvas, points, radii):
    """Radius minus distance, over finely spaced places on the line."""
    places = np.stack(np.indices(canvas.shape), -1).reshape(-1, canvas.ndim) + 0.5
    places = places * canvas.voxel
    best = np.full(len(places), -np.inf)
    for a, b, r, s in zip(points, points[1:], radii, radii[1:], strict=False):
        t = ((places - a) @ (b - a) / ((b - a) @ (b - a))).clip(0, 1)
        far = np.linalg.norm(places - (a + t[:, None] * (b - a)), axis=1)
        best = np.maximum(best, r + t * (s - r) - far)
    return best


def test_a_field_is_the_spline_that_scipy_evaluates():
    coarse = np.random.default_rng(0).standard_normal(12).astype(np.float32)
    place = (np.arange(20) + 0.5) / 2.5
    expected = ndimage.map_coordinates(coarse, [place + 1], order=3, prefilter=False)
    np.testing.assert_allclose(_spread(coarse, 0, 20, 2.5), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(400, 400), (40, 90, 90)])
def test_fields_have_mean_0_and_variance_1(shape):
    canvas = Canvas(shape, (1.0,) * len(shape))
    field = smooth_field(canvas, 3.0, np.random.default_rng(0))
    assert abs(field.mean()) < 0.1
    assert field.var() == pytest.approx(1, rel=0.1)
    steps = np.diff(field, axis=-1)
    assert steps.std() < 0.5


@pytest.mark.parametrize("canvas", [PLANE, SPACE])
def test_balls_keep_clear_of_each_other(canvas):
    rng = np.random.default_rng(0)
    balls = place(canvas, 0.3, 3.0, 0.4, rng, margin=3.0, gap=1.0)
    assert len(balls) > 5
    between = balls.centers[:, None] - balls.centers
    distance = np.linalg.norm(between, axis=-1) + 1e9 * np.eye(len(balls))
    assert (distance >= balls.radii[:, None] + balls.radii + 1.0).all()


def test_partners_overlap_their_own_and_no_other():
    rng = np.random.default_rng(0)
    canvas = Canvas((200, 200), (1.0, 1.0))
    balls = place(canvas, 0.15, 6.0, 0.3, rng, margin=0.0, gap=1.0, touching=0.8)
    between = balls.centers[:, None] - balls.centers
    distance = np.linalg.norm(between, axis=-1) + 1e9 * np.eye(len(balls))
    relative = distance / (balls.radii[:, None] + balls.radii)
    near = relative < 1
    assert near.any(axis=1).mean() > 0.6
    np.testing.assert_allclose(relative[near], 0.9)


@pytest.mark.parametrize("ndim", [2, 3])
def test_radii_keep_the_mean_volume(ndim):
    radii = draw_radii(100_000, 5.0, 0.6, ndim, np.random.default_rng(0))
    assert (radii**ndim).mean() == pytest.approx(5.0**ndim, rel=0.05)


def test_neighbours_know_each_other():
    balls = place(PLANE, 0.5, 4.0, 0.4, np.random.default_rng(0), margin=4.0)
    lists = neighbours(balls, 1.5)
    assert all(i in lists[j] for i, near in enumerate(lists) for j in near)


@pytest.mark.parametrize("canvas", [PLANE, SPACE])
def test_straight_cells_are_those_of_the_power_diagram(canvas):
    tissue = Tissue.draw(canvas, 12.0, 0.5, 0.0, np.random.default_rng(3))
    places = np.stack(np.indices(canvas.shape), -1) + 0.5
    places = places.reshape(-1, 1, canvas.ndim) * canvas.voxel
    power = ((places - tissue.places.centers) ** 2).sum(-1) - tissue.places.radii**2
    expected = power.argmin(axis=1).reshape(canvas.shape)
    n_covered = 0
    for cell in tissue.cells():
        inside = cell.depth > 0
        assert (expected[cell.window][inside] == cell.number).all()
        n_covered += inside.sum()
    assert n_covered > 0.8 * expected.size


@pytest.mark.parametrize("irregularity", [0.0, 0.4, 1.0])
def test_walls_part_all_cells(irregularity):
    labels = drawn("cells", (200, 200), irregularity=irregularity, density=1.0)[1]
    assert labels.max() > 20
    assert not touches(labels)
    assert (labels > 0).mean() > 0.6


def test_every_membrane_is_closed():
    labels = drawn("membranes", (250, 250), seed=5)[1]
    inside, n_inside = ndimage.label(labels == 0, np.ones((3, 3)))
    rng = np.random.default_rng(5).spawn(2)[0]
    tissue = Tissue.draw(Canvas((250, 250), (1.0, 1.0)), 56.0, 0.5, 0.35, rng)
    owner = np.zeros(labels.shape, int)
    for cell in tissue.cells():
        owner[cell.window][cell.depth > 0] = cell.number + 1
    assert n_inside > 10
    for i in range(1, n_inside + 1):
        assert len(np.unique(owner[inside == i])) == 1


def test_half_of_the_places_hold_a_cell_where_asked_for():
    full, half = (
        (drawn("cells", (300, 300), density=d)[1] > 0).mean() for d in (1.0, 0.5)
    )
    assert half == pytest.approx(full / 2, rel=0.2)


def test_the_upper_fibre_is_whole_and_covers_the_lower():
    labels = drawn("fibres", (200, 200), size=6.0, density=0.3, irregularity=0.0)[1]
    assert ndimage.label(labels == labels.max(), np.ones((3, 3)))[1] == 1
    pieces = [ndimage.label(labels == i, np.ones((3, 3)))[1] for i in np.unique(labels)]
    assert max(pieces[1:]) > 1


def test_daughters_cubed_radii_add_up_to_the_parents():
    tip = Tip(np.zeros(3), np.array([0.0, 0.0, 1.0]), 6.0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = _daughters(tip.place, tip.heading, tip.radius, rng)
        assert sum(d.radius**3 for d in found) == pytest.approx(6.0**3)
        assert all(d.heading @ tip.heading > 0.3 for d in found)


def test_vessels_get_thinner_away_from_their_roots():
    labels = drawn("vessels", (300, 300), size=16.0, size_spread=0.0)[1]
    thick = ndimage.distance_transform_edt(np.pad(labels, 20, "edge"))[20:-20, 20:-20]
    assert thick.max() < 2 * 8
    assert ndimage.label(labels)[1] < 12
    opened = ndimage.binary_opening(labels, iterations=3)
    assert 0.1 < opened.sum() / labels.sum() < 0.95


def test_straight_equal_layers_have_the_thickness_asked_for():
    labels = drawn("layers", (400, 30), size=20.0, size_spread=0.0, irregularity=0.0)[1]
    borders = np.flatnonzero(np.diff(labels[:, 7]))
    np.testing.assert_allclose(np.diff(borders), 20, atol=1)
    assert (labels == labels[:, :1]).all()


def test_layers_never_cross():
    labels = drawn("layers", (300, 80), irregularity=1.0, size_spread=1.0, size=12.0)[1]
    runs = [np.diff(np.flatnonzero(np.diff(column))) for column in labels.T]
    assert min(r.min() for r in runs) >= 1
    assert np.all(labels > 0)
