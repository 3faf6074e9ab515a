"""Optics and camera, against closed forms."""

import numpy as np
import pytest
from tests.generation.shapes.drawing import PURE

from napari_segen import ImageGenerator
from napari_segen.core.steps import run
from napari_segen.generation.shapes.camera import photograph_steps, sigmas
from napari_segen.generation.shapes.canvas import Canvas
from napari_segen.generation.shapes.params import ShapesParams


def photographed(signal, voxel=None, **params):
    canvas = Canvas(signal.shape, voxel or (1.0,) * signal.ndim)
    given = ShapesParams(**{**PURE, **params})
    steps = photograph_steps(
        signal.astype(np.float32), canvas, given, np.random.default_rng(0)
    )
    return run(steps).astype(np.float64)


def test_nothing_but_contrast_and_background_where_nothing_else_is_asked_for():
    signal = np.linspace(0, 1, 20).reshape(4, 5)
    image = photographed(signal, contrast=0.5, background=0.25)
    np.testing.assert_allclose(image, 0.25 + 0.5 * signal, rtol=1e-3)


def test_shot_noise_has_the_variance_of_counted_photons():
    image = photographed(np.ones((300, 300)), contrast=0.5, background=0, photons=40.0)
    assert image.mean() == pytest.approx(0.5, rel=0.01)
    assert image.var() == pytest.approx(0.5**2 / 40, rel=0.03)


def test_read_noise_has_its_own_variance_where_it_is_dark():
    image = photographed(np.zeros((300, 300)), background=0, read_noise=0.07)
    assert image.std() == pytest.approx(0.07, rel=0.02)


def test_shading_departs_by_its_amount_at_most():
    image = photographed(np.ones((60, 60)), contrast=1, background=0, shading=0.3)
    assert np.abs(image - 1).max() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("z_step", [1.0, 2.0])
def test_blur_has_its_width_along_each_axis_in_real_lengths(z_step):
    signal = np.zeros((61, 31, 31))
    signal[30, 15, 15] = 1
    voxel = (z_step, 1.0, 1.0)
    image = photographed(
        signal, voxel, contrast=1, background=0, blur=2.0, axial_blur=3.0
    )
    for axis, wanted in ((0, 6.0 / z_step), (1, 2.0), (2, 2.0)):
        line = image.sum(axis=tuple(a for a in range(3) if a != axis))
        place = np.arange(len(line)) - len(line) // 2
        assert (line * place**2).sum() == pytest.approx(wanted**2, rel=0.05)


def test_in_2d_there_is_no_axial_blur():
    canvas = Canvas((9, 9), (1.0, 1.0))
    assert sigmas(canvas, ShapesParams(blur=2.0, axial_blur=5.0)) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("bit_depth", "dtype", "white"),
    [
        ("8 bit", np.uint8, 255),
        ("12 bit", np.uint16, 4095),
        ("16 bit", np.uint16, 65535),
    ],
)
def test_bit_depth_gives_type_and_white(bit_depth, dtype, white):
    params = {"bit_depth": bit_depth, "contrast": 1.0, "background": 0.2}
    image = ImageGenerator("shapes", params=params).generate(1, (90, 90), seed=0)
    assert image.dtype == dtype
    assert image.max() == white


def test_real_numbers_keep_noise_below_black():
    params = {"bit_depth": "float", "background": 0.0, "read_noise": 0.05}
    image = ImageGenerator("shapes", params=params).generate(1, (90, 90), seed=0)
    assert image.dtype == np.float32
    assert image.min() < -0.05
