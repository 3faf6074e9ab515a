"""The image generator's dock in a real viewer."""

import json
import threading

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.widgets.generator import generator_fakes
from tests.widgets.test_docks import (
    CNN,
    GENERATOR,
    finish,
    open_dock,
    painted,
    run_once,
    two_halves,
)
from tifffile import imread

from napari_segen import ImageGenerator
from napari_segen.core.steps import run
from napari_segen.generation.registry import GENERATORS
from napari_segen.widgets.generator.making import MakingDock
from napari_segen.widgets.generator.middles import middle
from napari_segen.widgets.jobs.keras_child import replaced_child
from napari_segen.widgets.results import MARK

pytestmark = pytest.mark.viewer


def preview(dock, qtbot):
    """Wait for the preview."""
    qtbot.waitUntil(lambda: not dock._preview.is_running)
    return dock._preview.grid


def choose(dock, method, source="noise"):
    dock._form.source.value = source
    dock._form.method.choice.value = method


def make(dock, qtbot, size="32, 40", n=2, seed=0):
    if size is not None:
        dock._form.size.value = size
    dock._form.count.value, dock._form.seed.value = n, seed
    dock.generate()
    finish(dock, qtbot)


@pytest.fixture
def child():
    """Stand-in for the process with Keras."""
    made = generator_fakes.PlainChild()
    with replaced_child(made):
        yield made
        made.kill()


@pytest.fixture
def dock(viewer):
    painted(viewer, scale=(2, 3))
    made = open_dock(viewer, GENERATOR)
    made._labels.value = viewer.layers["strokes"]
    choose(made, "transform")
    return made


@pytest.fixture
def learnt(dock, child, qtbot, monkeypatch):
    """A dock with a fitted generator of a method that is trained."""
    monkeypatch.setattr(dock._orders, "fresh", generator_fakes.fresh)
    choose(dock, "flow")
    dock.fit()
    finish(dock, qtbot)
    return dock


# -- new images ---------------------------------------------------------------


def test_new_images_come_with_labels_and_their_recipe(viewer, dock, qtbot):
    make(dock, qtbot, n=3, seed=7)
    images = viewer.layers["cells generated (transform, seed 7)"]
    labels = viewer.layers["cells generated labels (transform, seed 7)"]
    assert images.data.shape == labels.data.shape == (3, 32, 40)
    assert images.data.dtype == np.uint8
    assert_array_equal(images.scale, (1, 2, 3))
    recipe = images.metadata[MARK]["provenance"]["recipe"]
    assert (recipe["n"], recipe["seed"]) == (3, 7)
    json.dumps(recipe)


def test_synthetic_scenes_have_nothing_to_learn(dock):
    choose(dock, "shapes", source="shapes")
    assert "from scratch" in dock._fit.why_not()
    dock.fit()
    assert not dock._job.is_running
    assert dock._generate.why_not() == ""


def test_the_dock_makes_what_a_script_makes(viewer, dock, qtbot):
    make(dock, qtbot, n=3, seed=7)
    image, strokes = two_halves()
    spec = dock._chosen.source().spec
    model = ImageGenerator("transform").fit(image, strokes, spec=spec)
    images, labels = model.generate_pairs(3, (32, 40), 7)
    found = viewer.layers["cells generated (transform, seed 7)"]
    assert_array_equal(found.data, images)
    marks = viewer.layers["cells generated labels (transform, seed 7)"]
    assert_array_equal(marks.data, labels)


def test_the_same_seed_updates_its_layer_and_another_gets_its_own(viewer, dock, qtbot):
    dock._labels.value = None
    make(dock, qtbot)
    first = viewer.layers["cells generated (transform, seed 0)"]
    make(dock, qtbot)
    assert viewer.layers["cells generated (transform, seed 0)"] is first
    make(dock, qtbot, seed=1)
    assert "cells generated (transform, seed 1)" in viewer.layers
    assert not [x for x in viewer.layers if "labels" in x.name]


def test_separate_layers_stand_side_by_side(viewer, dock, qtbot):
    dock._form.output.value = "layers"
    make(dock, qtbot, n=3)
    names = [f"cells generated (transform, seed 0, image {i})" for i in (1, 2, 3)]
    images = [viewer.layers[name] for name in names]
    assert [x.data.shape for x in images] == [(32, 40)] * 3
    edges = [x.extent.world[:, -1] for x in images]
    assert edges[0][1] < edges[1][0]
    assert edges[1][1] < edges[2][0]


