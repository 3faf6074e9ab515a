import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.strategies import ALL_AXES, specs

from napari_segen.core.imagespec import ImageSpec, infer_spec, same_sizes


def numbered(axes):
    """An image of these axes with a different length per axis; each pixel unique."""
    length = {"z": 2, "y": 3, "x": 4, "c": 5, "t": 6, "n": 7}
    shape = tuple(length[a] for a in axes)
    return np.arange(np.prod(shape)).reshape(shape)


any_axes = given(st.sampled_from(ALL_AXES))


def test_frames_and_back_is_the_identity_for_every_order_of_axes():
    for axes in ALL_AXES:
        spec, image = ImageSpec(axes), numbered(axes)
        frames = spec.frames(image)
        assert_array_equal(spec.unframe_image(frames, image.shape), image, axes)


def test_label_frames_and_back_is_the_identity_for_every_order_of_axes():
    for axes in ALL_AXES:
        spec = ImageSpec(axes)
        labels = numbered(spec.label_axes)
        shape = spec.label_shape(numbered(axes).shape)
        frames = spec.label_frames(labels)
        assert_array_equal(spec.unframe(frames, shape), labels, axes)


@any_axes
def test_frames_have_channels_second_and_space_last_in_array_order(axes):
    spec, image = ImageSpec(axes), numbered(axes)
    size = dict(zip(axes, image.shape, strict=True))
    n_frames = size.get("t", 1) * size.get("n", 1)
    space = tuple(size[a] for a in axes if a in "zyx")
    assert spec.frames(image).shape == (n_frames, size.get("c", 1), *space)


@any_axes
def test_labels_lie_where_each_channel_lies(axes):
    spec, image = ImageSpec(axes), numbered(axes)
    if spec.channel_axis is None:
        labels = image
    else:
        labels = image.take(2, axis=spec.channel_axis)
    channel = 0 if spec.channel_axis is None else 2
    assert_array_equal(spec.label_frames(labels), spec.frames(image)[:, channel])


def test_frames_of_a_plain_image_share_its_memory():
    image = np.zeros((4, 5))
    assert np.shares_memory(ImageSpec("yx").frames(image), image)


@given(specs())
def test_json_and_back_is_the_identity(spec):
    assert ImageSpec.from_json(spec.as_json()) == spec


@pytest.mark.parametrize(
    ("image", "labels", "axes"),
    [
        ((8, 9), None, "yx"),
        ((8, 9), (8, 9), "yx"),
        ((4, 8, 9), (4, 8, 9), "zyx"),
        ((8, 9, 3), (8, 9), "yxc"),
        ((8, 9, 4), (8, 9), "yxc"),
        ((4, 8, 9, 3), (4, 8, 9), "zyxc"),
        ((8, 9, 3), (8, 9, 3), "zyx"),
    ],
)
def test_axes_are_inferred_where_the_shapes_leave_no_doubt(image, labels, axes):
    assert infer_spec(image, labels) == ImageSpec(axes)


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ((8, 9, 5), (8, 9)),
        ((3, 8, 9), (8, 9)),
        ((8, 9), (8, 9, 3)),
        ((8,), None),
        ((8,), (8,)),
        ((2, 3, 8, 9), None),
        ((2, 3, 8, 9), (2, 3, 8, 9)),
        ((2, 2, 8, 9, 3), (2, 2, 8, 9)),
    ],
)
def test_every_other_shape_asks_for_a_spec(image, labels):
    with pytest.raises(ValueError, match="spec"):
        infer_spec(image, labels)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5,), TypeError, "axes must be a string"),
        (("yq",), ValueError, "axes may use"),
        (("yyx",), ValueError, "axes must not repeat"),
        (("zx",), ValueError, "axes must contain y and x"),
        (("yx", (1.0,)), ValueError, "pixel_size needs one entry"),
        (("yx", (1.0, 0.0)), ValueError, "pixel_size must be positive"),
        (("yx", (1.0, float("nan"))), ValueError, "pixel_size must be positive"),
        (("yx", (1.0, -2.0)), ValueError, "pixel_size must be positive"),
        (("yx", 2.0), TypeError, "pixel_size"),
        (("yx", ("a", "b")), TypeError, "pixel_size"),
        (("yx", None, 3), TypeError, "unit"),
    ],
)
def test_a_bad_spec_names_the_argument(arguments, error, message):
    with pytest.raises(error, match=message):
        ImageSpec(*arguments)


def test_an_image_with_other_axes_than_the_spec_is_refused():
    with pytest.raises(ValueError, match="spec says 'yxc'"):
        ImageSpec("yxc").frames(np.zeros((3, 4)))


def test_pixel_size_stays_with_the_spatial_axes_in_array_order():
    assert ImageSpec("xcyz", (1, 2, 3)).sampling == (1.0, 2.0, 3.0)


@given(specs(), st.data())
def test_a_position_in_a_frame_leads_back_to_the_labels(spec, data):
    shape = tuple(data.draw(st.integers(1, 4)) for _ in spec.label_axes)
    labels = np.arange(np.prod(shape)).reshape(shape)
    frames = spec.label_frames(labels)
    at = tuple(data.draw(st.integers(0, n - 1)) for n in frames.shape)
    position = spec.label_position(at[0], at[1:], shape)
    assert labels[position] == frames[at]
    assert spec.frame_position(position, shape) == (at[0], at[1:])


@given(st.lists(st.floats(1e-4, 1e4), min_size=2, max_size=3), st.floats(0.995, 1.005))
def test_pixel_sizes_are_the_same_but_for_rounding(sizes, rounding):
    assert same_sizes(sizes, [s * rounding for s in sizes])
    assert not same_sizes(sizes, [*sizes[:-1], sizes[-1] * 1.02])
    assert not same_sizes(sizes, [*sizes[:-1], sizes[-1] * 0.98])
