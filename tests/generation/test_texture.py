import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from skimage.measure import label

from napari_segen import ImageGenerator, ImageSpec
from napari_segen.core.steps import run
from napari_segen.generation.matching import Swatch
from napari_segen.generation.method import Source
from napari_segen.generation.seams import SIDES, overlap_mask
from napari_segen.generation.texture import Texture, TextureParams

PHASE = {"mode": "random phase"}


def scene(shape=(48, 60), seed=0):
    """Bright discs with ids on noise."""
    rng = np.random.default_rng(seed)
    grid = np.indices(shape)
    ids = np.zeros(shape, int)
    for k in range(1, 9):
        center = rng.integers(6, np.array(shape) - 6)
        away = grid - center[:, np.newaxis, np.newaxis]
        ids[(away**2).sum(axis=0) < 20] = k
    image = rng.integers(0, 50, shape) + (ids > 0) * 150
    return image.astype(np.uint8), ids


def quilted(sources, shape, seed=0, task="classes", **params):
    texture = Texture(TextureParams(**params), (1.0, 1.0))
    run(texture.fit_steps(sources, None, 0, task))
    rng = np.random.default_rng(seed)
    return run(texture.make_steps(shape, rng, with_labels=True))


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(0, 99),
    st.sampled_from([None, 4, 9, 200]),
)
@settings(max_examples=15, deadline=None)
def test_pixels_and_labels_occur_together_in_the_source(height, width, seed, block_px):
    # Every pixel of the source has a value of its own: its label follows from it.
    image = np.random.default_rng(0).permutation(30 * 40).reshape(1, 30, 40)
    labels = image[0] % 7
    made = quilted([Source(image, labels)], (height, width), seed, block_px=block_px)
    assert made.image.shape == (1, height, width)
    assert_array_equal(made.labels, made.image[0] % 7)


def test_the_best_place_is_that_of_a_plain_search():
    rng = np.random.default_rng(0)
    image = rng.random((2, 20, 23))
    swatch = Swatch.of([Source(image, None)], (6, 5), has_objects=False)
    look = swatch.windows[0].look
    sides = frozenset(SIDES[:2])
    mask = overlap_mask((6, 5), (2, 2), sides)
    template = rng.random((2, 6, 5)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(look, (6, 5), axis=(1, 2))
    plain = (mask * (windows - template[:, None, None]) ** 2).sum(axis=(0, 3, 4))
    assert_allclose(
        swatch.windows[0].errors(template, mask, sides), plain, rtol=1e-4, atol=1e-4
    )
    match = swatch.best(template, mask, sides, [], 0.0, rng)
    assert (match.y, match.x) == np.unravel_index(plain.argmin(), plain.shape)


def test_the_image_itself_is_not_sewn_again():
    image, ids = scene((64, 64))
    made = quilted([Source(image[None], ids)], (64, 64)).image[0]
    for turn in (made, made[::-1]):
        assert np.mean(turn == image) < 0.2


def test_seams_are_no_rougher_than_the_image():
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.standard_normal((96, 96)), 2)[None]
    made = quilted([Source(image, None)], (96, 96), block_px=24).image[0]
    own = np.abs(np.diff(image[0], axis=1)).mean()
    chance = np.abs(image[0] - rng.permuted(image[0])).mean()
    steps = np.abs(np.diff(made, axis=1))
    # Cuts run through the overlaps, six columns at every 18.
    near = np.concatenate([steps[:, k : k + 6] for k in range(18, 90, 18)], axis=1)
    assert near.mean() < own + 0.15 * (chance - own)


def test_objects_have_ids_of_their_own_and_are_connected():
    image, ids = scene()
    maker = ImageGenerator("texture", params={"block_px": 16})
    maker.fit(image, ids, task="instances")
    _, made = maker.generate_pairs(1, (80, 90), 0)
    pieces = label(made[0], background=0, connectivity=1)
    assert made.max() == pieces.max() > 8
    assert_array_equal(np.unique(made), np.arange(made.max() + 1))


