"""The dock in which a network is trained, in a real viewer; the network is a fake."""

import sys
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMessageBox, QPushButton
from tests.widgets import fakes
from tests.widgets.test_docks import (
    CNN,
    GENERATOR,
    finish,
    open_dock,
    painted,
    two_halves,
)

from napari_segen.core.child import Child, ChildDied
from napari_segen.core.steps import FINISH, PAUSE, RESUME, Show
from napari_segen.widgets.colors import color_in
from napari_segen.widgets.jobs.keras_child import keras_child, replaced_child
from napari_segen.widgets.results import MARK

pytestmark = pytest.mark.viewer
LONG = 100_000


@pytest.fixture
def dock(viewer, child):
    painted(viewer)
    made = open_dock(viewer, CNN)
    yield made
    made._job.shut_down()


def begin(dock, qtbot):
    """Train for longer than any test; returns when it learns."""
    keras_child().wait = LONG
    dock.train()
    qtbot.waitUntil(lambda: bool(dock._plot.curves))


def second_pair(viewer, shape=(48, 64), **more):
    image, strokes = two_halves(shape)
    image = viewer.add_image(image[::-1], name="others", **more)
    return image, viewer.add_labels(strokes[::-1], name="their strokes", **more)


def choose(dock, image, labels):
    dock._image.value, dock._labels.value = image, labels


# -- training -----------------------------------------------------------------


def test_a_trained_network_shows_its_classes_and_curves(viewer, child, dock, qtbot):
    child.wait = 5
    dock.train()
    finish(dock, qtbot)
    assert "cells CNN classes" in viewer.layers
    assert [at for at, _ in dock._plot.curves["loss"]] == [0, 0.02, 0.04, 0.06, 0.08]
    assert "5 steps; stopped" in dock.message


def test_a_result_says_how_it_came_about(viewer, dock, qtbot):
    dock.train()
    finish(dock, qtbot)
    record = viewer.layers["cells CNN classes"].metadata[MARK]["provenance"]
    assert 'ns.load("model.segen")' in record["script"]
    assert "flips=False" in record["script"]
    dock._form._prediction.flips.value = True
    dock.apply_model()
    finish(dock, qtbot)
    record = viewer.layers["cells CNN classes"].metadata[MARK]["provenance"]
    assert "flips=True" in record["script"]
    assert "convolutional network" in record["methods"]
    assert dock._result_layer() is viewer.layers["cells CNN classes"]


def test_the_end_says_how_the_pixel_classifier_does(dock, qtbot):
    dock.train()
    finish(dock, qtbot)
    assert "Done: “cells CNN classes”" in dock.message
    assert "Held-out IoU 0.71 from 6 blocks" in dock.message
    assert "has 0.86: use that" in dock.message
    assert dock._outcome[1] == "warning"


def test_cancelling_the_comparison_keeps_the_results(viewer, dock, qtbot, monkeypatch):
    monkeypatch.setattr(
        "napari_segen.workflows.comparison.comparison_steps", fakes.comparing_forever
    )
    dock.train()
    qtbot.waitUntil(lambda: dock.message == "working")
    assert "cells CNN classes" in viewer.layers
    dock._job.cancel()
    finish(dock, qtbot)
    assert "Done: “cells CNN classes”" in dock.message
    assert "was cancelled" in dock.message
    assert dock.model is not None


def test_a_failed_comparison_is_a_remark_and_no_error(viewer, dock, qtbot, monkeypatch):
    def fail(*args, **more):
        yield from fakes.failing(ValueError("odd"))

    monkeypatch.setattr("napari_segen.workflows.comparison.comparison_steps", fail)
    dock.train()
    finish(dock, qtbot)
    assert "Done" in dock.message
    assert "No comparison with the pixel classifier: odd" in dock.message
    assert "cells CNN classes" in viewer.layers


