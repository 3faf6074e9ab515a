from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from napari_segen import ImageGenerator, ImageSpec
from napari_segen.generation.light import LIGHT_PARTS, draw_light
from napari_segen.generation.moving import MOVING_PARTS, draw_warp
from napari_segen.generation.transform_params import TransformParams

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


# One of each amount, strong enough to be seen.
STRONG = {
    "rotation": 40.0,
    "scale": 1.5,
    "elastic": 3.0,
    "gain": 1.5,
    "offset": 0.2,
    "bleaching": 0.8,
    "shading": 0.6,
    "blur": 3.0,
    "defocus": 4.0,
    "motion": 9.0,
    "shot_noise": 0.3,
    "noise": 0.1,
    "salt": 0.1,
}
EACH = pytest.mark.parametrize("name", list(STRONG))


def scene():
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.random((64, 60)), 1.5)
    return ((image - image.min()) * 900).astype(np.float32)


def departure(image, strength, **params):
    generator = fitted(image, **params)
    seeds = range(6)
    return np.mean([np.abs(generator.vary(image, strength, s) - image) for s in seeds])


@EACH
def test_every_amount_changes_the_image_and_a_trace_of_it_hardly(name):
    image = scene()
    away = [
        departure(image, s, **{name: STRONG[name]}) / image.std()
        for s in (1e-3, 0.4, 1.0)
    ]
    assert away[0] < 0.02
    assert away[0] < away[1] < away[2]
    assert away[2] > 0.05


def test_strength_weakens_every_amount():
    params = TransformParams(**STRONG)
    assert {f.name for f in fields(params)} - set(STRONG) == {
        "flips",
        "quarter_turns",
        "smoothness",
        "match",
    }
    half = params.weakened(0.5)
    for name, value in STRONG.items():
        is_factor = name in ("scale", "gain")
        wanted = value**0.5 if is_factor else value / 2
        assert getattr(half, name) == pytest.approx(wanted), name


@EACH
def test_to_turn_one_part_on_does_not_redraw_the_others(name):
    without = TransformParams(**(STRONG | {"match": 0.5, name: STILL.get(name, 0.0)}))
    everything = TransformParams(**STRONG, match=0.5)

    def drawn(params):
        parts = (*MOVING_PARTS, *LIGHT_PARTS)
        spawned = np.random.default_rng(5).spawn(len(parts))
        streams = dict(zip(parts, spawned, strict=True))
        warp = draw_warp(params, (1.0, 1.0), (9, 9), np.zeros(2), streams)
        light = draw_light(params, (1.0, 1.0), streams)
        later = {part: stream.random() for part, stream in streams.items()}
        values = {f.name: getattr(light, f.name) for f in fields(light)}
        return {"matrix": warp.matrix.tolist()} | values, later

    (first, first_later), (second, second_later) = drawn(without), drawn(everything)
    assert len([k for k in first if first[k] != second[k]]) == (name != "elastic")
    changed = {k for k in first_later if first_later[k] != second_later[k]}
    assert changed <= {name}


def test_no_data_stays_no_data_in_whatever_light():
    image = scene()
    image[20:24, 30:50] = np.nan
    generator = fitted(image, **{n: v for n, v in STRONG.items() if n not in STILL})
    made = generator.vary(image, 1.0, 0)
    assert_array_equal(np.isnan(made), np.isnan(image))
    assert made[~np.isnan(made)].std() > 0


def test_light_only_leaves_labels_where_they_are():
    labels = np.arange(64 * 60).reshape(64, 60)
    generator = fitted(
        scene(), labels, **{n: v for n, v in STRONG.items() if n not in STILL}
    )
    made, moved = generator.vary(scene(), 1.0, 0, labels)
    assert_array_equal(moved, labels)
    assert not np.array_equal(made, scene())


def test_blurs_follow_the_pixel_size():
    params = TransformParams(blur=6.0, defocus=6.0, motion=6.0)
    lights = []
    for sampling in [(1.0, 1.0, 1.0), (3.0, 2.0, 1.0)]:
        spawned = np.random.default_rng(1).spawn(len(LIGHT_PARTS))
        streams = dict(zip(LIGHT_PARTS, spawned, strict=True))
        lights.append(draw_light(params, sampling, streams))
    cubes, oblong = lights
    assert_allclose(oblong.sigma, np.divide(cubes.sigma, (3, 2, 1)))
    assert_allclose(oblong.disc, np.divide(cubes.disc, (2, 1)))
    assert_allclose(oblong.smear, np.divide(cubes.smear, (2, 1)))


