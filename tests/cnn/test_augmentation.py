import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from napari_segen.cnn.augmentation import (
    Augmentation,
    Augmenter,
    blurred,
    spline_basis,
)
from napari_segen.core.parameters import as_json, describe, make_params

OFF = {"rotation": 0, "scale": 0, "elastic": 0, "intensity": 0, "noise": 0, "blur": 0}


def only(**given):
    return Augmentation(**(OFF | given))


def poses(augmentation, shape=(64, 64), n=40):
    augmenter, rng = Augmenter(augmentation, shape), np.random.default_rng(0)
    return [augmenter.pose(rng) for _ in range(n)]


def looks(augmentation, patch, n=20):
    augmenter = Augmenter(augmentation, patch.shape[1:])
    rng = np.random.default_rng(0)
    return [augmenter.appearance(rng, patch.copy()) for _ in range(n)]


def grey(shape=(2, 32, 32)):
    return np.random.default_rng(1).random(shape, np.float32)


def test_without_augmentation_a_patch_stays_as_it_is():
    (pose,) = poses(None, n=1)
    assert pose.is_exact
    assert_array_equal(pose.turn, np.eye(2))
    assert_array_equal(looks(None, grey(), 1)[0], grey())


def test_with_everything_off_a_patch_stays_as_it_is():
    assert all((p.matrix == np.eye(2)).all() for p in poses(only(flips=False)))
    assert all((x == grey()).all() for x in looks(only(), grey()))


def test_mirroring_and_quarter_turns_need_no_resampling():
    assert all(p.is_exact for p in poses(only(flips=True)))


def test_some_patches_stay_as_sharp_as_the_image():
    exact = [p.is_exact for p in poses(Augmentation())]
    assert 0 < sum(exact) < len(exact)


@given(st.integers(1, 200), st.floats(5, 200))
@settings(max_examples=30, deadline=None)
def test_the_splines_sum_to_one_and_none_is_negative(n, knot_px):
    basis = spline_basis(n, knot_px)
    assert basis.min() >= 0
    assert_allclose(basis.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("elastic", [1.0, 5.0, 20.0])
def test_a_bend_keeps_to_its_strength_and_never_folds_the_patch(elastic):
    for pose in poses(only(flips=False, elastic=elastic), (128, 128)):
        if pose.bend is None:
            continue
        assert np.abs(pose.bend).max() <= elastic + 1e-4
        (yy, yx), (xy, xx) = (np.gradient(b) for b in pose.bend)
        assert ((1 + yy) * (1 + xx) - yx * xy > 0).all()


def test_turning_and_scaling_keep_to_their_strength():
    warped = [
        p
        for p in poses(only(flips=False, rotation=30, scale=0.25))
        if p.shape_change is not None
    ]
    factors = [np.sqrt(np.linalg.det(p.matrix)) for p in warped]
    angles = [np.degrees(np.arctan2(p.matrix[1, 0], p.matrix[0, 0])) for p in warped]
    assert 0.8 <= min(factors) < 0.9
    assert 1.1 < max(factors) <= 1.25
    assert -30 <= min(angles) < -15
    assert 15 < max(angles) <= 30


@given(st.floats(0, 4), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=20, deadline=None)
def test_blurring_is_scipys_gaussian(sigma, height, width):
    patch = grey((2, height, width))
    reach = max(1, int(np.ceil(3 * sigma)))
    expected = ndimage.gaussian_filter(
        patch,
        (0, max(sigma, 1e-6), max(sigma, 1e-6)),
        mode="mirror",
        radius=(0, reach, reach),
    )
    assert_allclose(blurred(patch, sigma), expected, atol=1e-5)


def test_the_planes_of_a_volume_are_blurred_one_by_one():
    volume = grey((1, 3, 16, 16))
    assert_array_equal(blurred(volume, 1.0)[:, 1], blurred(volume[:, 1], 1.0))


def test_noise_has_at_most_its_strength_and_no_bias():
    flat = np.zeros((1, 64, 64), np.float32)
    spread = [x.std() for x in looks(only(noise=0.2), flat, 60)]
    assert 0.15 < max(spread) <= 0.21
    assert min(spread) == 0
    assert all(abs(x.mean()) < 0.02 for x in looks(only(noise=0.2), flat))


@given(st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_varied_grey_values_keep_their_order(strength):
    ramp = np.linspace(-2, 3, 500, dtype=np.float32).reshape(1, 1, 500)
    for x in looks(only(intensity=strength), ramp, 5):
        assert np.diff(x[0, 0]).min() >= -1e-5


def test_each_channel_gets_its_own_contrast():
    same = np.repeat(grey((1, 8, 8)), 2, axis=0)
    assert any((x[0] != x[1]).any() for x in looks(only(intensity=0.2), same))


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ({"elastic": 50.0}, ValueError),
        ({"rotation": -1.0}, ValueError),
        ({"noise": float("nan")}, ValueError),
        ({"flips": 1}, TypeError),
        ({"blur": "much"}, TypeError),
        ({"zoom": 2.0}, ValueError),
    ],
)
def test_bad_strengths_are_refused_by_name(given_, error):
    with pytest.raises(error, match=next(iter(given_))):
        make_params(Augmentation, given_)


def test_strengths_survive_json_and_every_one_has_a_help_text():
    assert make_params(Augmentation, as_json(only(blur=2.0))) == only(blur=2.0)
    assert all(p.help for p in describe(Augmentation))