def test_too_many_separate_layers_are_refused(viewer, dock, qtbot):
    dock._form.output.value = "layers"
    make(dock, qtbot, n=100)
    assert "one stack" in dock.message
    assert len(viewer.layers) == 2


def test_an_edited_result_stays_as_it_is(viewer, dock, qtbot):
    make(dock, qtbot)
    labels = viewer.layers["cells generated labels (transform, seed 0)"]
    labels.data[0, 0, 0] = 2
    make(dock, qtbot)
    assert "You have edited" in dock.message
    assert labels.data[0, 0, 0] == 2


def test_strength_zero_is_the_image_itself(viewer, dock, qtbot):
    choose(dock, "transform", "example")
    dock._form.strength.value = 0.0
    make(dock, qtbot, size=None, n=1)
    varied = viewer.layers["cells varied (transform, seed 0)"]
    assert_array_equal(varied.data, viewer.layers["cells"].data)
    assert_array_equal(varied.scale, (2, 3))
    labels = viewer.layers["cells varied labels (transform, seed 0)"]
    assert_array_equal(labels.data, viewer.layers["strokes"].data)


def test_several_variations_have_following_seeds(viewer, dock, qtbot):
    choose(dock, "transform", "example")
    make(dock, qtbot, size=None, n=3, seed=4)
    varied = viewer.layers["cells varied (transform, seed 4)"]
    assert varied.data.shape == (3, 48, 64)
    recipe = varied.metadata[MARK]["provenance"]["recipe"]
    assert recipe["seeds"] == [4, 5, 6]
    assert recipe["strength"] == 0.5


def test_scenes_need_no_image(viewer, qtbot):
    dock = open_dock(viewer, GENERATOR)
    choose(dock, "shapes", "shapes")
    assert dock._generate.button.isEnabled()
    assert not dock._image.native.isVisibleTo(dock.native)
    make(dock, qtbot, "48, 48")
    make(dock, qtbot, "48, 48")
    images = [x.name for x in viewer.layers if "labels" not in x.name]
    assert images == ["generated (shapes, seed 0)"]
    assert viewer.layers["generated labels (shapes, seed 0)"].data.max() > 0


def test_scenes_can_be_volumes(viewer, qtbot):
    dock = open_dock(viewer, GENERATOR)
    choose(dock, "shapes", "shapes")
    make(dock, qtbot, "6, 24, 24", n=1)
    assert viewer.layers["generated (shapes, seed 0)"].data.shape == (6, 24, 24)
    make(dock, qtbot, "24", n=1)
    assert "two numbers" in dock.message


# -- grey values of another layer -----------------------------------------------


@pytest.fixture
def bright(viewer, dock):
    """The layer to match; only grey values change."""
    rng = np.random.default_rng(1)
    data = rng.normal(2000, 100, (30, 40)).astype(np.uint16)
    layer = viewer.add_image(data, name="bright", scale=(2, 3))
    for name in ("scale", "gain"):
        dock._form.method.field(name).value = 1.0
    for name in ("elastic", "offset"):
        dock._form.method.field(name).value = 0.0
    return layer


@pytest.mark.parametrize("source", ["noise", "example"])
def test_new_images_take_over_the_grey_values_of_a_layer(
    viewer, dock, bright, qtbot, source
):
    choose(dock, "transform", source)
    dock._form.strength.value = 1.0
    dock._match.value = bright
    assert dock._form.method.field("match").value == 1
    assert preview(dock, qtbot).n_pictures == 6, dock._preview.grid.text
    make(dock, qtbot, "48, 64" if source == "noise" else None)
    word = "generated" if source == "noise" else "varied"
    made = viewer.layers[f"cells {word} (transform, seed 0)"].data
    shares = [0.1, 0.5, 0.9]
    wanted = np.quantile(bright.data, shares)
    np.testing.assert_allclose(np.quantile(made, shares), wanted, rtol=0.03)


def test_without_a_layer_to_match_grey_values_stay(viewer, dock, bright, qtbot):
    dock._match.value = bright
    viewer.layers.remove(bright)
    assert dock._match.value is None
    assert dock._form.method.field("match").value == 0
    make(dock, qtbot, "48, 64")
    assert viewer.layers["cells generated (transform, seed 0)"].data.max() <= 255


