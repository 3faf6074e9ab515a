"""Images that take over the grey values of one that is not learnt from."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen import ImageGenerator, ImageSpec
from napari_segen.core.archive import write_archive
from napari_segen.core.errors import ModelFileError
from napari_segen.generation.pattern import MOST_PIXELS
from napari_segen.workflows.models import load

STILL = {"scale": 1.0, "elastic": 0.0, "gain": 1.0, "offset": 0.0, "match": 1.0}
SHARES = [0.1, 0.5, 0.9]


def gradient(dtype=np.uint8):
    return (np.arange(48 * 64).reshape(48, 64) // 13).astype(dtype)


def other(shape=(30, 40)):
    return np.random.default_rng(0).normal(2000, 100, shape).astype(np.uint16)


def fitted(image, labels=None, *, match_to, spec=None, **params):
    generator = ImageGenerator("transform", params={**STILL, **params})
    return generator.fit(image, labels, spec=spec, match_to=match_to)


def quantiles(image):
    return np.quantile(image, SHARES)


def test_every_new_image_takes_over_the_grey_values_and_keeps_its_labels():
    labels = (gradient() > 100).astype(np.uint8)
    generator = fitted(gradient(), labels, match_to=other())
    images, masks = generator.generate_pairs(3, (48, 64), 0)
    assert images.dtype == np.uint16
    for image, mask in zip(images, masks, strict=True):
        assert_allclose(quantiles(image), quantiles(other()), rtol=0.01)
        assert image[mask == 1].min() >= image[mask == 0].max()


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_variation_goes_towards_the_grey_values_by_strength(strength):
    generator = fitted(gradient(), match_to=other())
    varied = generator.vary(gradient(), strength, 0)
    wanted = (1 - strength) * quantiles(gradient()) + strength * quantiles(other())
    assert_allclose(quantiles(varied), wanted, rtol=0.02)


def test_without_strength_a_variation_is_the_image():
    generator = fitted(gradient(), match_to=other())
    assert_array_equal(generator.vary(gradient(), 0, 0), gradient())


def test_channels_take_over_values_of_their_own():
    image = np.stack([gradient(), 255 - gradient()], axis=-1)
    match_to = np.stack([other(), other() + 5000], axis=-1)
    spec = ImageSpec("yxc")
    generator = fitted(image, match_to=match_to, spec=spec)
    made = generator.generate(1, (48, 64), 0)[0]
    for c in range(2):
        wanted = quantiles(match_to[..., c])
        assert_allclose(quantiles(made[..., c]), wanted, rtol=0.01)


def test_pixels_without_data_and_further_axes_do_not_count():
    match_to = np.stack([other(), other()]).astype(np.float32)
    match_to[:, :5] = np.nan
    made = fitted(gradient(), match_to=match_to).generate(1, (48, 64), 0)[0]
    assert_allclose(quantiles(made), quantiles(other()), rtol=0.02)


def test_of_a_large_image_a_part_of_the_pixels_is_kept(tmp_path):
    generator = fitted(gradient(), match_to=other((400, 500)))
    assert generator._fitted.pattern.shape == (1, MOST_PIXELS)
    generator.save(tmp_path / "it.segen")
    expected = generator.generate(2, (20, 20), 1)
    found = load(tmp_path / "it.segen")
    assert_array_equal(found.generate(2, (20, 20), 1), expected)
    assert found.recipe(2, (20, 20), 1) == generator.recipe(2, (20, 20), 1)


def test_the_recipe_tells_images_with_other_grey_values_apart():
    plain = ImageGenerator("transform", params=STILL).fit(gradient())
    matched = fitted(gradient(), match_to=other())
    assert matched.recipe(1, (9, 9), 0).model != plain.recipe(1, (9, 9), 0).model


@pytest.mark.parametrize(
    ("method", "params", "match_to", "said"),
    [
        ("texture", {}, other(), "cannot take over grey values. Use transform"),
        ("transform", {"match": 0.0}, other(), "no effect with match=0"),
        ("transform", {"match": 1.0}, np.full((3, 3), np.nan), "no pixel with data"),
    ],
)
def test_what_cannot_be_taken_over_is_an_error(method, params, match_to, said):
    with pytest.raises(ValueError, match=said):
        ImageGenerator(method, params=params).fit(gradient(), match_to=match_to)


def test_other_channels_are_an_error():
    image = np.stack([gradient()] * 3, axis=-1)
    with pytest.raises(ValueError, match="match_to needs 3 channels"):
        fitted(image, match_to=other(), spec=ImageSpec("yxc"))


@pytest.mark.parametrize(
    "damaged",
    [np.zeros((2, 5)), np.zeros(5), np.zeros((1, 0)), np.full((1, 5), np.inf)],
)
def test_damaged_grey_values_in_a_file_are_refused(tmp_path, damaged):
    header, arrays = fitted(gradient(), match_to=other()).to_archive()
    assert "learnt_pattern" in arrays
    path = tmp_path / "odd.segen"
    write_archive(path, "generator", header, arrays | {"learnt_pattern": damaged})
    with pytest.raises(ModelFileError):
        load(path)
