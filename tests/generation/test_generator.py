import json
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_segen import ImageGenerator, ImageSpec, load
from napari_segen.core.errors import DataWarning, ModelFileError, NotFitted
from napari_segen.core.provenance import array_hash
from napari_segen.core.steps import run
from napari_segen.generation.recipe import Recipe
from napari_segen.generation.transform import Transform


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 200, (24, 20)).astype(np.uint8)


@pytest.fixture
def generator(image):
    return ImageGenerator("transform").fit(image, (image > 99).astype(int) * 7)


def test_an_image_does_not_depend_on_how_many_are_made(generator):
    three = generator.generate(3, (16, 16), seed=5)
    assert_array_equal(generator.generate(1, (16, 16), seed=5), three[:1])
    later = run(generator.generate_steps(2, (16, 16), 5, first=1))
    assert_array_equal(later, three[1:])


def test_pairs_have_the_images_of_generate(generator):
    images, labels = generator.generate_pairs(2, (9, 30), seed=1)
    assert_array_equal(images, generator.generate(2, (9, 30), seed=1))
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) == {0, 7}


@pytest.mark.parametrize("axes", ["cyx", "yxc", "ycx"])
def test_channels_come_last_in_new_images_and_stay_in_variations(axes):
    shape = tuple({"c": 2, "y": 12, "x": 10}[a] for a in axes)
    image = np.random.default_rng(0).random(shape)
    generator = ImageGenerator("transform").fit(image, spec=ImageSpec(axes))
    assert generator.generate(3, (8, 9), seed=0).shape == (3, 8, 9, 2)
    assert generator.vary(image, 0.5, seed=0).shape == shape


def test_each_frame_of_a_series_varies_on_its_own(image):
    series = np.stack([image, image])
    generator = ImageGenerator("transform").fit(series, spec=ImageSpec("tyx"))
    varied = generator.vary(series, 1.0, seed=0)
    assert varied.shape == series.shape
    assert not np.array_equal(varied[0], varied[1])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint64, np.float16])
def test_type_and_range_are_kept(dtype):
    image = np.random.default_rng(0).integers(0, 9, (20, 20)) // 4
    image = image.astype(dtype)
    params = {"gain": 3.0, "offset": 0.5, "noise": 0.5}
    made = ImageGenerator("transform", params=params).fit(image).generate(2, (9, 9), 0)
    assert made.dtype == image.dtype
    assert image.min() <= made.min()
    assert made.max() <= image.max()


def test_images_of_several_types_share_the_wider_one(image):
    both = [image, image.astype(np.float32) * 2]
    made = ImageGenerator("transform").fit(both).generate(8, (9, 9), 0)
    assert made.dtype == np.float32
    assert made.max() > image.max()


def test_a_recipe_survives_json_and_makes_the_same_images(generator):
    recipe = generator.recipe(2, (8, 8), 3)
    again = Recipe.from_json(json.loads(json.dumps(recipe.as_json())))
    assert again == recipe
    twin = ImageGenerator(again.method, params=again.params, seed=again.fit_seed)
    source = generator._fitted.sources[0]
    twin.fit(source.image[0], source.labels)
    assert twin.recipe(2, (8, 8), 3).model == recipe.model
    made = twin.generate(again.n, again.shape, again.seed)
    assert made.tobytes() == generator.generate(2, (8, 8), 3).tobytes()


def test_a_recipe_of_an_older_version_is_read(generator):
    data = generator.recipe(2, (8, 8), 3).as_json()
    for key in ("source", "source_sha256", "labels_sha256", "strength"):
        del data[key]
    assert Recipe.from_json(data) == generator.recipe(2, (8, 8), 3)
    with pytest.raises(ValueError, match="source must be one of"):
        Recipe.from_json({**data, "source": "clay"})


def test_a_recipe_says_what_images_were_made_from(generator, image):
    labels = np.zeros((3, 24, 20), np.uint8)
    painted = generator.recipe_from_labels(labels, 5)
    assert (painted.source, painted.n, painted.shape) == ("labels", 3, (24, 20))
    assert painted.source_sha256 == array_hash(labels)
    varied = generator.recipe_vary(image, 0.3, 5, labels[0])
    assert (varied.source, varied.strength, varied.pairs) == ("image", 0.3, True)
    assert varied.source_sha256 == array_hash(image)
    assert varied.labels_sha256 == array_hash(labels[0])
    assert Recipe.from_json(json.loads(json.dumps(varied.as_json()))) == varied