def test_a_layer_to_match_is_asked_for_where_it_can_be(dock):
    assert dock._match.native.isVisibleTo(dock.native)
    choose(dock, "texture")
    assert not dock._match.native.isVisibleTo(dock.native)
    choose(dock, "shapes", "shapes")
    assert not dock._match.native.isVisibleTo(dock.native)


def test_colors_cannot_take_over_grey_values(viewer, dock, bright, qtbot):
    image = np.random.default_rng(0).integers(0, 255, (24, 30, 3)).astype(np.uint8)
    dock._image.value = viewer.add_image(image, name="rgb", rgb=True)
    dock._labels.value = None
    dock._match.value = bright
    assert "needs 3 channels" in preview(dock, qtbot).text


# -- what applies -------------------------------------------------------------


def test_only_what_applies_is_shown(dock):
    def shown(widget):
        return widget.native.isVisibleTo(dock.native)

    assert not shown(dock._form.budget)
    assert not shown(dock._form.strength)
    assert shown(dock._form.size)
    assert shown(dock._form.task)
    choose(dock, "transform", "example")
    assert shown(dock._form.strength)
    assert not shown(dock._form.size)
    dock._labels.value = None
    assert not shown(dock._form.task)
    assert not shown(dock._form.pairs)
    choose(dock, "decoder")
    assert shown(dock._form.budget)


def test_only_methods_that_can_do_it_are_offered(dock):
    for source in dock._form.source.choices:
        dock._form.source.value = source
        for name in dock._form.method.choice.choices:
            method = GENERATORS.get(name)
            assert (source == "shapes") is not method.needs_images
            assert source != "example" or method.can_vary
            assert source != "labels" or method.can_paint


def test_generate_says_why_it_cannot_be_pressed(viewer):
    dock = open_dock(viewer, GENERATOR)
    choose(dock, "decoder")
    viewer.add_image(two_halves()[0])
    assert not dock._generate.button.isEnabled()
    assert "press Fit" in dock._generate.button.toolTip()


def test_labels_with_many_values_are_taken_for_objects(viewer, dock):
    assert dock._form.task.value == "classes"
    ids = np.arange(48 * 64).reshape(48, 64) // 100
    dock._labels.value = viewer.add_labels(ids, scale=(2, 3))
    assert dock._form.task.value == "instances"


def test_the_size_is_the_images_until_one_is_typed(viewer, dock):
    assert dock._form.size.value == "48, 64"
    viewer.layers["cells"].data = np.zeros((20, 30), np.uint8)
    dock._image.value = viewer.add_image(np.zeros((2000, 30)))
    assert dock._form.size.value == "512, 30"
    dock._form.size.value = "64, 64"
    dock._image.value = viewer.layers["cells"]
    assert dock._form.size.value == "64, 64"


def test_the_die_draws_another_seed(dock):
    drawn = []
    for _ in range(3):
        dock._form.dice.native.click()
        drawn.append(dock._form.seed.value)
    assert len({0, *drawn}) > 2


# -- preview ------------------------------------------------------------------


def test_a_preview_comes_before_anything_is_made(viewer, dock, qtbot):
    grid = preview(dock, qtbot)
    assert grid.n_pictures == 6
    assert [x.name for x in viewer.layers] == ["cells", "strokes"]


def test_the_newest_choice_is_previewed(dock, qtbot):
    preview(dock, qtbot)
    for seed in range(1, 6):
        dock._form.seed.value = seed
        qtbot.wait(20)
    preview(dock, qtbot)
    assert dock._preview._made.request.seed == 5


def test_the_first_images_of_a_small_request_are_those_of_its_preview(
    viewer, dock, qtbot
):
    dock._form.size.value = "32, 40"
    preview(dock, qtbot)
    seen = dock._preview._made.images.copy()
    make(dock, qtbot, n=2)
    made = viewer.layers["cells generated (transform, seed 0)"].data
    assert_array_equal(made, seen[:2])


def test_a_preview_of_variations_begins_with_the_example(dock, qtbot):
    choose(dock, "transform", "example")
    assert preview(dock, qtbot).n_pictures == 6, dock._preview.grid.text
    assert dock._preview._made.n_done == 5


