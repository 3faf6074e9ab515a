import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen import ImageGenerator, ImageSpec
from napari_segen.generation.transform import TransformParams

STILL = {
    "flips": False,
    "quarter_turns": False,
    "rotation": 0.0,
    "scale": 1.0,
    "elastic": 0.0,
    "gain": 1.0,
    "offset": 0.0,
}


def fitted(image, labels=None, *, spec=None, **params):
    generator = ImageGenerator("transform", params={**STILL, **params})
    return generator.fit(image, labels, spec=spec)


def numbered(shape):
    """Each pixel's indices as float channels (first), and its number as label."""
    numbers = np.arange(np.prod(shape)).reshape(shape)
    return np.indices(shape).astype(float), numbers


@pytest.mark.filterwarnings("ignore:.*is constant:napari_segen.core.errors.DataWarning")
@settings(max_examples=20, deadline=None)
@given(
    ndim=st.sampled_from([2, 3]),
    size=st.tuples(*[st.integers(1, 12)] * 3),
    out=st.tuples(*[st.integers(1, 15)] * 3),
    rotation=st.sampled_from([0.0, 40.0]),
    scale=st.sampled_from([1.0, 1.5]),
    elastic=st.sampled_from([0.0, 2.0]),
    seed=st.integers(0, 999),
)
def test_labels_move_with_the_image(ndim, size, out, rotation, scale, elastic, seed):
    shape, out = size[:ndim], out[:ndim]
    image, labels = numbered(shape)
    generator = fitted(
        image,
        labels,
        spec=ImageSpec("c" + "zyx"[-ndim:]),
        flips=True,
        quarter_turns=True,
        rotation=rotation,
        scale=scale,
        elastic=elastic,
        smoothness=8.0,
    )
    images, moved = generator.generate_pairs(1, out, seed)
    from_labels = np.stack(np.unravel_index(moved[0], shape), axis=-1)
    # The spline swings a little where a ramp is mirrored.
    assert np.abs(images[0] - from_labels).max() <= 0.5 + 0.2


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint64", "float32"])
def test_flips_and_quarter_turns_copy_pixels(dtype):
    image = np.random.default_rng(0).integers(0, 200, (6, 6)).astype(dtype)
    generator = fitted(image, flips=True, quarter_turns=True)
    made = generator.generate(40, image.shape, seed=1)
    turned = [np.rot90(i, k) for i in (image, image[::-1]) for k in range(4)]
    kinds = {m.tobytes() for m in made}
    assert kinds <= {np.ascontiguousarray(t).tobytes() for t in turned}
    assert len(kinds) == 8


def test_a_smaller_image_is_cut_out_and_a_larger_one_goes_on_mirrored():
    image = np.arange(20.0).reshape(4, 5)
    generator = fitted(image)
    cut = generator.generate(1, (2, 3), seed=0)[0]
    windows = np.lib.stride_tricks.sliding_window_view(image, (2, 3))
    assert (windows == cut).all(axis=(2, 3)).any()
    large = generator.generate(1, (4, 15), seed=0)[0]
    mirrored = np.pad(image, ((0, 0), (10, 10)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, (4, 15))
    assert (windows == large).all(axis=(2, 3)).any()


def test_a_quarter_turn_never_swaps_unequal_pixel_sizes():
    image = np.broadcast_to(np.arange(8.0), (8, 8))
    spec = ImageSpec("yx", pixel_size=(2.0, 1.0))
    made = fitted(image, spec=spec, quarter_turns=True).generate(20, (8, 8), 0)
    assert (made == made[:, :1]).all()


def test_turning_a_volume_leaves_its_planes_apart():
    image = np.zeros((5, 9, 9))
    image += np.arange(5.0).reshape(5, 1, 1)
    made = fitted(image, rotation=50.0).generate(3, image.shape, seed=2)
    assert_allclose(made, np.broadcast_to(image, made.shape), atol=1e-9)


def test_all_frames_of_all_images_are_sources():
    pixels = np.arange(16).reshape(1, 4, 4) // 2
    first = np.concatenate([pixels + 10, pixels + 20])
    second = pixels + 30
    generator = fitted([first, second], spec=ImageSpec("tyx"), flips=True)
    made = generator.generate(40, (4, 4), seed=0)
    assert set(np.unique(made // 10)) == {1, 2, 3}


def test_no_data_moves_along_and_does_not_spread():
    image = np.random.default_rng(0).random((40, 40))
    image[10:20, 10:20] = np.nan
    generator = fitted(image, elastic=1.0, smoothness=10.0, gain=1.2, blur=1.0)
    varied, moved = generator.vary(image, 1.0, 0, np.isnan(image))
    assert_array_equal(np.isnan(varied), moved > 0)
    assert 60 < np.isnan(varied).sum() < 140


def test_contrast_and_brightness_stay_within_their_limits():
    image = np.linspace(0, 1, 64).reshape(8, 8)
    generator = fitted(image, gain=2.0, offset=0.1)
    slopes, middles = [], []
    for made in generator.generate(30, (8, 8), seed=0):
        inside = (made > 0) & (made < 1)
        slope, start = np.polyfit(image[inside], made[inside], 1)
        slopes.append(slope)
        middles.append(start + slope / 2 - 0.5)
    assert 0.5 <= min(slopes) < 0.8 < 1.5 < max(slopes) <= 2.0
    assert 0.05 < np.abs(middles).max() <= 0.1 + 1e-9


def test_noise_has_the_strength_that_was_asked_for():
    image = np.full((100, 100), 0.5)
    image[0, :2] = 0, 1
    made = fitted(image, noise=0.05).generate(1, (100, 100), 0)[0]
    assert_allclose(made.std(), 0.05, rtol=0.1)


def test_a_weak_variation_departs_less_than_a_strong_one():
    rng = np.random.default_rng(0)
    image = rng.random((8, 8)).repeat(8, axis=0).repeat(8, axis=1)
    generator = ImageGenerator("transform").fit(image)
    away = [
        np.abs(generator.vary(image, strength, seed=3) - image).mean()
        for strength in (0.1, 0.4, 1.0)
    ]
    assert 0 < away[0] < away[1] < away[2]


def test_object_ids_are_labels_like_others():
    ids = np.arange(64 * 64).reshape(64, 64) + 70_000
    image = ids.astype(np.float32)
    _, made = fitted(image, ids, flips=True).generate_pairs(2, (64, 64), 0)
    assert made.dtype == np.uint32
    assert set(np.unique(made)) <= set(np.unique(ids))


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("scale", 0.5, ValueError),
        ("rotation", -1, ValueError),
        ("elastic", "much", TypeError),
        ("smoothness", 0, ValueError),
    ],
)
def test_parameters_beyond_their_limits_are_named(name, value, error):
    with pytest.raises(error, match=name):
        TransformParams(**{name: value})