def test_painting_and_renaming_while_running_change_nothing_of_that_run(
    viewer, child, dock, qtbot
):
    image, strokes = viewer.layers["cells"], viewer.layers["strokes"]
    before = strokes.data.copy()
    begin(dock, qtbot)
    strokes.data_setitem((np.arange(20), np.arange(20)), 3)
    image.name = "renamed"
    dock._job.finish()
    finish(dock, qtbot)
    assert_array_equal(child.learnt_from, [before])
    assert "renamed CNN classes" in viewer.layers
    assert (strokes.data == 3).sum() == 20


def test_layers_deleted_while_training_still_give_a_result(viewer, dock, qtbot):
    begin(dock, qtbot)
    viewer.layers.clear()
    dock._job.finish()
    finish(dock, qtbot)
    assert "cells CNN classes" in viewer.layers
    assert dock.model is not None


def test_stop_keeps_the_best_so_far(viewer, dock, qtbot):
    assert not dock._stop.button.isEnabled()
    begin(dock, qtbot)
    dock._stop.button.click()
    assert not dock._stop.button.isEnabled()
    finish(dock, qtbot)
    assert dock.model is not None
    assert "cells CNN classes" in viewer.layers


def test_pause_and_resume_lose_no_point_of_the_curves(child, dock, qtbot):
    begin(dock, qtbot)
    dock._pause.button.click()
    assert dock._pause.button.text() == "Resume"
    qtbot.waitUntil(lambda: dock.message == "Paused")
    n = len(dock._plot.curves["loss"])
    qtbot.wait(200)
    assert len(dock._plot.curves["loss"]) == n
    dock._pause.button.click()
    qtbot.waitUntil(lambda: len(dock._plot.curves["loss"]) > n + 3)
    dock._stop.button.click()
    finish(dock, qtbot)
    commands = [order for order in child.orders if not isinstance(order, Show)]
    assert commands == [PAUSE, RESUME, FINISH]
    times = [at for at, _ in dock._plot.curves["loss"]]
    assert_array_equal(times, np.arange(len(times)) / 50)
    assert dock._pause.button.text() == "Pause"


@pytest.mark.parametrize("end", ["_stop", "_cancel"])
def test_a_paused_training_can_be_ended(dock, qtbot, end):
    begin(dock, qtbot)
    dock._pause.button.click()
    qtbot.waitUntil(lambda: dock.message == "Paused")
    if end == "_stop":
        dock._stop.button.click()
    else:
        dock._job.cancel()
    finish(dock, qtbot)
    assert (dock.model is not None) is (end == "_stop")
    assert dock._main.button.isEnabled()


def test_continue_goes_on_from_the_model_of_the_dock(child, dock, qtbot):
    assert "press Train" in dock._continue.button.toolTip()
    dock.train()
    finish(dock, qtbot)
    first = dock.model
    first.params = type(first.params)(filters=8)
    dock.train_on()
    finish(dock, qtbot)
    assert dock.model is not first
    assert dock.model.params == first.params
    assert dock._plot.curves["loss"] == [(0.1, 0.5)]


def test_epochs_are_asked_for_where_they_are_the_limit(dock):
    assert not dock._form.epochs.visible
    assert dock._form.model().training.time_limit_s == 60
    dock._form.budget.value = dock._form.budget.choices[-1]
    dock._form.epochs.value = 7
    training = dock._form.model().training
    assert (training.epochs, training.time_limit_s) == (7, None)


def test_objects_need_no_word_on_zero_and_know_no_classes(viewer, child, dock, qtbot):
    dock._form.task.value = "instances"
    assert dock._form.unlabelled is None
    assert not dock._form.zero.visible
    assert dock._form.model().task == "instances"


def test_the_pixel_classifier_teaches_where_strokes_leave_gaps(child, dock, qtbot):
    dock._form._teacher.value = True
    dock.train()
    finish(dock, qtbot)
    assert dock._form.wants_teacher
    dock._form.zero.value = -1
    assert not dock._form._teacher.enabled
    assert "strokes only" in dock._form._teacher.tooltip
    assert not dock._form.wants_teacher