def test_a_preview_can_be_switched_off(dock, qtbot):
    preview(dock, qtbot)
    dock._preview.is_on.value = False
    assert preview(dock, qtbot).n_pictures == 0


def test_a_preview_of_a_large_lazy_image_reads_its_middle_only():
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.zeros((1, 512, 512))

    shape = ((1,) * 3, (512,) * 40, (512,) * 40)
    image = da.map_blocks(block, chunks=shape, dtype=float)
    found = middle(image, "tyx", 1024, 32, 1)
    assert found.shape == (1, 1024, 1024)
    assert len(read) <= 9


def test_a_preview_says_why_there_is_none(viewer, dock, qtbot):
    dock._labels.value = viewer.add_labels(np.zeros((5, 5), int))
    assert "5 x 5" in preview(dock, qtbot).text


# -- training -----------------------------------------------------------------


def test_a_trained_method_is_previewed_after_the_fit(learnt, qtbot):
    assert "Fitted to “cells”" in learnt.message
    assert preview(learnt, qtbot).n_pictures == 6
    assert learnt._plot.curves["loss"]
    assert learnt._plot.isVisibleTo(learnt.native)


def test_an_image_is_made_for_labels(viewer, learnt, qtbot):
    choose(learnt, "flow", "labels")
    assert preview(learnt, qtbot).n_pictures == 6
    make(learnt, qtbot, size=None, n=1)
    made = viewer.layers["cells painted (flow, seed 0)"]
    assert made.data.shape == (48, 64)
    assert_array_equal(made.scale, viewer.layers["strokes"].scale)


def test_stop_keeps_what_was_learnt(dock, child, qtbot, monkeypatch):
    monkeypatch.setattr(dock._orders, "fresh", generator_fakes.endless)
    choose(dock, "flow")
    dock.fit()
    qtbot.waitUntil(lambda: "loss" in dock._plot.curves)
    assert dock._stop.button.isEnabled()
    dock._job.finish()
    finish(dock, qtbot)
    assert "Fitted" in dock.message


# -- cancel -------------------------------------------------------------------


@pytest.fixture
def slow(learnt, monkeypatch):
    """Every image takes a while."""
    monkeypatch.setattr(generator_fakes, "PAUSE", 0.03)
    return learnt


def test_what_is_made_stays_when_the_rest_is_cancelled(viewer, slow, qtbot):
    slow._form.size.value, slow._form.count.value = "16, 16", 500
    slow.generate()
    made = slow._making[0]
    qtbot.waitUntil(lambda: made.n_done >= 3)
    slow._job.cancel()
    finish(slow, qtbot)
    (images,) = [x for x in viewer.layers if " of 500" in x.name and hasattr(x, "rgb")]
    n = len(images.data)
    assert 3 <= n < 500
    assert images.name == f"cells generated (flow, seed 0, {n} of 500)"
    assert images.metadata[MARK]["provenance"]["recipe"]["n"] == n
    assert_array_equal(images.data, slow.model.generate(n, (16, 16), 0))
    assert "Ended early" in slow.message


def test_a_cancel_before_the_first_image_leaves_nothing(
    viewer, slow, qtbot, monkeypatch
):
    slow._form.count.value = 500
    monkeypatch.setattr(generator_fakes, "PAUSE", 600.0)
    slow.generate()
    qtbot.wait(100)
    slow._job.cancel()
    finish(slow, qtbot)
    assert "Cancelled" in slow.message
    assert [x.name for x in viewer.layers] == ["cells", "strokes"]


def test_an_error_in_the_middle_keeps_what_is_made(viewer, slow, qtbot, monkeypatch):
    monkeypatch.setattr(generator_fakes, "FAILS_AT", 4)
    make(slow, qtbot, "16, 16", n=9)
    assert "cells generated (flow, seed 0, 4 of 9)" in viewer.layers


def test_a_layer_removed_while_running_loses_nothing(viewer, slow, qtbot):
    slow._form.size.value, slow._form.count.value = "16, 16", 4
    slow.generate()
    viewer.layers.remove("cells")
    finish(slow, qtbot)
    assert "cells generated (flow, seed 0)" in viewer.layers