def test_a_variation_leaves_untouched_objects_as_they_are():
    image, ids = scene((96, 96))
    maker = ImageGenerator("texture", params={"block_px": 16})
    maker.fit(image, ids, task="instances")
    varied, marks = maker.vary(image, 0.1, 0, ids)
    changed = varied != image
    assert 0 < changed.mean() < 0.3
    kept = [k for k in range(1, 9) if not changed[ids == k].any()]
    assert kept
    assert all((marks[ids == k] == k).mean() > 0.5 for k in kept)


def test_more_strength_replaces_more():
    image, _ = scene((96, 96))
    maker = ImageGenerator("texture", params={"block_px": 16}).fit(image)
    changed = [np.mean(maker.vary(image, s, 0) != image) for s in (0.05, 0.3, 1.0)]
    assert 0 < changed[0] < changed[1] < changed[2]


@pytest.mark.parametrize("mode", ["quilting", "random phase"])
def test_pixels_without_data_are_never_copied(mode):
    image = scene()[0].astype(np.float32)
    image[10:20, 5:40] = np.nan
    maker = ImageGenerator("texture", params={"mode": mode}).fit(image)
    assert np.isfinite(maker.generate(2, (50, 50), 0)).all()
    varied = maker.vary(image, 0.8, 0)
    assert_array_equal(np.isnan(varied), np.isnan(image))


@pytest.mark.parametrize("shape", [(1, 2), (2, 30), (3, 3)])
def test_tiny_images_can_be_quilted(shape):
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    maker = ImageGenerator("texture").fit(image)
    assert set(np.unique(maker.generate(1, (12, 13), 0))) <= set(image.ravel().tolist())


def test_several_images_of_different_size_are_drawn_on():
    dark, bright = np.zeros((40, 40), np.uint8), np.full((24, 70), 200, np.uint8)
    dark[::2] = 9
    bright[::2] = 240
    maker = ImageGenerator("texture").fit([dark, bright])
    means = maker.generate(12, (20, 20), 0).mean(axis=(1, 2))
    assert means.min() < 60
    assert means.max() > 150


def test_volumes_take_random_phase_only():
    volume = np.random.default_rng(0).random((6, 7, 8))
    with pytest.raises(ValueError, match="random phase"):
        ImageGenerator("texture").fit(volume, spec=ImageSpec("zyx"))
    maker = ImageGenerator("texture", params=PHASE).fit(volume, spec=ImageSpec("zyx"))
    assert maker.generate(1, (9, 7, 5), 0).shape == (1, 9, 7, 5)
    assert maker.vary(volume, 0.5, 0).shape == volume.shape


def test_random_phase_says_that_it_makes_no_labels():
    image, ids = scene()
    maker = ImageGenerator("texture", params=PHASE).fit(image, ids)
    with pytest.raises(ValueError, match="quilting"):
        maker.generate_pairs(1, (9, 9), 0)
    with pytest.raises(ValueError, match="quilting"):
        maker.vary(image, 0.5, 0, ids)


def test_closing_the_steps_ends_the_work():
    image, _ = scene()
    steps = ImageGenerator("texture").fit(image).generate_steps(1, (400, 400), 0)
    began = time.process_time()
    next(steps)
    steps.close()
    assert time.process_time() - began < 0.5  # all of it takes over a second


def test_new_ids_of_a_variation_fit_into_the_labels_type():
    ids = (np.arange(64 * 64).reshape(64, 64) // 64 // 2 * 8 + 1).astype(np.uint8)
    ids[:, 32:] += 4
    image = np.random.default_rng(0).integers(0, 200, ids.shape).astype(np.uint8)
    maker = ImageGenerator("texture", params={"block_px": 8})
    maker.fit(image, ids, task="instances")
    _, marks = maker.vary(image, 1.0, 0, ids)
    pieces = label(marks, background=0, connectivity=1)
    assert pieces.max() == len(np.unique(marks)) > 255
    assert np.iinfo(marks.dtype).max >= marks.max()