# -- pairs --------------------------------------------------------------------


def test_all_pairs_of_the_list_are_learnt_from(viewer, child, dock, qtbot):
    dock.add_pair()
    assert "is in the list" in dock._add_pair.button.toolTip()
    choose(dock, *second_pair(viewer))
    dock.add_pair()
    dock.train()
    finish(dock, qtbot)
    assert len(child.learnt_from) == 2
    assert_array_equal(child.learnt_from[1], viewer.layers["their strokes"].data)
    assert "others CNN classes" in viewer.layers


def test_a_pair_can_be_taken_out_again(viewer, dock):
    dock.add_pair()
    label, button = dock._pairs._rows[0]
    assert "cells" in label.text()
    button.click()
    assert dock._pairs.pairs == []
    assert not dock._pairs.isVisible()


def test_a_pair_whose_layer_is_deleted_leaves_the_list_with_a_word(viewer, dock):
    dock.add_pair()
    choose(dock, *second_pair(viewer))
    dock.add_pair()
    viewer.layers.remove("strokes")
    assert [p.image.name for p in dock._pairs.pairs] == ["others"]
    assert "“cells”" in dock.message
    assert "removed" in dock.message


def test_rows_follow_the_names_of_layers(viewer, dock):
    dock.add_pair()
    viewer.layers["cells"].name = "embryo"
    assert "embryo" in dock._pairs._rows[0][0].text()


def test_other_channels_and_pixel_sizes_are_refused_by_name(viewer, dock):
    dock.add_pair()
    image = two_halves()[0]
    colour = viewer.add_image(np.stack([image] * 3, -1), rgb=True, name="colour")
    choose(dock, colour, viewer.layers["strokes"])
    assert "“colour” has axes yxc, but “cells” has yx" in dock._why_no_pair()
    other = second_pair(viewer, scale=(2, 2))
    choose(dock, *other)
    assert "“others” has pixels of 2 x 2 pixel" in dock._why_no_pair()
    other[0].scale = (1, 1)
    dock.add_pair()
    other[0].scale = (3, 3)
    dock.refresh()
    assert "“others” has pixels of 3 x 3" in dock._main.button.toolTip()
    assert not dock._main.button.isEnabled()


def test_errors_name_layers_and_not_numbers(viewer, child, dock, qtbot):
    dock.add_pair()
    choose(dock, *second_pair(viewer))
    dock.add_pair()
    child.error = ValueError("images[1] is empty, labels[0] not.")
    dock.train()
    finish(dock, qtbot)
    assert dock.message == "“others” is empty, “strokes” not."


def test_a_network_for_volumes_refuses_planes(dock, monkeypatch):
    monkeypatch.setattr(dock._form.network.method_class, "ndim", 3)
    dock.refresh()
    assert "no depth" in dock._main.button.toolTip()


# -- the live preview -----------------------------------------------------------


def wait_for_preview(dock, qtbot):
    qtbot.waitUntil(lambda: dock._preview.layer is not None)
    return dock._preview.layer


def test_a_preview_shows_the_visible_part_and_goes_with_the_result(
    viewer, child, dock, qtbot
):
    viewer.layers["cells"].translate = (5, 7)
    viewer.layers["cells"].scale = (2, 3)
    viewer.reset_view()
    begin(dock, qtbot)
    layer = wait_for_preview(dock, qtbot)
    assert layer.name == "cells CNN preview"
    assert layer.data.shape == (48, 64)
    assert_array_equal(layer.translate, (5, 7))
    assert_array_equal(layer.scale, (2, 3))
    assert (layer.data == 2).all()
    assert color_in(layer, 2) == color_in(viewer.layers["strokes"], 2)
    assert layer not in dock._labels.choices
    dock._job.finish()
    finish(dock, qtbot)
    assert layer not in viewer.layers
    assert "cells CNN classes" in viewer.layers