def test_closing_in_the_middle_ends_all(viewer, slow, qtbot):
    slow._form.count.value = 500
    slow.generate()
    qtbot.wait(100)
    viewer.window.remove_dock_widget(slow.native)
    qtbot.waitUntil(lambda: slow._is_shut)
    qtbot.waitUntil(lambda: "napari-segen job" not in thread_names())


def thread_names():
    return [t.name for t in threading.enumerate()]


# -- large requests -----------------------------------------------------------


def test_size_and_time_are_said_before(dock, qtbot):
    preview(dock, qtbot)
    dock._form.size.value, dock._form.count.value = "512, 512", 10_000
    assert "Ask for fewer at a time" in dock._extent.text() or (
        "10 000 images of 512 x 512: about 13 GB and" in dock._extent.text()
    )


@pytest.mark.parametrize("answer", [True, False])
def test_a_large_request_is_asked_about(viewer, dock, qtbot, monkeypatch, answer):
    asked = []

    def confirmed(_, text):
        asked.append(text)
        return answer

    monkeypatch.setattr(MakingDock, "_is_confirmed", confirmed)
    monkeypatch.setattr("napari_segen.widgets.generator.requests.ASK_BYTES", 1000)
    make(dock, qtbot)
    assert "2 images of 32 x 40" in asked[0]
    assert (len(viewer.layers) > 2) is answer


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("large", "whole numbers"),
        ("", "whole numbers"),
        ("32", "shape needs 2 entries"),
        ("0, 32", "at least 1"),
        ("-3, 32", "at least 1"),
        ("20000, 20000", "Ask for smaller images"),
        ("1, 1", "Done"),
    ],
)
def test_a_size_that_cannot_be_is_a_message(viewer, dock, qtbot, size, said):
    make(dock, qtbot, size)
    assert said in dock.message


def test_numbers_that_cannot_be_cannot_be_typed(dock):
    for box, low, high in ((dock._form.count, 1, 10_000), (dock._form.seed, 0, 2**31)):
        line = box.native.lineEdit()
        for text in ("-5", "0", "99999999999"):
            line.setText(text)
            box.native.interpretText()
            assert low <= box.value <= high


# -- odd images ---------------------------------------------------------------


def test_a_constant_image_is_a_warning(viewer, qtbot):
    viewer.add_image(np.zeros((24, 24), np.uint8), name="flat")
    dock = open_dock(viewer, GENERATOR)
    choose(dock, "transform")
    assert preview(dock, qtbot).n_pictures == 6, dock._preview.grid.text
    make(dock, qtbot)
    assert "constant" in dock.message
    assert viewer.layers["flat generated (transform, seed 0)"].data.max() == 0


def test_an_image_without_data_is_a_message(viewer, qtbot):
    viewer.add_image(np.full((24, 24), np.nan), name="void")
    dock = open_dock(viewer, GENERATOR)
    choose(dock, "transform")
    assert "no pixel with data" in preview(dock, qtbot).text
    make(dock, qtbot)
    assert "no pixel with data" in dock.message


def test_color_images_stay_in_color(viewer, qtbot):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (24, 30, 3)).astype(np.uint8)
    viewer.add_image(image, name="rgb", rgb=True)
    dock = open_dock(viewer, GENERATOR)
    choose(dock, "transform")
    assert preview(dock, qtbot).n_pictures == 6, dock._preview.grid.text
    make(dock, qtbot)
    assert viewer.layers["rgb generated (transform, seed 0)"].rgb
    choose(dock, "transform", "example")
    assert preview(dock, qtbot).n_pictures == 6, dock._preview.grid.text
    make(dock, qtbot, size=None)
    varied = viewer.layers["rgb varied (transform, seed 0)"]
    assert varied.rgb
    assert varied.data.shape == (2, 24, 30, 3)