@pytest.mark.filterwarnings("ignore:.*:napari_segen.core.errors.DataWarning")
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (3, 1, 5)])
@pytest.mark.parametrize("empty", [False, True])
def test_the_smallest_images_and_empty_ones_are_taken(shape, empty):
    first = np.random.default_rng(0).random(shape).astype(np.float32)
    second = np.full_like(first, np.nan) if empty else first + 1
    generator = ImageGenerator("transform", params={**STRONG, "match": 1.0})
    generator.fit([first, second], spec=ImageSpec("zyx"[-len(shape) :]))
    made = generator.generate(6, shape, 0)
    assert made.shape == (6, *shape)
    whole = np.isnan(made).all(axis=tuple(range(1, made.ndim)))
    assert np.isfinite(made[~whole]).all()
    assert whole.any() == empty
    assert not whole.all()


def test_photons_are_counted_as_many_as_were_asked_for():
    image = np.full((100, 100), 200, np.uint16)
    image[0, :2] = 0, 400
    made = fitted(image, shot_noise=0.1).generate(1, (100, 100), 0)[0]
    # 100 photons make 400: a count has 4 grey values, and 50 are expected.
    assert_allclose(made.std(), 4 * np.sqrt(50), rtol=0.05)
    assert np.ptp(made[1:] % 4) == 0


def test_a_new_image_takes_over_the_histogram_of_another():
    rng = np.random.default_rng(0)
    dark, bright = scene(), 5000 + 100 * rng.standard_normal((70, 50))
    generator = fitted([dark, bright.astype(np.float32)], match=1.0)
    from_dark = [m for m in generator.generate(12, (64, 60), 0) if is_like(m, dark)]
    assert 0 < len(from_dark) < 12
    for made in from_dark:
        wanted = np.quantile(bright, [0.1, 0.5, 0.9])
        assert_allclose(np.quantile(made, [0.1, 0.5, 0.9]), wanted, rtol=0.01)


def is_like(made, image):
    """Whether the pixels are ranked alike."""
    ranks = [x.ravel().argsort().argsort() for x in (made, image)]
    return np.corrcoef(ranks)[0, 1] > 0.99


def test_a_share_of_the_images_is_matched():
    image = scene()
    generator = fitted([image, image + 5000], match=0.3, flips=True)
    reference = fitted([image, image + 5000], match=0.0, flips=True)
    made, same = (g.generate(60, (64, 60), 0) for g in (generator, reference))
    changed = np.mean(
        [abs(a.mean() - b.mean()) > 4000 for a, b in zip(made, same, strict=True)]
    )
    assert 0.15 < changed < 0.45


def test_a_cut_out_is_matched_by_the_ranks_of_its_whole_image():
    ramp = np.linspace(0, 1, 10_000).reshape(100, 100)
    made = fitted([ramp, ramp**2 + 10], match=1.0).generate(20, (10, 100), 0)
    from_first = made[made[:, 0, 0] >= 10]
    # Down the ramp the square is the value of the same rank.
    assert 0 < len(from_first) < 20
    assert from_first[:, 0, 0].min() < 10.1
    assert from_first[:, 0, 0].max() > 10.4
    assert (from_first.max(axis=(1, 2)) - from_first.min(axis=(1, 2))).max() < 0.25


def test_a_variation_gets_the_look_of_another_layer_by_strength():
    image, labels = scene().astype(np.uint16), np.arange(64 * 60).reshape(64, 60)
    layer = (3000 + 200 * np.random.default_rng(0).random((90, 90))).astype(np.uint16)
    generator = fitted(layer, match=1.0)
    medians = []
    for strength in (1e-3, 0.5, 1.0):
        made, moved = generator.vary(image, strength, 0, labels)
        assert made.dtype == np.uint16
        assert_array_equal(moved, labels)
        medians.append(np.median(made))
    near, half, full = medians
    assert_allclose(full, np.median(layer), rtol=0.01)
    assert_allclose(near, np.median(image), atol=5)
    assert_allclose(half, (np.median(image) + np.median(layer)) / 2, rtol=0.02)


def test_a_file_from_before_the_optics_still_opens(tmp_path):
    image = scene()
    generator = fitted(image, flips=True, noise=0.1)
    header, arrays = generator.to_archive()
    known = ("flips", "rotation", "scale", "elastic", "gain", "offset", "noise")
    header["params"] = {k: header["params"][k] for k in (*known, "quarter_turns")}
    again = ImageGenerator.from_archive(header, arrays)
    assert again.params == generator.params
    made = again.generate(1, (20, 20), 0)
    assert made.tobytes() == generator.generate(1, (20, 20), 0).tobytes()


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
