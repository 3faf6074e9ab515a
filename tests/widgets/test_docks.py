"""The docks in a real viewer."""

import os
import subprocess
import sys
import threading

import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QScrollArea, QWidget

from napari_segen.widgets.colors import color_in
from napari_segen.widgets.jobs.steps_worker import THREAD_NAME
from napari_segen.widgets.probabilistic.class_table import ClassTable
from napari_segen.widgets.results import MARK

pytestmark = pytest.mark.viewer

NAMES = ("Probabilistic segmentation", "CNN segmentation", "Image generator")
PROBABILISTIC, CNN, GENERATOR = NAMES


def job_threads():
    return [t for t in threading.enumerate() if t.name == THREAD_NAME]


def open_dock(viewer, name):
    return viewer.window.add_plugin_dock_widget("napari-segen", name)[1]


def finish(dock, qtbot):
    qtbot.waitUntil(lambda: not dock._job.is_running)


def two_halves(shape=(48, 64), dtype=np.uint8):
    """Dark left, bright right, noise on both; strokes on both."""
    rng = np.random.default_rng(0)
    image = rng.normal(60, 8, shape)
    image[..., shape[-1] // 2 :] += 90
    strokes = np.zeros(shape, np.uint8)
    strokes[..., 6:10, 4:16] = 1
    strokes[..., 30:34, 6:20] = 1
    strokes[..., 6:10, -16:-4] = 2
    strokes[..., 30:34, -20:-6] = 2
    return image.astype(dtype), strokes


def painted(viewer, **more):
    image, strokes = two_halves()
    layer = viewer.add_image(image, name="cells", **more)
    return layer, viewer.add_labels(strokes, name="strokes", **more)


# -- every dock ---------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_without_layers_the_main_button_says_what_to_do(viewer, name):
    dock = open_dock(viewer, name)
    button = dock._main.button
    assert not button.isEnabled()
    assert "no image" in dock.message
    assert button.toolTip() == dock.message


@pytest.mark.parametrize("name", NAMES)
def test_every_control_has_a_tooltip(viewer, name):
    check_tooltips(open_dock(viewer, name))


def check_tooltips(dock, least=8):
    controls = [
        w
        for kind in (QAbstractButton, QComboBox, QLineEdit)
        for w in dock.native.findChildren(kind)
        if w.objectName() != "qt_spinbox_lineedit"
    ]
    silent = [w for w in controls if not _tooltip(w, dock.native)]
    assert len(controls) > least
    assert not silent


def _tooltip(widget, top):
    while widget is not None and widget is not top:
        if widget.toolTip():
            return widget.toolTip()
        widget = widget.parentWidget()
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_a_dock_fits_into_300_pixels(viewer, name):
    viewer.add_image(np.zeros((4, 8, 8)), name="an image with quite a long name " * 3)
    check_width(open_dock(viewer, name))


def check_width(dock):
    for fold in dock.native.findChildren(QWidget):
        if type(fold).__name__ == "Fold":
            fold.open()
    inner = dock.native.findChild(QScrollArea).widget()
    assert inner.minimumSizeHint().width() <= 280
    assert dock.native.minimumSizeHint().width() <= 300


@pytest.mark.parametrize("name", NAMES)
def test_lists_of_layers_follow_the_viewer(viewer, name):
    dock = open_dock(viewer, name)
    layer = viewer.add_image(np.zeros((8, 8)), name="first")
    assert dock._image.value is layer
    layer.name = "renamed"
    assert [str(c) for c in dock._image.choices] == ["renamed"]
    viewer.layers.remove(layer)
    assert dock._image.value is None


@pytest.mark.parametrize("name", NAMES)
def test_opening_and_closing_leaves_nothing_running(viewer, child, qtbot, name):
    for _ in range(3):
        dock = open_dock(viewer, name)
        qtbot.wait(250)  # TensorFlow's start is under way
        viewer.window.remove_dock_widget(dock.native)
        qtbot.waitUntil(lambda: dock._is_shut)  # noqa: B023
    qtbot.waitUntil(lambda: not job_threads())
    assert child._docks == 0
    assert not child.is_alive


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_dock_no_longer_listens_to_the_viewer(viewer, qtbot, name):
    dock = open_dock(viewer, name)
    viewer.window.remove_dock_widget(dock.native)
    qtbot.waitUntil(lambda: dock._is_shut)
    viewer.add_image(np.zeros((8, 8)))
    viewer.layers.clear()


def test_a_new_dock_chooses_strokes_and_not_results(viewer, qtbot):
    painted(viewer)
    run_once(viewer, qtbot)
    dock = open_dock(viewer, CNN)
    assert viewer.layers.index("cells classes") < viewer.layers.index("strokes")
    assert dock.labels is viewer.layers["strokes"]
    assert dock.image is viewer.layers["cells"]


def test_a_damaged_model_file_is_a_message(viewer, qtbot, tmp_path):
    path = tmp_path / "broken.segen"
    path.write_bytes(b"PK\x03\x04 not a zip")
    for name in NAMES:
        dock = open_dock(viewer, name)
        dock.load_model(path)
        finish(dock, qtbot)
        assert "broken.segen" in dock.message
        assert dock.model is None


# -- probabilistic ------------------------------------------------------------


def run_once(viewer, qtbot):
    dock = open_dock(viewer, PROBABILISTIC)
    dock.run()
    finish(dock, qtbot)
    return dock


def test_the_mixture_runs_without_strokes(viewer, qtbot):
    image, _ = two_halves()
    viewer.add_image(image, name="cells")
    dock = open_dock(viewer, PROBABILISTIC)
    assert "method that needs none" in dock.message
    assert not dock._run.button.isEnabled()
    dock._method.choice.value = "mixture"
    assert "needs no strokes" in dock.message
    dock._method.field("classes").value = 2
    dock._run.button.click()
    finish(dock, qtbot)
    classes = viewer.layers["cells classes"]
    assert (classes.data[:, :28] == 1).mean() > 0.95
    assert (classes.data[:, 36:] == 2).mean() > 0.95


def test_the_mixture_lists_only_what_it_found(viewer, qtbot):
    painted(viewer)
    viewer.layers["strokes"].data[40:44, 4:10] = 7
    dock = open_dock(viewer, PROBABILISTIC)
    qtbot.waitUntil(lambda: dock._table.values == [1, 2, 7])
    dock._method.choice.value = "mixture"
    dock._method.field("classes").value = 2
    dock.run()
    finish(dock, qtbot)
    assert dock._table.values == [1, 2]
    dock._method.choice.value = "bayes"
    qtbot.waitUntil(lambda: dock._table.values == [1, 2, 7])


@pytest.mark.parametrize("others", [0, 1])
def test_a_removed_image_is_not_replaced_by_a_result(viewer, qtbot, others):
    for i in range(others):
        viewer.add_image(two_halves()[0], name=f"other {i}")
    layer, _ = painted(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    dock._image.value = layer
    dock.run()
    finish(dock, qtbot)
    assert "cells uncertainty" in viewer.layers
    viewer.layers.remove(layer)
    expected = viewer.layers["other 0"] if others else None
    assert dock.image is expected
    assert others or "no image" in dock.message


def test_novelty_is_shown_where_asked_for(viewer, qtbot):
    layer, _ = painted(viewer)
    layer.data[40:44, 40:50] = 255
    dock = run_once(viewer, qtbot)
    assert "cells novelty" not in viewer.layers
    dock._novelty.value = True
    dock.run()
    finish(dock, qtbot)
    novelty = viewer.layers["cells novelty"].data
    assert novelty[40:44, 40:50].min() > np.median(novelty)
    dock.apply_model()
    finish(dock, qtbot)
    assert sum("novelty" in layer.name for layer in viewer.layers) == 1


def test_strokes_become_classes(viewer, qtbot):
    painted(viewer, scale=(0.5, 0.25), units=("um", "um"))
    dock = open_dock(viewer, PROBABILISTIC)
    dock._posterior.value = True
    dock.run()
    finish(dock, qtbot)
    classes = viewer.layers["cells classes"]
    assert "Done" in dock.message
    assert (classes.data[:, :28] == 1).mean() > 0.99
    assert (classes.data[:, 36:] == 2).mean() > 0.99
    assert_array_equal(classes.scale, (0.5, 0.25))
    assert classes.units == viewer.layers["cells"].units
    assert color_in(classes, 2) == color_in(viewer.layers["strokes"], 2)
    names = {x.name for x in viewer.layers}
    assert {"cells uncertainty", "cells probability of class 1"} <= names
    assert classes.metadata[MARK]["provenance"]["trained"]["images"]


def test_new_strokes_lie_on_the_image_with_the_brush_in_hand(viewer):
    image = viewer.add_image(np.zeros((20, 30)), name="cells", scale=(2, 3))
    dock = open_dock(viewer, PROBABILISTIC)
    layer = dock.add_strokes()
    assert layer.data.shape == (20, 30)
    assert_array_equal(layer.scale, image.scale)
    assert layer.mode == "paint"
    assert layer.selected_label == 1
    assert viewer.layers.selection.active is layer
    assert dock.labels is layer


def test_a_class_picked_in_the_table_is_painted(viewer):
    painted(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    dock.native.findChild(ClassTable).picked.emit(2)
    strokes = viewer.layers["strokes"]
    assert (strokes.selected_label, strokes.mode) == (2, "paint")
    assert viewer.layers.selection.active is strokes


def test_names_of_classes_are_shared_with_the_result(viewer, qtbot):
    painted(viewer)
    viewer.layers["strokes"].features = {"index": [0, 2], "class": ["", "bright"]}
    dock = run_once(viewer, qtbot)
    table = viewer.layers["cells classes"].features.set_index("index")["class"]
    assert table[2] == "bright"
    assert dock.model.class_info_[2].name == "bright"


def test_shapes_that_differ_disable_run_and_say_so(viewer):
    viewer.add_image(np.zeros((20, 30)), name="cells")
    viewer.add_labels(np.zeros((10, 10), int), name="others")
    dock = open_dock(viewer, PROBABILISTIC)
    assert not dock._main.button.isEnabled()
    assert "10 x 10" in dock.message
    assert "20 x 30" in dock.message


@pytest.mark.parametrize(
    ("values", "said"),
    [((), "no pixel is labelled"), ((1,), "at least two classes")],
)
def test_too_few_classes_are_a_message(viewer, qtbot, values, said):
    viewer.add_image(two_halves()[0], name="cells")
    strokes = np.zeros((48, 64), np.uint8)
    for value in values:
        strokes[value] = value
    viewer.add_labels(strokes)
    dock = run_once(viewer, qtbot)
    assert said in dock.message
    assert len(viewer.layers) == 2


def test_a_constant_image_is_a_warning_or_a_message(viewer, qtbot):
    viewer.add_image(np.zeros((48, 64)), name="flat")
    viewer.add_labels(two_halves()[1])
    dock = run_once(viewer, qtbot)
    assert "constant" in dock.message


def test_run_pressed_twice_runs_once(viewer, qtbot):
    painted(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    dock.run()
    assert not dock._main.button.isEnabled()
    dock.run()
    finish(dock, qtbot)
    dock.run()
    finish(dock, qtbot)
    assert len([x for x in viewer.layers if "classes" in x.name]) == 1


def test_a_corrected_result_stays_and_the_user_is_told(viewer, qtbot):
    painted(viewer)
    dock = run_once(viewer, qtbot)
    first = viewer.layers["cells classes"]
    first.data_setitem((np.array([0]), np.array([0])), 2)
    dock.run()
    finish(dock, qtbot)
    assert first.data[0, 0] == 2
    assert "You have edited" in dock.message
    assert len([x for x in viewer.layers if "classes" in x.name]) == 2


def test_layers_removed_while_running_still_give_a_result(viewer, qtbot):
    image, strokes = painted(viewer, scale=(2, 3))
    dock = open_dock(viewer, PROBABILISTIC)
    dock.run()
    viewer.layers.remove(image)
    viewer.layers.remove(strokes)
    finish(dock, qtbot)
    assert_array_equal(viewer.layers["cells classes"].scale, (2, 3))


def test_cancel_leaves_the_layers_as_they_were(viewer, qtbot):
    painted(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    dock.run()
    dock._job.cancel()
    finish(dock, qtbot)
    assert "Cancelled" in dock.message
    assert len(viewer.layers) == 2


def test_multiscale_lazy_and_rgb_images_are_read_at_full_resolution(viewer, qtbot):
    image, strokes = two_halves()
    rgb = np.stack([image] * 3, axis=-1)
    viewer.add_image([image, image[::2, ::2]], multiscale=True, name="levels")
    viewer.add_image(da.from_array(image, chunks=16), name="lazy")
    viewer.add_image(rgb, rgb=True, name="colour")
    viewer.add_labels(strokes)
    dock = open_dock(viewer, PROBABILISTIC)
    for name in ("levels", "lazy", "colour"):
        dock._image.value = viewer.layers[name]
        dock.run()
        finish(dock, qtbot)
        assert viewer.layers[f"{name} classes"].data.shape == (48, 64), dock.message


def test_a_stack_is_asked_about_and_each_time_point_segmented(viewer, qtbot):
    image, strokes = two_halves((3, 48, 64))
    viewer.add_image(image, name="movie")
    viewer.add_labels(strokes)
    dock = open_dock(viewer, PROBABILISTIC)
    assert "stack" in dock.message
    dock._stack.widget.value = "tyx"
    assert dock._main.button.isEnabled()
    dock.run()
    finish(dock, qtbot)
    assert viewer.layers["movie classes"].data.shape == (3, 48, 64)


def test_channels_beside_plane_strokes(viewer, qtbot):
    image, strokes = two_halves()
    viewer.add_image(np.stack([image, image[::-1]]), name="two", scale=(1, 2, 3))
    dock = open_dock(viewer, PROBABILISTIC)
    dock._stack.widget.value = "cyx"
    layer = dock.add_strokes()
    layer.data = strokes
    dock.run()
    finish(dock, qtbot)
    assert_array_equal(viewer.layers["two classes"].scale, (2, 3))


def test_a_model_is_saved_loaded_and_applied_to_another_image(viewer, qtbot, tmp_path):
    painted(viewer)
    dock = run_once(viewer, qtbot)
    dock.save_model(tmp_path / "halves")
    finish(dock, qtbot)
    assert "Saved" in dock.message
    other = open_dock(viewer, GENERATOR)
    other.load_model(tmp_path / "halves.segen")
    finish(other, qtbot)
    assert "ProbabilisticSegmenter" in other.message
    dock._model = None
    dock.load_model(tmp_path / "halves.segen")
    finish(dock, qtbot)
    expected = viewer.layers["cells classes"].data
    viewer.add_image(two_halves()[0][:, ::-1], name="mirrored")
    dock._image.value = viewer.layers["mirrored"]
    dock.apply_model()
    finish(dock, qtbot)
    found = viewer.layers["mirrored classes"].data
    assert (found == expected[:, ::-1]).mean() > 0.99


def test_a_place_that_cannot_be_written_loses_nothing(viewer, qtbot, tmp_path):
    painted(viewer)
    dock = run_once(viewer, qtbot)
    model = dock.model
    dock.save_model(tmp_path / "no such folder" / "model.segen")
    finish(dock, qtbot)
    assert "cannot save" in dock.message
    assert "Choose another folder" in dock.message
    assert dock.model is model


def test_a_wrong_entry_in_the_form_is_a_message(viewer):
    painted(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    dock._method.choice.value = "softmax"
    dock._method.field("penalty").value = "much"
    dock.run()
    assert "penalty" in dock.message
    assert not dock._job.is_running


def test_closing_the_viewer_while_running_ends_the_job(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    image, strokes = two_halves((512, 640))
    viewer.add_image(image)
    viewer.add_labels(strokes)
    dock = open_dock(viewer, PROBABILISTIC)
    dock.run()
    qtbot.wait(50)
    viewer.close()
    qtbot.waitUntil(lambda: dock._is_shut)
    qtbot.waitUntil(lambda: not job_threads())


def test_results_of_both_segmenting_docks_stand_side_by_side(viewer, qtbot):
    painted(viewer)
    for name in (PROBABILISTIC, CNN):
        dock = open_dock(viewer, name)
        (dock.train if name == CNN else dock.run)()
        finish(dock, qtbot)
    assert {"cells classes", "cells CNN classes"} <= {x.name for x in viewer.layers}


# -- imports ------------------------------------------------------------------


def test_the_docks_add_no_heavy_import_to_napari():
    code = (
        "import sys, napari, napari.layers, napari.qt.threading; "
        "before = set(sys.modules); "
        "import napari_segen.widgets.probabilistic.dock; "
        "import napari_segen.widgets.cnn.dock, napari_segen.widgets.generator.dock; "
        "new = set(sys.modules) - before; "
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'dask', 'numba', 'skimage', "
        "'matplotlib'} & new))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.stdout.strip() == "[]"