@pytest.mark.parametrize(
    ("axes", "made", "varied"),
    [
        ("cyx", (2, 3, 20, 24), (2, 3, 20, 24)),
        ("tyx", (2, 20, 24), (2, 3, 20, 24)),
        ("zyx", (2, 3, 20, 24), (2, 3, 20, 24)),
        ("nyx", (2, 20, 24), (2, 3, 20, 24)),
    ],
)
def test_stacks_of_all_kinds(viewer, qtbot, axes, made, varied):
    rng = np.random.default_rng(0)
    viewer.add_image(rng.integers(0, 999, (3, 20, 24)).astype(np.uint16), name="it")
    dock = open_dock(viewer, GENERATOR)
    assert "stack" in dock.message
    dock._stack.widget.value = axes
    choose(dock, "transform")
    assert preview(dock, qtbot).n_pictures == 6, dock._preview.grid.text
    make(dock, qtbot, size=None)
    assert viewer.layers["it generated (transform, seed 0)"].data.shape == made
    choose(dock, "transform", "example")
    assert preview(dock, qtbot).n_pictures == 6, dock._preview.grid.text
    make(dock, qtbot, size=None)
    assert viewer.layers["it varied (transform, seed 0)"].data.shape == varied


def test_labels_of_another_shape_are_refused(viewer, dock):
    dock._labels.value = viewer.add_labels(np.zeros((5, 5), int))
    assert "5 x 5" in dock._generate.button.toolTip()


# -- files --------------------------------------------------------------------


def test_a_generator_is_saved_and_loaded(viewer, dock, qtbot, tmp_path):
    make(dock, qtbot)
    dock.save_model(tmp_path / "made")
    finish(dock, qtbot)
    expected = viewer.layers["cells generated (transform, seed 0)"].data.copy()
    viewer.layers.clear()
    choose(dock, "texture")
    dock.load_model(tmp_path / "made.segen")
    finish(dock, qtbot)
    assert "press Generate" in dock.message
    assert dock._form.method.choice.value == "transform"
    make(dock, qtbot)
    assert_array_equal(viewer.layers["generated (transform, seed 0)"].data, expected)


def test_labels_are_offered_with_a_loaded_generator_that_makes_them(
    viewer, dock, qtbot, tmp_path
):
    make(dock, qtbot)
    dock.save_model(tmp_path / "made")
    finish(dock, qtbot)
    dock._labels.value = None
    assert not dock._form.pairs.native.isVisibleTo(dock.native)
    dock.load_model(tmp_path / "made.segen")
    finish(dock, qtbot)
    assert dock._form.pairs.native.isVisibleTo(dock.native)


def test_models_of_other_docks_are_refused(viewer, dock, qtbot, tmp_path):
    make(dock, qtbot)
    dock.save_model(tmp_path / "made")
    finish(dock, qtbot)
    segmenting = run_once(viewer, qtbot)
    segmenting.save_model(tmp_path / "halves")
    finish(segmenting, qtbot)
    model = dock.model
    dock.load_model(tmp_path / "halves.segen")
    finish(dock, qtbot)
    assert "ProbabilisticSegmenter" in dock.message
    assert dock.model is model
    other = open_dock(viewer, CNN)
    other.load_model(tmp_path / "made.segen")
    finish(other, qtbot)
    assert "ImageGenerator" in other.message
    assert other.model is None


def test_a_wrong_entry_in_the_form_is_a_message(viewer, dock, qtbot, monkeypatch):
    def wrong():
        raise ValueError("scale: “x” is not a number.")

    monkeypatch.setattr(dock._form.method, "values", wrong)
    make(dock, qtbot)
    assert "scale" in dock.message
    assert not dock._job.is_running


# -- handing over -------------------------------------------------------------


def test_pairs_are_saved_with_their_recipe(viewer, dock, qtbot, tmp_path):
    assert not dock._save_pairs.button.isEnabled()
    make(dock, qtbot, n=2)
    dock.save_pairs(tmp_path / "pairs")
    finish(dock, qtbot)
    assert "2 images saved" in dock.message
    for kind, what in (("images", ""), ("masks", " labels")):
        files = sorted((tmp_path / "pairs" / kind).iterdir())
        layer = viewer.layers[f"cells generated{what} (transform, seed 0)"]
        assert_array_equal([imread(f) for f in files], layer.data)
    recipe = json.loads((tmp_path / "pairs" / "recipe.json").read_text())
    assert (recipe["method"], recipe["n"]) == ("transform", 2)


def test_pairs_that_are_there_are_not_replaced(viewer, dock, qtbot, tmp_path):
    make(dock, qtbot)
    for _ in range(2):
        dock.save_pairs(tmp_path)
        finish(dock, qtbot)
    assert "Choose another folder" in dock.message


