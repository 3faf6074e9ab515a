import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from napari_segen import ImageSpec
from napari_segen.generation.honesty import honesty, honesty_steps
from napari_segen.generation.likeness import Looks, distances, radial_power
from napari_segen.generation.patches import (
    N_TURNS,
    Basis,
    cut,
    draw_corners,
    turn,
)


def fields(n, seed, side=96, sigma=3.0, channels=None):
    """Independent smooth random fields with a little noise."""
    rng = np.random.default_rng(seed)
    shape = (n, side, side) if channels is None else (n, side, side, channels)
    widths = (0, sigma, sigma, 0)[: len(shape)]
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), widths)
    smooth /= smooth.std()
    return (smooth + 0.05 * rng.standard_normal(shape)).astype(np.float32)


def test_identical_copies_are_memorised():
    real = list(fields(4, 0))
    found = honesty(np.stack(real), real, held_out=list(fields(4, 1)), patch_px=16)
    assert found.memorised.value > 0.95
    assert found.nearest[0].distance < 1e-2


def test_copies_that_are_moved_turned_and_relit_are_memorised():
    real = list(fields(4, 0))
    copies = np.stack(
        [3 * np.rot90(r[5:, 3:-2], k)[:90, :90] - 1 for k, r in enumerate(real)]
    )
    found = honesty(copies[:, ::-1], real, held_out=list(fields(4, 1)), patch_px=16)
    assert found.memorised.value > 0.9
    first = found.nearest[0]
    assert np.corrcoef(first.generated.ravel(), first.real.ravel())[0, 1] > 0.99


def test_independent_images_are_as_near_as_unseen_ones():
    found = honesty(
        fields(8, 0), list(fields(8, 1)), held_out=list(fields(8, 2)), patch_px=16
    )
    assert 0.02 < found.memorised.value < 0.09
    assert found.memorised.low < 0.05 < found.memorised.high


def test_images_of_one_kind_reach_the_yardstick():
    found = honesty(fields(8, 0), list(fields(8, 1)))
    for figure in (found.spectrum, found.histogram, found.patch_distance):
        assert 0.5 < figure.value / figure.yardstick < 2


def test_a_shuffled_image_has_its_histogram_and_another_spectrum():
    real = fields(8, 0)
    shuffled = np.random.default_rng(0).permuted(real.reshape(8, -1), axis=1)
    found = honesty(shuffled.reshape(real.shape), list(real))
    assert found.histogram.value < 1.5 * found.histogram.yardstick
    assert found.spectrum.value > 5 * found.spectrum.yardstick
    assert found.patch_distance.value > 3 * found.patch_distance.yardstick


def test_images_of_other_scale_or_brightness_are_far():
    real = list(fields(6, 0))
    brighter = honesty(fields(6, 1) + 2, real)
    coarser = honesty(fields(6, 1, sigma=6.0), real)
    assert brighter.histogram.value > 4 * brighter.histogram.yardstick
    assert coarser.spectrum.value > 2 * coarser.spectrum.yardstick


def test_without_unseen_images_copies_cannot_be_told():
    found = honesty(fields(2, 0), list(fields(2, 1)))
    assert found.memorised is None
    assert "cannot be told" in found.sentence
    assert found.nearest


def test_from_few_patches_no_share_is_told():
    """A handful of patches has a 5 % quantile, but it says nothing of copying."""
    real, few = list(fields(4, 0)), list(fields(1, 1, 40))
    found = honesty(fields(4, 2), real, held_out=few, patch_px=16)
    assert found.memorised is None
    assert "Take more unseen images" in found.sentence
    found = honesty(fields(1, 2, 40), real, held_out=list(fields(4, 1)), patch_px=16)
    assert found.memorised is None
    assert "Take more generated images" in found.sentence


def test_one_image_is_its_own_yardstick():
    found = honesty(fields(1, 0, 128), list(fields(1, 1, 128)))
    assert found.spectrum.yardstick > 0


def test_same_seed_same_figures_and_json():
    made, real, unseen = (list(fields(4, k)) for k in range(3))
    a, b = (
        honesty(np.stack(made), real, seed=3, held_out=unseen, patch_px=16)
        for _ in range(2)
    )
    assert a.as_json()["memorised"]["value"] == a.memorised.value
    assert json.dumps(a.as_json()) == json.dumps(b.as_json())
    assert a.sentence == b.sentence


