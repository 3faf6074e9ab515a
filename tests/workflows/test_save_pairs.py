import json
import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.workflows.networks import halves

import napari_segen as ns
from napari_segen.generation.recipe import Recipe
from napari_segen.workflows.files import read_image
from napari_segen.workflows.generated import pairs_spec, training_pairs_steps
from napari_segen.workflows.save_pairs import RECIPE, save_pairs, save_pairs_steps


@pytest.fixture(scope="module")
def generator():
    image, labels = halves((48, 56))
    return ns.ImageGenerator("transform").fit(image, labels)


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_images_masks_and_recipe_read_back_the_same(tmp_path, generator):
    images, labels = generator.generate_pairs(3, (20, 30), seed=1)
    recipe = generator.recipe(3, (20, 30), 1, pairs=True)
    written = save_pairs(tmp_path / "new", images, labels, recipe)
    names = [f"{what}/000{i}.tif" for what in ("images", "masks") for i in range(3)]
    assert tree(tmp_path / "new") == [*names, RECIPE]
    assert sorted(p.relative_to(tmp_path / "new").as_posix() for p in written) == [
        *names,
        RECIPE,
    ]
    assert written[-1].name == RECIPE
    for i in range(3):
        read = read_image(tmp_path / "new" / "images" / f"000{i}.tif")
        assert_array_equal(read.array, images[i])
        assert (read.array.dtype, read.axes) == (images.dtype, "yx")
        mask = read_image(tmp_path / "new" / "masks" / f"000{i}.tif").array
        assert_array_equal(mask, labels[i])
    found = Recipe.from_json(json.loads((tmp_path / "new" / RECIPE).read_text()))
    assert found == recipe


def test_the_same_pairs_are_the_same_bytes(tmp_path, generator):
    recipe = generator.recipe(2, (20, 30), 1, pairs=True)
    for name in "ab":
        images, labels = generator.generate_pairs(2, (20, 30), seed=1)
        save_pairs(tmp_path / name, images, labels, recipe)
    for name in tree(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (
            tmp_path / "b" / name
        ).read_bytes()


def test_nothing_from_before_is_replaced(tmp_path, generator):
    images = generator.generate(2, (20, 30), seed=1)
    save_pairs(tmp_path, images, None, None)
    before = (tmp_path / "images" / "0000.tif").read_bytes()
    with pytest.raises(FileExistsError, match="nothing is replaced"):
        save_pairs(tmp_path, images[::-1], None, None)
    assert (tmp_path / "images" / "0000.tif").read_bytes() == before


@pytest.mark.parametrize("taken", ["masks", RECIPE])
def test_masks_and_recipes_from_before_count_too(tmp_path, taken):
    (tmp_path / taken).write_text("mine")
    with pytest.raises(FileExistsError, match=taken):
        save_pairs(tmp_path, np.zeros((1, 4, 4), "u1"), None, None)
    assert (tmp_path / taken).read_text() == "mine"


def test_without_labels_there_are_no_masks(tmp_path):
    (tmp_path / "images").mkdir()  # an empty one does no harm
    save_pairs(tmp_path, np.zeros((2, 4, 5), "u1"), None, None)
    assert tree(tmp_path) == ["images/0000.tif", "images/0001.tif"]


def test_a_folder_without_recipe_was_not_finished(tmp_path):
    steps = save_pairs_steps(tmp_path, np.zeros((3, 4, 5), "u1"), None, {"n": 3})
    next(steps)
    next(steps)
    steps.close()
    assert tree(tmp_path) == ["images/0000.tif"]


@pytest.mark.parametrize(
    ("shape", "label_shape", "axes"),
    [((4, 5, 3), (4, 5), "yxc"), ((2, 4, 5), (2, 4, 5), "zyx")],
)
def test_channels_are_told_from_depth_by_the_labels(tmp_path, shape, label_shape, axes):
    images = [np.zeros(shape, np.uint8)]
    save_pairs(tmp_path, images, [np.zeros(label_shape, np.uint8)], None)
    assert read_image(tmp_path / "images" / "0000.tif").axes == axes


def test_the_pixel_size_is_kept(tmp_path):
    spec = ns.ImageSpec("yx", (0.5, 0.5), "um")
    save_pairs(tmp_path, np.zeros((1, 4, 5), "u1"), None, None, spec=spec)
    read = read_image(tmp_path / "images" / "0000.tif")
    assert (read.pixel_size, read.unit) == (pytest.approx((0.5, 0.5)), "um")


def test_as_many_labels_as_images(tmp_path):
    with pytest.raises(ValueError, match="2 images, 1 labels"):
        save_pairs(tmp_path / "a", np.zeros((2, 4, 4)), np.zeros((1, 4, 4), int), None)
    with pytest.raises(ValueError, match="nothing to save"):
        save_pairs(tmp_path / "a", [], [], None)
    assert not os.path.exists(tmp_path / "a")


# ---- pairs for a network's training


def test_generated_pairs_come_first_and_real_ones_behind(generator):
    image, labels = halves((48, 56))
    images, masks = ns.run(
        training_pairs_steps(generator, 2, (20, 30), 3, [(image, labels)])
    )
    expected = generator.generate_pairs(2, (20, 30), seed=3)
    for i in range(2):
        assert_array_equal(images[i], expected[0][i])
        assert_array_equal(masks[i], expected[1][i])
    assert_array_equal(images[2], image)
    assert_array_equal(masks[2], labels)
    assert len(images) == len(masks) == 3


def test_channels_are_last_and_time_points_are_pairs_of_their_own():
    rng = np.random.default_rng(0)
    film = rng.integers(0, 255, (2, 3, 24, 32), np.uint8)
    labels = (film[:, 0] > 128).astype(np.uint8)
    spec = ns.ImageSpec("tcyx", (0.2, 0.2), "um")
    generator = ns.ImageGenerator("transform").fit(film, labels, spec=spec)
    images, masks = ns.run(
        training_pairs_steps(generator, 1, (16, 16), 0, [(film, labels)])
    )
    assert [i.shape for i in images] == [(16, 16, 3), (24, 32, 3), (24, 32, 3)]
    assert_array_equal(images[2], np.moveaxis(film[1], 0, -1))
    assert_array_equal(masks[2], labels[1])
    assert pairs_spec(generator) == ns.ImageSpec("yxc", (0.2, 0.2), "um")


def test_real_labels_of_another_shape_are_refused(generator):
    image, labels = halves((48, 56))
    with pytest.raises(ValueError, match="labels must have shape"):
        ns.run(training_pairs_steps(generator, 1, (8, 8), 0, [(image, labels[1:])]))


def test_real_pairs_are_repeated_up_to_their_share(generator):
    image, labels = halves((48, 56))
    steps = training_pairs_steps(
        generator, 8, (48, 56), 3, [(image, labels)], real_share=0.5
    )
    images, masks = ns.run(steps)
    assert len(images) == len(masks) == 16
    assert all(m is masks[8] for m in masks[9:])
    with pytest.raises(ValueError, match="real_share"):
        ns.run(
            training_pairs_steps(
                generator, 1, (8, 8), 0, [(image, labels)], real_share=1
            )
        )
