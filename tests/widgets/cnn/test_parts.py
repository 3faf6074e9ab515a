"""Parts of the CNN dock that need no dock: pairs, previews, pixel sizes, tasks."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Labels
from numpy.testing import assert_allclose, assert_array_equal
from tests.widgets.looking import Bench

from napari_segen.cnn.segmenter import CnnSegmenter
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import Show, Step, run
from napari_segen.widgets.cnn import preview as cnn_preview
from napari_segen.widgets.cnn.pairs import LayerPair, why_unusable, with_layer_names
from napari_segen.widgets.cnn.pixel_size import in_unit_of, is_other_size
from napari_segen.widgets.cnn.preview import TrainingPreview
from napari_segen.widgets.cnn.tasks import Lesson, answering_in, drawing_patches
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.layers import Source, remember_axes
from napari_segen.widgets.passing import window_placement

# -- pairs --------------------------------------------------------------------


def pair(shape=(8, 9), name="a", **more):
    image = Image(np.zeros(shape), name=name, **more)
    n = 2 if more.pop("rgb", False) else len(shape)
    return LayerPair(image, Labels(np.zeros(shape[:n], int), name=f"{name} labels"))


def test_layers_names_stand_for_numbers():
    said = with_layer_names(
        "images[1] is unlike images[0]; labels[0], labels[7].", ["a", "b"], ["c"]
    )
    assert said == "“b” is unlike “a”; “c”, labels[7]."


def test_pairs_that_are_alike_can_be_learnt_together():
    assert why_unusable([pair(), pair((20, 30), "b", scale=(1.001, 1))]) == ""


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (pair(name="b", scale=(2, 1)), "“b” has pixels of 2 x 1 pixel, but “a” has"),
        (pair(name="b", units=("um", "um")), "micrometer"),
        (pair((8, 9, 3), "b", rgb=True), "“b” has axes yxc, but “a” has yx"),
        (LayerPair(pair(name="b").image, Labels(np.zeros((3, 3), int))), "3 x 3"),
        (pair((4, 8, 9), "b"), "“b” is a stack"),
    ],
)
def test_a_pair_that_is_unlike_the_first_is_named(other, said):
    assert said in why_unusable([pair(), other])


def test_other_channels_are_named():
    first, second = pair((2, 8, 9), "two"), pair((3, 8, 9), "three")
    flat = [LayerPair(p.image, Labels(np.zeros((8, 9), int))) for p in (first, second)]
    for p in flat:
        remember_axes(p.image, "cyx")
    assert "“three” has 3 channels, but “two” has 2" in why_unusable(flat)


def test_a_window_lies_where_its_pixels_lie():
    layer = Image(
        np.zeros((30, 40)), scale=(2, 3), translate=(5, 6), rotate=30, shear=[0.2]
    )
    place = window_placement(Source.of(layer, "yx"), (7, 8))
    window = Labels(np.zeros((3, 3), int), **place)
    assert_allclose(window.data_to_world((1, 2)), layer.data_to_world((8, 10)))


# -- the preview ----------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch):
    monkeypatch.setattr(cnn_preview, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(cnn_preview, "SHARE", 1e9)
    bench = Bench((30, 40), "yx")
    bench.asked = []
    bench.preview = TrainingPreview(bench.viewer, bench.asked.append)
    bench.preview.begin([bench.source], None)
    return bench


def progress(picture=None):
    return Progress(Step(1, 2, "x"), (), picture)


def answer(bench, value):
    """Let a training answer the last question."""
    bench.preview.on_progress(progress(), may_ask=True)
    shape = [w.stop - w.start for w in bench.asked[-1].window]
    picture = np.full(shape, value, np.uint8)
    bench.preview.on_progress(progress(picture), may_ask=False)


def test_one_question_at_a_time(shown):
    for _ in range(3):
        shown.preview.on_progress(progress(), may_ask=True)
    assert shown.asked == [Show(0, 0, (slice(0, 30), slice(0, 40)))]


def test_pictures_replace_each_other_in_one_layer(shown):
    answer(shown, 1)
    layer = shown.preview.layer
    answer(shown, 2)
    assert shown.preview.layer is layer
    assert (layer.data == 2).all()
    shown.preview.end()
    assert list(shown.viewer.layers) == [shown.layer]


def test_a_late_picture_of_a_switched_off_preview_is_dropped(shown):
    shown.preview.on_progress(progress(), may_ask=True)
    shown.preview.switch(False)
    picture = np.zeros((30, 40), np.uint8)
    shown.preview.on_progress(progress(picture), may_ask=True)
    assert list(shown.viewer.layers) == [shown.layer]
    assert len(shown.asked) == 1


def test_a_picture_of_a_deleted_image_is_dropped(shown):
    shown.preview.on_progress(progress(), may_ask=True)
    shown.viewer.layers.clear()
    picture = np.zeros((30, 40), np.uint8)
    shown.preview.on_progress(progress(picture), may_ask=True)
    assert len(shown.viewer.layers) == 0


def test_pictures_cost_at_most_a_tenth(shown, monkeypatch):
    monkeypatch.setattr(cnn_preview, "SHARE", 0.1)
    clock = [100.0]
    stopped = SimpleNamespace(monotonic=lambda: clock[0])
    monkeypatch.setattr(cnn_preview, "time", stopped)
    shown.preview.on_progress(progress(), may_ask=True)
    clock[0] += 2
    shown.preview.on_progress(progress(np.zeros((30, 40), np.uint8)), may_ask=True)
    clock[0] += 19.9
    shown.preview.on_progress(progress(), may_ask=True)
    assert len(shown.asked) == 1
    clock[0] += 0.2
    shown.preview.on_progress(progress(), may_ask=True)
    assert len(shown.asked) == 2


# -- pixel sizes ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "unit", "other"),
    [
        ((0.5, 0.5), "micrometer", False),
        ((0.58, 0.5), "micrometer", False),
        ((0.7, 0.5), "micrometer", True),
        ((0.5, 0.3), "micrometer", True),
        ((500.0, 500.0), "nanometer", False),
        ((900.0, 900.0), "nanometer", True),
        ((9.0, 9.0), "pixel", False),
        ((9.0, 9.0), "no such unit", False),
    ],
)
def test_pixel_sizes_are_compared_in_one_unit(size, unit, other):
    trained = ImageSpec("yx", (0.5, 0.5), "micrometer")
    assert is_other_size(ImageSpec("yx", size, unit), trained) is other


def test_a_pixel_size_is_written_in_the_models_unit():
    spec = in_unit_of(
        ImageSpec("yx", (1, 1), "micrometer"), ImageSpec("yx", (250, 500), "nanometer")
    )
    assert_allclose(spec.sampling, (0.25, 0.5))
    assert spec.unit == "micrometer"


# -- tasks ----------------------------------------------------------------------


def test_a_network_that_answers_elsewhere_runs_nothing_here():
    model = CnnSegmenter()
    model.classes_ = np.array([1, 2])
    ran = []

    def elsewhere(function, image):
        ran.append((type(function.func.__self__), function.keywords))
        yield Step(0, 1, "there")
        return "posterior"

    spec = ImageSpec("yx")
    far = answering_in(elsewhere, model)
    assert run(far.predict_proba_steps(np.zeros((3, 3)), spec=spec)) == "posterior"
    assert ran == [(CnnSegmenter, {"spec": spec})]
    assert far.classes_ is model.classes_


@pytest.mark.parametrize("rgb", [False, True])
def test_training_patches_become_layers_beside_the_image(rgb):
    rng = np.random.default_rng(0)
    shape = (90, 80, 3) if rgb else (90, 80)
    image = Image(rng.random(shape), rgb=rgb, scale=(2, 2), name="cells")
    marks = np.zeros((90, 80), np.uint8)
    marks[10:14, 5:60], marks[50:54, 5:60], marks[20:24, 5:60] = 1, 2, 1
    lesson = Lesson.of([LayerPair(image, Labels(marks, name="strokes"))], 0)
    made = run(drawing_patches(CnnSegmenter(patch_px=32), lesson, {}))
    patches, labels = (item.result for item in made)
    assert patches.data.shape[1:] == (32, 32, *shape[2:])
    assert labels.data.shape == patches.data.shape[:3]
    assert set(np.unique(labels.data)) <= {0, 1, 2}
    assert patches.attributes["rgb"] is rgb
    layer = Labels(labels.data, **labels.placement)
    assert_array_equal(layer.scale, (1, 2, 2))
    assert layer.translate[-1] > 80 * 2
