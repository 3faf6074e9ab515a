"""Layers' axes, places and pixels; no viewer."""

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.core.imagespec import ImageSpec
from napari_segen.widgets.layers import (
    axes_choices,
    axes_of,
    image_shape,
    level_zero,
    mismatch,
    placement,
    remember_axes,
    spec_of,
)


def turned(shape, **more):
    n = len(shape)
    return Image(
        np.zeros(shape),
        scale=[2.0, 0.5, 0.25][-n:],
        translate=[1.0, 2.0, 3.0][-n:],
        rotate=30 if n == 2 else (0, 0, 30),
        units=["um"] * n,
        **more,
    )


def test_a_plain_image_needs_no_question():
    assert axes_of(Image(np.zeros((5, 6)))) == "yx"
    assert axes_of(Image(np.zeros((5, 6, 3)), rgb=True)) == "yxc"


def test_a_stack_is_asked_about_once():
    layer = Image(np.zeros((4, 5, 6)))
    assert axes_of(layer) is None
    remember_axes(layer, "tyx")
    assert axes_of(layer) == "tyx"


def test_axis_labels_answer_for_the_user():
    layer = Image(np.zeros((2, 4, 5, 6)), axis_labels=("t", "z", "y", "x"))
    assert axes_of(layer) == "tzyx"


@pytest.mark.parametrize("ndim", [3, 4, 5])
def test_every_choice_is_a_valid_spec(ndim):
    layer = Image(np.zeros((2,) * (ndim - 2) + (5, 6)))
    choices = axes_choices(layer)
    assert len({words for words, _ in choices}) == len(choices) > 2
    for _, axes in choices:
        assert len(ImageSpec(axes).axes) == ndim


def test_the_pixel_size_is_the_scale_of_the_spatial_axes():
    layer = Image(np.zeros((3, 5, 6)), scale=(9, 2, -0.5), units=("s", "um", "um"))
    assert spec_of(layer, "tyx") == ImageSpec("tyx", (2.0, 0.5), "micrometer")


@pytest.mark.parametrize(
    ("shape", "axes"), [((8, 9), "yx"), ((4, 8, 9), "zyx"), ((3, 8, 9), "cyx")]
)
def test_labels_lie_where_the_image_lies(shape, axes):
    layer = turned(shape)
    keep = [i for i, a in enumerate(axes) if a != "c"]
    labels = Labels(
        np.zeros([shape[i] for i in keep], np.uint8), **placement(layer, axes)
    )
    point = np.array([1, 3, 4])[-len(shape) :]
    expected = np.array(layer.data_to_world(point))[keep]
    assert_allclose(labels.data_to_world(point[keep]), expected)
    assert labels.units == tuple(layer.units[i] for i in keep)


def test_the_place_keeps_a_mirrored_scale_and_a_shear():
    layer = Image(
        np.zeros((8, 9)), scale=(-2, 3), shear=[0.2], affine=np.diag([2, 3, 1])
    )
    labels = Labels(np.zeros((8, 9), np.uint8), **placement(layer, "yx"))
    assert_allclose(labels.data_to_world((3, 4)), layer.data_to_world((3, 4)))


def test_full_resolution_of_multiscale_and_lazy_layers():
    levels = [np.arange(64).reshape(8, 8), np.zeros((4, 4), int)]
    multiscale = Image(levels, multiscale=True)
    lazy = Image(da.from_array(levels[0], chunks=4))
    assert image_shape(multiscale) == image_shape(lazy) == (8, 8)
    assert_array_equal(np.asarray(level_zero(multiscale)), levels[0])
    assert_array_equal(np.asarray(level_zero(lazy)), levels[0])


def test_labels_of_another_shape_are_named_with_both_shapes():
    image, labels = Image(np.zeros((8, 9)), name="cells"), Labels(np.zeros((4, 4), int))
    said = mismatch(image, "yx", labels)
    assert "8 x 9" in said
    assert "4 x 4" in said
    assert "Choose others" in said
    assert not mismatch(image, "yx", Labels(np.zeros((8, 9), int)))
