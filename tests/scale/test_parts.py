"""Parts with the halo of the model give what the whole image gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scale.conftest import fitted, spots, strokes

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import run
from napari_segen.core.tiles import tile_grid
from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter
from napari_segen.scale.parts import (
    Frames,
    PartLabeller,
    frame_range_steps,
    needs_range,
    part_shape,
)
from napari_segen.scale.tasks import SharedModel


def by_parts(model, image, spec, shape):
    """Return posterior and labels, from parts of `shape` with the model's halo."""
    frames = Frames.seen_by(model, image, spec)
    reach = model.reach(frames.spec)
    posterior = np.full((len(model.classes_), *frames.label_shape), np.nan)
    labels = np.full(frames.label_shape, 255)
    for place in frames.places():
        known = run(frame_range_steps(SharedModel(model), frames, place, shape))
        labeller = PartLabeller.of(model, frames.spec, known)
        for tile in tile_grid(frames.shape, shape, reach.halo):
            found = run(labeller.steps(frames.read(place, tile.padded), tile))
            at = frames.label_index(place, tile.core)
            posterior[(slice(None), *at)] = found.posterior
            labels[at] = found.labels
    return posterior, labels


def assert_like_whole(model, image, spec, shape):
    posterior, labels = by_parts(model, image, spec, shape)
    whole = run(model.segment_steps(image, spec=spec))
    np.testing.assert_allclose(posterior, whole.posterior, atol=1e-5)
    np.testing.assert_array_equal(labels, whole.labels)


@settings(max_examples=8)
@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    part=st.tuples(st.integers(7, 60), st.integers(7, 60)),
    mode=st.sampled_from(["auto", "training", "image", "none"]),
)
def test_parts_of_any_shape_give_the_posterior_of_the_whole(size, part, mode):
    model = fitted((60, 70), normalization=mode, spec=ImageSpec("yx"))
    assert_like_whole(model, spots(size, 1), ImageSpec("yx"), part)


@pytest.mark.parametrize("method", ["auto", "forest", "softmax"])
def test_every_default_feature_is_within_the_halo(method):
    model = fitted((128, 128), method=method, sigmas=None, spec=ImageSpec("yx"))
    assert_like_whole(model, spots((200, 260), 1), ImageSpec("yx"), (96, 128))


def test_texture_is_within_the_halo():
    model = fitted((128, 128), features=("gaussian", "texture_energy"))
    assert_like_whole(model, spots((200, 260), 1), model.spec_, (96, 128))


def test_no_data_and_floats():
    model = fitted()
    image = spots((90, 100), 4).astype(np.float32)
    image[30:40, 20:70] = np.nan
    assert_like_whole(model, image, model.spec_, (32, 48))


def test_volumes_of_uneven_pixels():
    spec = ImageSpec("zyx", (2.0, 0.5, 0.5), "micrometer")
    model = fitted((12, 40, 40), spec=spec, sigma_unit="physical")
    assert_like_whole(model, spots((15, 50, 44), 2), spec, (8, 32, 16))


def test_colours_channels_and_time_points_each_with_its_own_range():
    image = np.stack([spots((60, 60), s, np.uint8) for s in range(3)], axis=-1)
    model = ProbabilisticSegmenter("bayes", sigmas=(1.0,))
    model.fit(image, strokes(image[..., 0]))
    assert model.is_colour_
    film = np.stack([image, image // 2, 255 - image])
    spec = ImageSpec("tyxc")
    assert_like_whole(model, film, spec, (32, 40))
    assert_like_whole(model, np.moveaxis(film, -1, 1), ImageSpec("tcyx"), (32, 40))


def test_axes_of_length_one_that_the_model_does_not_know_are_left_out(model):
    image = spots((50, 60), 1)
    spec = ImageSpec("tczyx", (3.0, 0.5, 0.25), "micrometer")
    frames = Frames.seen_by(model, image[None, None, None], spec)
    assert frames.spec == ImageSpec("yx", (0.5, 0.25), "micrometer")
    assert frames.label_shape == (1, 1, 50, 60)
    _, labels = by_parts(model, image[None, None, None], spec, (32, 32))
    np.testing.assert_array_equal(labels[0, 0], model.predict(image))


def test_only_percentiles_of_the_image_itself_need_a_pass(model):
    for mode in ("training", "none"):
        assert not needs_range(fitted((40, 50), normalization=mode))
    frames = Frames.seen_by(model, spots((40, 40)), model.spec_)
    assert run(frame_range_steps(SharedModel(model), frames, {}, (16, 16))) is not None


def test_what_is_no_image_for_the_model_is_refused(model):
    with pytest.raises(ValueError, match="2 channels, but the model was fitted on 1"):
        Frames.seen_by(model, np.zeros((2, 30, 30)), ImageSpec("cyx"))
    with pytest.raises(ValueError, match="spec says 'zyx'"):
        Frames.seen_by(model, np.zeros((30, 30)), ImageSpec("zyx"))
    with pytest.raises(ValueError, match="empty"):
        Frames.seen_by(model, np.zeros((0, 30)), ImageSpec("yx"))
    with pytest.raises(TypeError, match="real numbers"):
        Frames.seen_by(model, np.zeros((30, 30), complex), ImageSpec("yx"))


@given(
    shape=st.one_of(
        st.tuples(*[st.integers(1, 10**6)] * 2), st.tuples(*[st.integers(1, 10**5)] * 3)
    ),
    n_classes=st.integers(2, 255),
)
def test_parts_lie_on_multiples_are_as_thick_as_halos_and_fit_in_memory(
    shape, n_classes
):
    from napari_segen.core.tiles import Reach
    from napari_segen.scale.parts import PART_BYTES

    array = np.lib.stride_tricks.as_strided(np.zeros(1), shape, (0,) * len(shape))
    spec = ImageSpec("zyx"[-len(shape) :])
    halo, multiple = (40,) * len(shape), (16,) * len(shape)
    part = part_shape(Frames(array, spec.axes, spec), Reach(halo, multiple), n_classes)
    for side, n in zip(part, shape, strict=True):
        assert side % 16 == 0
        assert side >= min(40, n)
        assert side < n + 16
    bytes_each = 4 * (1 + n_classes)
    least = 48 ** len(shape) * bytes_each
    rounded_up = np.prod([(s + 16) / s for s in part])
    assert np.prod(part, dtype=float) * bytes_each <= max(
        PART_BYTES * rounded_up * 2, least
    )