def test_a_preview_of_a_part_lies_where_the_part_is(viewer, dock, qtbot, monkeypatch):
    monkeypatch.setattr("napari_segen.widgets.cnn.preview.LEAST_SECONDS", 0.1)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 0), 40
    begin(dock, qtbot)
    layer = wait_for_preview(dock, qtbot)
    assert_array_equal(layer.translate, (0, 0))
    assert layer.data.shape < (48, 64)
    viewer.scene.camera.center = (40, 40)
    qtbot.waitUntil(lambda: layer.translate[0] > 20)
    assert dock._preview.layer is layer


def test_a_deleted_preview_stays_away_until_the_next_training(
    viewer, dock, qtbot, monkeypatch
):
    monkeypatch.setattr("napari_segen.widgets.cnn.preview.LEAST_SECONDS", 0.1)
    begin(dock, qtbot)
    viewer.layers.remove(wait_for_preview(dock, qtbot))
    qtbot.wait(500)
    assert "cells CNN preview" not in viewer.layers
    dock._job.cancel()
    finish(dock, qtbot)
    begin(dock, qtbot)
    wait_for_preview(dock, qtbot)


def test_the_preview_can_be_switched_off_and_on(viewer, dock, qtbot, monkeypatch):
    monkeypatch.setattr("napari_segen.widgets.cnn.preview.LEAST_SECONDS", 0.1)
    dock._show_preview.value = False
    begin(dock, qtbot)
    qtbot.wait(300)
    assert "cells CNN preview" not in viewer.layers
    dock._show_preview.value = True
    wait_for_preview(dock, qtbot)
    dock._show_preview.value = False
    assert "cells CNN preview" not in viewer.layers


def test_no_preview_where_the_image_is_hidden_or_out_of_sight(
    viewer, dock, child, qtbot
):
    viewer.layers["cells"].visible = False
    begin(dock, qtbot)
    qtbot.wait(200)
    viewer.layers["cells"].visible = True
    viewer.scene.camera.center = (10_000, 10_000)
    qtbot.wait(200)
    assert not [order for order in child.orders if isinstance(order, Show)]


# -- closing, crashing ------------------------------------------------------------


def close_dock(dock, answer):
    """Press the dock's X and answer the question; returns what was asked."""
    asked = []

    def reply():
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            asked.append(box.text())
            box.button(answer).click()

    QTimer.singleShot(300, reply)
    place = dock.native.parent()
    place.titleBarWidget().findChild(QPushButton, "QTitleBarCloseButton").click()
    return asked


def test_closing_the_dock_while_training_asks_first(viewer, child, dock, qtbot):
    begin(dock, qtbot)
    wait_for_preview(dock, qtbot)
    assert "would be lost" in close_dock(dock, QMessageBox.StandardButton.No)[0]
    qtbot.wait(50)
    assert dock._job.is_running
    assert len(close_dock(dock, QMessageBox.StandardButton.Yes)) == 1
    qtbot.waitUntil(lambda: dock._is_shut)
    qtbot.waitUntil(lambda: "napari-segen job" not in thread_names())
    assert child._docks == 0
    assert "cells CNN preview" not in viewer.layers


def thread_names():
    return [t.name for t in threading.enumerate()]


def test_closing_an_idle_dock_asks_nothing(dock, qtbot):
    assert close_dock(dock, QMessageBox.StandardButton.No) == []
    qtbot.waitUntil(lambda: dock._is_shut)


def test_closing_the_viewer_while_training_ends_it(viewer, dock, qtbot):
    begin(dock, qtbot)
    wait_for_preview(dock, qtbot)
    viewer.close()
    qtbot.waitUntil(lambda: dock._is_shut)
    qtbot.waitUntil(lambda: "napari-segen job" not in thread_names())


