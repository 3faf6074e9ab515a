import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from napari_segen import ImageGenerator, ImageSpec
from napari_segen.core.errors import DataWarning
from napari_segen.core.steps import FINISH, run

pytestmark = pytest.mark.keras

SMALL = {"width": 4, "latent": 3, "patch_px": 32, "batch_size": 2, "levels": 2}


def generator(max_steps=3, **params):
    return ImageGenerator("decoder", params=SMALL | params, max_steps=max_steps)


def blobs(shape=(64, 64), seed=0):
    noise = np.random.default_rng(seed).standard_normal(shape)
    smooth = ndimage.gaussian_filter(noise, 3)
    labels = (smooth > 0.1).astype(np.uint8)
    return labels * 100.0 + noise * 5 + 50, labels * 3


@pytest.fixture(scope="module")
def trained():
    image, labels = blobs((96, 96))
    return generator(200, width=8, latent=8, learning_rate=5e-3).fit(image, labels)


def test_training_lowers_the_squared_error(trained):
    error = trained.history_["squared_error"]
    assert np.mean(error[-10:]) < 0.5 * np.mean(error[:10])


def test_new_images_have_the_training_images_grey_values(trained):
    image, _ = blobs((96, 96))
    made = trained.generate(2, (128, 128), seed=0)
    assert_allclose(made.mean(), image.mean(), atol=0.35 * image.std())
    assert_allclose(made.std(), image.std(), rtol=0.5)


def test_new_labels_lie_where_the_image_says(trained):
    images, labels = trained.generate_pairs(2, (128, 128), seed=0)
    assert set(np.unique(labels)) == {0, 3}
    assert images[labels == 3].mean() > images[labels == 0].mean() + 20


def test_a_weak_variation_stays_near_the_image(trained):
    image, labels = blobs((96, 96))
    weak, marks = trained.vary(image, 0.05, 0, labels)
    strong = trained.vary(image, 1.0, 0)
    near, far = (np.corrcoef(image.ravel(), v.ravel())[0, 1] for v in (weak, strong))
    assert near > 0.95
    assert abs(far) < 0.6
    assert (marks == labels).mean() > 0.98


def test_finish_keeps_what_was_learnt_so_far():
    fitted = generator(10_000)
    steps = fitted.fit_steps(blobs()[0])
    while next(steps).done < 4:
        pass
    steps.send(FINISH)
    assert run(steps) is fitted
    assert fitted.n_steps_ == 4
    assert len(fitted.history_["loss"]) == 4
    assert fitted.generate(1, (16, 16), 0).shape == (1, 16, 16)


def test_a_time_budget_can_be_repeated_as_steps():
    image = blobs()[0]
    timed = ImageGenerator("decoder", params=SMALL, time_limit_s=0.2).fit(image)
    counted = generator(timed.n_steps_).fit(image)
    made = [g.generate(1, (20, 20), 0).tobytes() for g in (timed, counted)]
    assert made[0] == made[1]


def test_an_epoch_sees_as_many_pixels_as_there_are():
    image = blobs((64, 128))[0]
    fitted = ImageGenerator("decoder", params=SMALL, epochs=2).fit(image)
    assert fitted.n_steps_ == 2 * 64 * 128 / (2 * 32 * 32)


def test_colour_and_small_and_narrow_images_are_taken():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, s, np.uint8) for s in [(40, 50, 3), (9, 1, 3)]]
    fitted = generator().fit(images, spec=ImageSpec("yxc"))
    made = fitted.generate(2, (33, 7), seed=0)
    assert made.shape == (2, 33, 7, 3)
    assert made.dtype == np.uint8
    assert fitted.vary(images[1], 0.5, 0).shape == (9, 1, 3)


def test_pixels_without_data_leave_the_fit_unchanged():
    image = blobs()[0]
    holes = []
    for value in (np.nan, np.inf):
        image[5:20, 7:30] = value
        fitted = generator().fit(image)
        holes.append(fitted.generate(1, (24, 24), 0))
    assert_array_equal(*holes)
    assert np.isfinite(holes[0]).all()
    assert np.isfinite(fitted.vary(image, 0.5, 0)).all()


def test_a_constant_image_gives_its_constant():
    with pytest.warns(DataWarning, match="constant"):
        fitted = generator().fit(np.full((40, 40), 7, np.int16))
    assert (fitted.generate(1, (9, 9), 0) == 7).all()


@pytest.mark.parametrize("flags", [(True, False), (False, True)])
def test_noise_and_grain_can_be_left_out(flags):
    correlated, grain = flags
    fitted = generator(correlated=correlated, grain=grain).fit(blobs()[0])
    made = fitted.generate(2, (20, 20), 0)
    assert np.isfinite(made).all()
    assert not np.array_equal(made[0], made[1])


def test_a_pickled_generator_leaves_keras_behind_and_makes_the_same(trained):
    made = trained.generate(1, (16, 16), 0)
    packed = pickle.dumps(trained)
    assert b"keras" not in packed
    assert_array_equal(pickle.loads(packed).generate(1, (16, 16), 0), made)


def test_a_file_makes_the_same_images_in_a_fresh_process(trained, tmp_path):
    trained.save(tmp_path / "m.segen")
    code = (
        "import sys, napari_segen as ns\n"
        f"g = ns.load({str(tmp_path / 'm.segen')!r})\n"
        "assert 'tensorflow' not in sys.modules\n"
        "sys.stdout.write(g.generate_pairs(1, (40, 30), 4)[0].tobytes().hex())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout == trained.generate(1, (40, 30), 4).tobytes().hex()


def test_patches_must_fit_the_halvings():
    with pytest.raises(ValueError, match="patch_px must be a multiple of 16"):
        ImageGenerator("decoder", params={"patch_px": 40, "levels": 4})


def test_labels_to_vary_need_known_values_and_a_fit_with_labels(trained):
    image, labels = blobs((96, 96))
    with pytest.raises(ValueError, match="labels has the value 9"):
        trained.vary(image, 0.5, 0, np.where(labels > 0, 9, 0))
    with pytest.raises(ValueError, match="fitted without"):
        generator().fit(image).vary(image, 0.5, 0, labels)


@pytest.mark.parametrize("name", ["learnt_mean", "learnt_std", "learnt_decoder_0"])
def test_a_file_with_numbers_that_are_not_finite_is_refused(trained, name):
    header, arrays = trained.to_archive()
    with pytest.raises(ValueError, match="finite"):
        ImageGenerator.from_archive(header, arrays | {name: arrays[name] * np.nan})