@pytest.mark.parametrize("axes", ["yxc", "cyx", "tyx", "zyx"])
def test_channels_frames_and_volumes_are_taken(axes):
    shape = tuple({"c": 3, "t": 4, "z": 9}.get(a, 64) for a in axes)
    rng = np.random.default_rng(0)
    widths = [0 if a in "ct" else 2 for a in axes]
    real = ndimage.gaussian_filter(rng.standard_normal(shape), widths)
    spec = ImageSpec(axes)
    made = np.stack([spec.frames(real)[0]] * 2)
    made = np.moveaxis(made, 1, -1) if "c" in axes else made[:, 0]
    found = honesty(made, [real], patch_px=16, spec=spec)
    first = found.nearest[0]
    assert first.generated.shape == (15, 15) + ((3,) if "c" in axes else ())
    assert first.real.shape == first.generated.shape
    assert first.distance < 1e-2
    assert len(first.corner) == len(spec.space_axes)


def test_pixels_without_data_take_no_part():
    real = fields(4, 0)
    real[:, 20:40, 30:70] = np.nan
    found = honesty(fields(4, 1), list(real), held_out=[fields(1, 2)[0]], patch_px=16)
    assert np.isfinite(found.spectrum.value)
    assert np.isfinite([n.real for n in found.nearest]).all()


def test_constant_images_have_no_copies():
    flat = np.full((2, 64, 64), 7, np.uint8)
    found = honesty(flat, list(flat), held_out=list(flat))
    assert found.memorised is None
    assert "nothing in the training images" in found.sentence
    assert found.spectrum.value == found.histogram.value == 0
    assert found.nearest == []


def test_patches_shrink_with_small_images():
    assert honesty(fields(2, 0, 20), list(fields(4, 1, 20))).patch_px == 9


@pytest.mark.parametrize(
    ("generated", "real", "message"),
    [
        (np.zeros((2, 6, 6)), [np.zeros((6, 6))], "patch_px"),
        (np.zeros((2, 40, 40)), [], "empty"),
        (np.zeros((40, 40)), [np.zeros((40, 40))], "generated must have 3 axes"),
        (np.zeros((1, 64, 64)), [np.full((64, 64), np.nan)], "with data"),
    ],
)
def test_what_cannot_be_compared_is_told(generated, real, message):
    with pytest.raises(ValueError, match=message):
        honesty(generated, real)


def test_closing_the_steps_ends_the_work():
    real = list(fields(2, 0))
    steps = honesty_steps(fields(2, 1), real, held_out=real)
    texts = [next(steps).text for _ in range(2)]
    steps.close()
    assert all(texts)


def test_the_distances_are_those_of_their_definitions():
    rng = np.random.default_rng(0)
    pixels = rng.random((6, 2, 16, 16), dtype=np.float32)
    basis = Basis.fit(list(pixels), 8, rng)
    looks = Looks.of(pixels, basis, np.array([1.0, 2.0]), rng)
    a, b = np.array([0, 1, 2]), np.array([3, 4, 5])
    by_hand = [
        wasserstein_distance(looks.values[a, c].ravel(), looks.values[b, c].ravel()) / s
        for c, s in enumerate((1, 2))
    ]
    assert_allclose(looks.histogram_distance(a, b), np.mean(by_hand), rtol=1e-5)
    assert looks.patch_distance(a, a) == 0
    x, y = rng.random((5, 3), np.float32), rng.random((7, 3), np.float32)
    assert_allclose(distances(x, y), cdist(x, y), rtol=1e-4)


def test_power_lies_at_the_radius_of_a_wave():
    wave = np.cos(2 * np.pi * 6 * np.arange(32) / 32).astype(np.float32)
    power = radial_power(np.tile(wave, (1, 1, 32, 1)))[0, 0]
    assert power.shape == (16,)
    assert power.argmax() == 5


def test_the_eight_turns_of_a_patch_are_all_different():
    patch = np.arange(9).reshape(3, 3)
    assert len({turn(patch, t).tobytes() for t in range(N_TURNS)}) == 8


def test_a_basis_describes_what_it_was_learnt_from():
    rng = np.random.default_rng(0)
    planes = list(fields(2, 0, sigma=4.0)[:, None])
    basis = Basis.fit(planes, 12, rng)
    patches = cut(planes, draw_corners(planes, 12, 50, rng), 12)
    numbers = basis.scaled(patches)
    rows = ((patches - basis.mean) / basis.spread).reshape(50, -1)
    assert_allclose(basis.axes.T @ basis.axes, np.eye(len(basis.axes.T)), atol=1e-4)
    assert np.mean((numbers @ basis.axes.T - rows) ** 2) < 0.05 * np.mean(rows**2)
