"""The stress test's section, without a window."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from numpy.testing import assert_array_equal
from tests.widgets import fakes

import napari_segen as ns
from napari_segen.core.labels import Segmentation
from napari_segen.core.steps import Step
from napari_segen.widgets.generator.stress_panel import StressPanel


class Threshold:
    """Class 2 above 100, class 1 below."""

    kind = "probabilistic"
    classes_ = np.array([1, 2])

    def __init__(self, pause=False):
        self._pause = pause

    def check_fitted(self):
        pass

    def segment_steps(self, image, *, spec=None):
        yield Step(0, 1, "thinking")
        if self._pause:
            yield from fakes.endless()
        bright = image.max(axis=-1) > 100 if spec.channel_axis else image > 100
        return Segmentation(None, np.where(bright, 2, 1).astype(np.uint8), None)


class Network(Threshold):
    kind = "cnn"


def scene(shape=(30, 40)):
    image = np.full(shape, 50, np.uint8)
    image[:, 20:] = 150
    bright = image > 100 if len(shape) == 2 else image[..., 0] > 100
    return image, np.where(bright, 2, 1).astype(np.uint8)


@pytest.fixture
def docks():
    return {"CNN segmentation (napari-segen)": SimpleNamespace(model=Threshold())}


@pytest.fixture
def viewer(docks):
    made = ViewerModel()
    object.__setattr__(made, "window", SimpleNamespace(dock_widgets=docks))
    return made


@pytest.fixture
def panel(viewer, qtbot, child):
    image, truth = scene()
    viewer.add_image(image, name="cells", scale=(0.5, 0.5), translate=(3, 4))
    viewer.add_labels(truth, name="truth", scale=(0.5, 0.5), translate=(3, 4))
    made = StressPanel(viewer, child)
    qtbot.addWidget(made)
    yield made
    made.shut_down()


def finish(panel, qtbot):
    qtbot.waitUntil(lambda: not panel._job.is_running)


def test_a_docks_model_is_tested_and_the_curves_fall(panel, qtbot):
    assert panel.message == ""
    panel.run()
    finish(panel, qtbot)
    assert panel.message.startswith("mean IoU 1.00. A tenth of it is lost by noise at")
    assert set(panel._plot.curves) == {
        "noise_iou",
        "blur_iou",
        "contrast_iou",
        "bleaching_iou",
    }
    levels, scores = zip(*panel._plot.curves["bleaching_iou"], strict=True)
    assert levels == (0, 1, 2, 3, 4, 5)
    assert list(scores) == panel.result.iou["bleaching"]
    assert scores[-1] < scores[0]


def test_the_images_are_shown_where_the_source_is(panel, viewer, qtbot):
    assert panel._actions[-1].refresh() == "Run the test first."
    panel.run()
    finish(panel, qtbot)
    images, labels = panel.show_images()
    assert images.data.shape == labels.data.shape == (4, 6, 30, 40)
    assert_array_equal(images.data[0, 0], scene()[0])
    assert_array_equal(labels.data[3, 5], panel.result.predictions["bleaching"][5])
    for layer in (images, labels):
        assert layer in viewer.layers
        np.testing.assert_allclose(layer.scale[2:], (0.5, 0.5))
        np.testing.assert_allclose(layer.translate[2:], (3, 4))
        assert layer.axis_labels[:2] == ("kind", "level")
    assert "First slider: noise, blur, contrast, bleaching" in panel.message


def test_the_middle_of_a_large_image_lies_over_the_middle(
    panel, viewer, qtbot, monkeypatch
):
    monkeypatch.setattr("napari_segen.workflows.stress.KEEP_BYTES", 20_000)
    panel.run()
    finish(panel, qtbot)
    images, _ = panel.show_images()
    rows, columns = panel.result.window
    assert rows.start > 0
    expected = (3 + 0.5 * rows.start, 4 + 0.5 * columns.start)
    np.testing.assert_allclose(images.translate[2:], expected)


def test_colour_images_stay_colour(panel, viewer, qtbot):
    image, truth = scene((30, 40, 3))
    viewer.layers.clear()
    viewer.add_image(image, name="colour", rgb=True)
    viewer.add_labels(truth, name="truth")
    panel.reset_choices()
    panel.run()
    finish(panel, qtbot)
    images, labels = panel.show_images()
    assert images.rgb
    assert images.data.shape == (4, 6, 30, 40, 3)
    assert labels.data.shape == (4, 6, 30, 40)


def test_networks_run_in_their_process(panel, docks, qtbot, child, monkeypatch):
    asked = []
    real = child.run_steps

    def noted(function, *args):
        asked.append(function.__name__)
        return (yield from real(function, *args))

    monkeypatch.setattr(child, "run_steps", noted)
    docks.clear()
    docks["CNN"] = SimpleNamespace(model=Network())
    panel.reset_choices()
    panel.run()
    finish(panel, qtbot)
    assert asked == ["testing_in_child"]
    assert panel.result is not None


def test_a_model_from_a_file_is_chosen_and_a_generator_refused(
    panel, docks, qtbot, tmp_path
):
    image, truth = scene()
    docks.clear()
    ns.ProbabilisticSegmenter().fit(image, truth).save(tmp_path / "seg.segen")
    ns.ImageGenerator("transform").fit(image).save(tmp_path / "gen.segen")
    panel.reset_choices()
    assert "There is no segmenter" in panel.message
    panel.load_model(tmp_path / "gen.segen")
    finish(panel, qtbot)
    assert "gen.segen is a generator" in panel.message
    panel.load_model(tmp_path / "seg.segen")
    finish(panel, qtbot)
    assert isinstance(panel._model.value, ns.ProbabilisticSegmenter)
    assert panel._why_no_run() == ""


def test_cancel_ends_the_test_and_keeps_nothing(panel, docks, qtbot):
    docks.clear()
    docks["slow"] = SimpleNamespace(model=Threshold(pause=True))
    panel.reset_choices()
    panel.run()
    assert "running" in panel._why_no_images()
    panel._job.cancel()
    finish(panel, qtbot)
    assert panel.message == "Cancelled."
    assert panel.result is None


def test_an_error_is_said(panel, viewer, qtbot):
    viewer.layers["truth"].data = viewer.layers["truth"].data * 3
    panel.run()
    finish(panel, qtbot)
    assert "truth has the value 3" in panel.message


def test_what_is_missing_is_said(panel, viewer):
    viewer.layers["truth"].data = np.ones((5, 5), int)
    panel.refresh()
    assert "5 x 5" in panel.message
    viewer.layers.remove("truth")
    panel.reset_choices()
    assert "no labels layer" in panel.message
    viewer.layers.clear()
    panel.reset_choices()
    assert "There is no image" in panel.message


def test_a_layer_removed_while_it_runs_does_no_harm(panel, viewer, qtbot):
    panel.run()
    viewer.layers.clear()
    finish(panel, qtbot)
    images, _ = panel.show_images()
    assert images.name.startswith("cells stress test")