def test_recipes_of_generators_that_make_other_images_differ(image):
    labels = (image > 99).astype(int)
    fits = [
        {"task": "classes"},
        {"task": "instances"},
        {"task": "classes", "spec": ImageSpec("yx", (2.0, 1.0), "um")},
    ]
    fitted = [ImageGenerator("transform").fit(image, labels, **f) for f in fits]
    assert len({f.recipe(1, (8, 8), 0).model for f in fitted}) == len(fits)


def test_a_recipe_needs_a_shape_that_can_be(generator):
    with pytest.raises(ValueError, match="shape must be at least 1"):
        generator.recipe(1, (8, 0), 0)


def test_an_older_file_without_a_task_is_of_classes(generator, tmp_path):
    header, arrays = generator.to_archive()
    older = {k: v for k, v in header.items() if k not in ("task", "has_labels")}
    again = ImageGenerator.from_archive(older, arrays)
    assert again.task_ == "classes"
    assert again.makes_pairs


def test_a_file_makes_the_same_images_in_a_fresh_process(generator, tmp_path):
    path = tmp_path / "m.segen"
    generator.save(path)
    code = (
        "import sys, napari_segen as ns\n"
        f"g = ns.load({str(path)!r})\n"
        "sys.stdout.write(g.generate(2, (30, 8), 4).tobytes().hex())\n"
        "assert not {'tensorflow', 'keras', 'napari'} & set(sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout == generator.generate(2, (30, 8), 4).tobytes().hex()


def test_loading_keeps_what_the_model_says_of_itself(generator, tmp_path):
    generator.save(tmp_path / "m.segen")
    again = load(tmp_path / "m.segen")
    assert again.spec_ == generator.spec_
    assert_array_equal(again.classes_, [0, 7])
    assert again.provenance_ == generator.provenance_
    assert again.history_ == {}


def test_closing_the_steps_leaves_an_unfitted_generator_unfitted(image):
    generator = ImageGenerator("transform")
    steps = generator.fit_steps(image)
    next(steps)
    steps.close()
    with pytest.raises(NotFitted):
        generator.generate(1, (4, 4), 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, (8, 8), 0), ValueError, "n must be at least 1"),
        ((1.5, (8, 8), 0), TypeError, "n must be an integer"),
        ((True, (8, 8), 0), TypeError, "n must be an integer"),
        ((1, (8,), 0), ValueError, "shape needs 2"),
        ((1, (8, 8, 8), 0), ValueError, "shape needs 2"),
        ((1, (8, 0), 0), ValueError, "shape must be at least 1"),
        ((1, 8, 0), TypeError, "shape must be a sequence"),
        ((1, (2**20, 2**20), 0), ValueError, "smaller images"),
        ((10**6, (1000, 1000), 0), ValueError, "fewer"),
        ((1, (8, 8), -1), ValueError, "seed must be at least 0"),
        ((1, (8, 8), 2**63), ValueError, "seed must be below"),
        ((1, (8, 8), None), TypeError, "seed must be an integer"),
    ],
)
def test_odd_requests_are_named(generator, arguments, error, message):
    with pytest.raises(error, match=message):
        generator.generate(*arguments)


@pytest.mark.parametrize("strength", [-0.1, 1.01, np.nan])
def test_a_strength_outside_0_to_1_is_refused(generator, image, strength):
    with pytest.raises(ValueError, match="strength must be from 0 to 1"):
        generator.vary(image, strength, 0)


def test_a_variation_needs_an_image_like_those_of_the_fit(generator, image):
    with pytest.raises(ValueError, match="spec says 'yx'"):
        generator.vary(image[np.newaxis], 0.5, 0)
    with pytest.raises(ValueError, match="labels must have shape"):
        generator.vary(image, 0.5, 0, np.zeros((3, 3), int))
    with pytest.raises(TypeError, match="real numbers"):
        generator.vary(image.astype(complex), 0.5, 0)


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (np.zeros((4, 4), complex), None, TypeError, "real numbers"),
        (np.zeros((4, 4), object), None, TypeError, "real numbers"),
        (np.zeros(4), None, ValueError, "two axes"),
        (np.zeros((0, 4)), None, ValueError, "empty"),
        ([], None, ValueError, "empty list"),
        (np.eye(4), np.zeros((4, 5), int), ValueError, "labels must have shape"),
        (np.eye(4), np.zeros((4, 4)), TypeError, "labels must be integers"),
        (np.eye(4), -np.eye(4, dtype=int), ValueError, "labels must not be negative"),
        ([np.eye(4)] * 2, [np.eye(4, dtype=int)], ValueError, "each image"),
    ],
)
def test_odd_training_data_are_named(images, labels, error, message):
    with pytest.raises(error, match=message):
        ImageGenerator("transform").fit(images, labels)


