import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from skimage.measure import regionprops

from napari_segen.generation.labelmaps.shapes import Shape, find_shapes


def disc(radius=20):
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    marks = (y**2 + x**2 <= radius**2).astype(np.uint32)
    return Shape(marks, np.array([radius, radius], float), int(marks.sum()))


def drawn(shape, n, free=True):
    rng = np.random.default_rng(0)
    return [shape.varied(free, rng) for _ in range(n)]


def test_objects_keep_their_area_to_a_half():
    shape = disc()
    areas = np.array([np.count_nonzero(v) for v in drawn(shape, 200)])
    assert_allclose(np.median(areas), shape.area, rtol=0.06)
    # Sides shrink and grow by exp(0.2) at most, and bends keep the area to a tenth.
    assert areas.min() > shape.area * np.exp(-0.4) * 0.9
    assert areas.max() < shape.area * np.exp(0.4) * 1.1


@pytest.mark.parametrize("free", [True, False])
def test_round_objects_become_ellipses_of_any_direction(free):
    found = [regionprops((v > 0).astype(int))[0] for v in drawn(disc(), 200, free)]
    aspect = np.array([f.axis_major_length / f.axis_minor_length for f in found])
    assert aspect.max() < 2.1  # exp(2 * 0.3), and the bends
    assert np.median(aspect) > 1.15
    long = [2 * f.orientation for f, a in zip(found, aspect, strict=True) if a > 1.2]
    mean = np.hypot(np.mean(np.cos(long)), np.mean(np.sin(long)))
    assert mean < 0.25


def test_objects_are_whole_and_about_in_the_middle():
    for v in drawn(disc(), 100):
        assert not v[[0, -1]].any()
        assert not v[:, [0, -1]].any()
        pieces, _ = ndimage.label(v)
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.max() > 0.99 * sizes.sum()  # the disc has tips of one pixel
        middle = np.array(ndimage.center_of_mass(v > 0))
        assert np.abs(middle - (np.array(v.shape) - 1) / 2).max() < 4


def test_volumes_are_stretched_within_their_planes():
    marks = np.repeat(disc().marks[np.newaxis], 5, axis=0)
    shape = Shape(marks, np.array([2, 20, 20.0]), int(marks.sum()))
    for v in drawn(shape, 20):
        thick = np.count_nonzero(v.any(axis=(1, 2)))
        assert 3 <= thick <= 7
        filled = [p > 0 for p in v if p.any()]
        assert all(np.array_equal(p, filled[0]) for p in filled)


def test_nothing_is_written_to():
    marks = np.zeros((40, 40), np.uint32)
    marks[10:20, 12:25] = 3
    found = find_shapes(marks, (marks > 0).astype(np.int32)).shapes[0]
    before = found.marks.copy()
    found.varied(True, np.random.default_rng(0))
    assert_array_equal(found.marks, before)