@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_no_checkpoint_is_left_where_nothing_crashed(
    dock, qtbot, checkpoint_folder, end
):
    begin(dock, qtbot)
    assert len(list(checkpoint_folder.iterdir())) == 1
    getattr(dock._job, end)()
    finish(dock, qtbot)
    assert list(checkpoint_folder.iterdir()) == []
    assert not dock._offer.isVisibleTo(dock.native)


def test_a_crashed_process_leaves_an_offer_to_go_on(child, dock, qtbot, monkeypatch):
    monkeypatch.setattr(
        "napari_segen.widgets.cnn.checkpoints.read",
        lambda path: fakes.checkpoint(path),
    )
    child.error = ChildDied("The process has ended.")
    dock.train()
    finish(dock, qtbot)
    assert "has ended" in dock.message
    assert dock._offer.isVisibleTo(dock.native)
    assert "12 steps" in dock._offer.text
    left = child.options["checkpoint"]
    left.write_bytes(b"the best so far")
    child.error = None
    dock.train()
    finish(dock, qtbot)
    assert left.exists()


# -- other images -------------------------------------------------------------


def is_offered(dock):
    return dock._rescale.native.isVisibleTo(dock.native)


def test_another_pixel_size_offers_to_rescale(viewer, child, dock, qtbot):
    dock.train()
    finish(dock, qtbot)
    assert not is_offered(dock)
    image, _ = second_pair(viewer, scale=(1.1, 1.1))
    dock._image.value = image
    assert not is_offered(dock)
    image.scale = (2, 2)
    dock.refresh()
    assert is_offered(dock)
    dock.apply_model()
    finish(dock, qtbot)
    assert child.options["rescale"] is True
    dock._rescale.value = False
    dock.apply_model()
    finish(dock, qtbot)
    assert "rescale" not in child.options


# -- the process ------------------------------------------------------------------


def test_the_user_sees_tensorflow_start(viewer, qtbot):
    dock = open_dock(viewer, CNN)
    qtbot.waitUntil(lambda: "TensorFlow ready" in dock._keras.text())


def test_a_child_killed_in_the_middle_is_a_message(make_napari_viewer, qtbot):
    made = fakes.ElsewhereChild(fakes.endless)
    with replaced_child(made):
        viewer = make_napari_viewer()
        painted(viewer)
        dock = open_dock(viewer, CNN)
        dock._warm_up.shut_down()
        dock.train()
        qtbot.waitUntil(lambda: "working" in dock.message)
        made._child._process.kill()
        finish(dock, qtbot)
        assert "has ended" in dock.message
        assert "untouched" in dock.message
        assert len(viewer.layers) == 2
        assert dock._main.button.isEnabled()
        viewer.close()


def test_a_missing_tensorflow_is_a_message_with_the_remedy(make_napari_viewer, qtbot):
    made = fakes.ElsewhereChild(fakes.without_tensorflow)
    with replaced_child(made):
        viewer = make_napari_viewer()
        painted(viewer)
        dock = open_dock(viewer, CNN)
        dock._warm_up.shut_down()
        dock.train()
        finish(dock, qtbot)
        assert "pip install tensorflow" in dock.message
        viewer.close()
    assert not made.is_alive


def test_two_docks_share_one_process_and_wait_for_each_other(viewer, child, qtbot):
    painted(viewer)
    first, second = open_dock(viewer, CNN), open_dock(viewer, GENERATOR)
    assert first._child is second._child is child
    assert keras_child() is child
    assert isinstance(child._child, Child)


def test_a_real_network_trains_beside_the_viewer(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    painted(viewer)
    dock = open_dock(viewer, CNN)
    form = dock._form.network._forms["unet"]
    form["filters"].value, form["depth"].value = 4, 1
    dock._form._training["max_steps"].value = "12"
    dock._form._training["patch_px"].value = "32"
    dock.train()
    finish(dock, qtbot)
    assert "cells CNN classes" in viewer.layers, dock.message
    assert dock._child.is_alive
    assert "tensorflow" not in sys.modules
    viewer.close()
    qtbot.waitUntil(lambda: not dock._child.is_alive)