@pytest.mark.parametrize("value", [0, 5])
def test_a_constant_image_is_taken_with_a_warning(value):
    with pytest.warns(DataWarning, match="constant"):
        generator = ImageGenerator("transform").fit(np.full((8, 8), value))
    assert (generator.generate(1, (9, 9), 0) == value).all()


def test_an_image_without_data_is_refused():
    with (
        pytest.warns(DataWarning, match="no finite pixel"),
        pytest.raises(ValueError, match="no pixel with data"),
    ):
        ImageGenerator("transform").fit(np.full((8, 8), np.nan))


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1), (2, 2)])
def test_tiny_images_are_sources_too(shape):
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    image[0, 0] = 9
    if image.size == 1:
        with pytest.warns(DataWarning):
            generator = ImageGenerator("transform").fit(image)
    else:
        generator = ImageGenerator("transform").fit(image)
    assert generator.generate(1, (7, 6), 0).shape == (1, 7, 6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "waves"}, ValueError, "Choose one of: .*transform"),
        ({"params": {"wings": 2}}, ValueError, "wings"),
        ({"epochs": 0}, ValueError, "epochs"),
        ({"max_steps": 1.5}, TypeError, "max_steps"),
        ({"time_limit_s": 0}, ValueError, "time_limit_s"),
        ({"time_limit_s": None}, ValueError, "never end"),
        ({"seed": -1}, ValueError, "seed"),
    ],
)
def test_odd_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        ImageGenerator(**options)


def test_labels_cannot_come_from_a_fit_without(image):
    generator = ImageGenerator("transform").fit(image)
    with pytest.raises(ValueError, match="fitted without"):
        generator.generate_pairs(1, (4, 4), 0)


@pytest.mark.parametrize("ability", ["makes_pairs", "can_vary"])
def test_what_a_method_cannot_do_names_those_that_can(generator, image, ability):
    with mock.patch.object(Transform, ability, False):
        job = {
            "makes_pairs": generator.generate_pairs_steps(1, (4, 4), 0),
            "can_vary": generator.vary_steps(image, 0.5, 0),
        }[ability]
        with pytest.raises(ValueError, match=r"'transform' .* Use .*decoder"):
            run(job)


def test_the_decoder_refuses_volumes_and_object_ids():
    with pytest.raises(ValueError, match=r"2D images only.*'transform'"):
        ImageGenerator("decoder").fit(np.zeros((4, 9, 9)))
    ids = np.arange(100).reshape(10, 10)
    with pytest.raises(ValueError, match="Object ids are not classes"):
        ImageGenerator("decoder").fit(ids / 9, ids)


@pytest.mark.parametrize(
    "damage",
    [
        {"method": "waves"},
        {"task": "objects"},
        {"learnt": {"n_sources": 10**9}},
        {"learnt": {}},
        {"spec": {"axes": "zyx", "pixel_size": None, "unit": "pixel"}},
        {"params": {"scale": 99}},
        {"history": 3},
        {"history": {"loss": "falling"}},
        {"history": {"loss": [1.0, "low"]}},
    ],
)
def test_a_damaged_header_is_refused(generator, tmp_path, damage):
    header, arrays = generator.to_archive()
    forged = ({**header, **damage}, arrays)
    with mock.patch.object(ImageGenerator, "to_archive", return_value=forged):
        generator.save(tmp_path / "m.segen")
    with pytest.raises(ModelFileError):
        load(tmp_path / "m.segen")


@pytest.mark.parametrize("low", [[250], [], [[0]], [0, 0]])
def test_a_damaged_range_of_grey_values_is_refused(generator, low):
    header, arrays = generator.to_archive()
    forged = arrays | {"low": np.array(low, np.uint8)}
    with pytest.raises(ValueError, match="range of the grey values"):
        ImageGenerator.from_archive(header, forged)


@pytest.mark.parametrize("shape", [(), (24, 20), (3, 24, 20), (1, 0, 20)])
def test_damaged_source_images_are_refused(image, shape):
    header, arrays = ImageGenerator("transform").fit([image, image]).to_archive()
    forged = arrays | {"learnt_image_1": np.zeros(shape, np.uint8)}
    with pytest.raises(ValueError, match="a source image has shape"):
        ImageGenerator.from_archive(header, forged)