def test_selected_layers_are_saved_in_place_of_the_last(viewer, dock, qtbot, tmp_path):
    make(dock, qtbot, n=3, seed=1)
    make(dock, qtbot, n=2, seed=2)
    wanted = viewer.layers["cells generated (transform, seed 1)"]
    viewer.layers.selection = {wanted}
    dock.save_pairs(tmp_path / "pairs")
    finish(dock, qtbot)
    assert "3 images saved" in dock.message
    assert len(list((tmp_path / "pairs" / "masks").iterdir())) == 3


def test_labels_of_an_earlier_run_are_not_saved_with_new_images(
    viewer, dock, qtbot, tmp_path
):
    make(dock, qtbot)
    dock._labels.value = None
    dock._form.method.field("gain").value = 3.0
    make(dock, qtbot)
    assert "cells generated labels (transform, seed 0)" in viewer.layers
    image = viewer.layers["cells generated (transform, seed 0)"]
    viewer.layers.selection = {image}
    assert "no labels" in dock._train.button.toolTip()
    dock.save_pairs(tmp_path / "pairs")
    finish(dock, qtbot)
    assert not (tmp_path / "pairs" / "masks").exists()


def test_a_dock_that_was_opened_anew_saves_what_is_selected(viewer, dock, qtbot):
    make(dock, qtbot)
    viewer.window.remove_dock_widget(dock.native)
    viewer.layers.selection.clear()
    again = open_dock(viewer, GENERATOR)
    assert not again._save_pairs.button.isEnabled()
    image = viewer.layers["cells generated (transform, seed 0)"]
    viewer.layers.selection = {image}
    assert again._save_pairs.button.isEnabled()
    assert again._train.button.isEnabled()


def test_color_pairs_are_saved_in_color(viewer, qtbot, tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    viewer.add_image(image, name="rgb", rgb=True)
    dock = open_dock(viewer, GENERATOR)
    choose(dock, "transform")
    make(dock, qtbot)
    dock.save_pairs(tmp_path / "pairs")
    finish(dock, qtbot)
    first = imread(tmp_path / "pairs" / "images" / "0000.tif")
    assert_array_equal(np.sort(first.shape), np.sort((32, 40, 3)), err_msg=dock.message)
    assert not (tmp_path / "pairs" / "masks").exists()


@pytest.mark.parametrize("with_real", [True, False])
def test_generated_pairs_reach_the_cnn_dock(viewer, dock, qtbot, with_real):
    make(dock, qtbot, n=3)
    dock._add_real.value = with_real
    dock.train_on_generated()
    cnn = open_dock(viewer, CNN)
    images = [pair.image.name for pair in cnn._pairs.pairs]
    real = ["cells"] if with_real else []
    assert images == [*real, "cells generated (transform, seed 0)"]
    assert cnn._form.unlabelled is None
    assert cnn._train.button.isEnabled(), cnn._train.button.toolTip()
    lesson, _ = cnn._lesson_now()
    read = run(lesson.reading())
    assert [x.shape for x in read[0]] == [(1, 48, 64)] * with_real + [(3, 32, 40)]
    assert lesson.spec.axes == "nyx"
    again = [pair.image.name for pair in cnn._pairs.pairs]
    dock.train_on_generated()
    assert [pair.image.name for pair in cnn._pairs.pairs] == again


def test_a_real_pair_is_offered_where_there_is_one(dock):
    row = dock._add_real.native
    assert row.isVisibleTo(dock.native)
    dock._labels.value = None
    assert not row.isVisibleTo(dock.native)
    choose(dock, "shapes", "shapes")
    assert not row.isVisibleTo(dock.native)


def test_images_without_labels_cannot_be_trained_on(dock, qtbot):
    dock._labels.value = None
    make(dock, qtbot)
    assert "no labels" in dock._train.button.toolTip()


def test_a_check_says_how_far_to_trust_the_images(viewer, dock, qtbot):
    make(dock, qtbot, "48, 64", n=4)
    dock._unseen.value = viewer.add_image(two_halves()[0][::-1], scale=(2, 3))
    dock.check()
    finish(dock, qtbot)
    assert "Spectrum" in dock._checked.text, dock.message
    assert dock._checked.grid.n_pictures >= 2


def test_a_check_needs_images(dock):
    dock.check()
    assert dock._checked.text == ""
