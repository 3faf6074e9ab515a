"""The dock that applies a model to a folder, in a real viewer."""

import re
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from qtpy.QtCore import QPoint, Qt
from tests.scale.fields import field
from tests.widgets import fakes
from tests.widgets.test_docks import (
    check_tooltips,
    check_width,
    finish,
    open_dock,
    painted,
)

import napari_segen as ns
from napari_segen.core.steps import Step
from napari_segen.widgets.folder import tasks
from napari_segen.widgets.folder.dock import NO_MODEL
from napari_segen.widgets.folder.form import NO_IMAGES, NO_OUT
from napari_segen.widgets.folder.tasks import KEEP, REFUSE, REPLACE, WORDS
from napari_segen.workflows.files import read_image, write_tiff

pytestmark = pytest.mark.viewer

NAME = "Apply to folder"
SPEC = ns.ImageSpec("yx", (0.5, 0.25), "um")


@pytest.fixture(scope="module")
def model():
    image, truth = field(0)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[:, ::3] = np.where(truth > 0, 2, 1)[:, ::3]
    made = ns.ProbabilisticSegmenter("bayes", sigmas=(1.0, 2.0), smoothing=0)
    return made.fit(image, strokes)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "my images é"
    folder.mkdir()
    for i, stem in enumerate(("a", "b ü", "c"), start=1):
        write_tiff(folder / f"{stem}.tif", field(i)[0], SPEC)
    return folder


@pytest.fixture
def dock(viewer, qtbot, model, images):
    made = open_dock(viewer, NAME)
    made.take_model(model)
    made._form._images.value = images
    return made


def press_run(dock, qtbot):
    dock._run.button.click()
    finish(dock, qtbot)


def column(dock, j=0):
    return [dock._rows.item(i, j).text() for i in range(dock._rows.rowCount())]


def open_row(dock, qtbot, i):
    dock._rows.setCurrentCell(i, 0)
    qtbot.keyClick(dock._rows, Qt.Key.Key_Return)
    finish(dock, qtbot)


# ---- the job


def test_all_images_are_segmented_and_listed(dock, qtbot, model, images):
    assert dock._form._out.value == images.with_name("my images é_segmented")
    press_run(dock, qtbot)
    assert "3 of 3 images are done." in dock.message
    for path in images.iterdir():
        labels = read_image(dock._form._out.value / f"{path.stem}_labels.tif").array
        assert_array_equal(labels, model.predict(read_image(path).array, spec=SPEC))
    assert column(dock) == ["a.tif", "b ü.tif", "c.tif"]


def test_the_model_of_a_dock_is_saved_beside_its_results_once(dock, qtbot, model):
    press_run(dock, qtbot)
    path = dock._form._out.value / "model.segen"
    assert_array_equal(ns.load(path).predict(field(9)[0]), model.predict(field(9)[0]))
    before = path.stat().st_mtime_ns
    press_run(dock, qtbot)
    assert "3 of 3 images are done, 3 of them before." in dock.message
    assert path.stat().st_mtime_ns == before
    other = ns.load(path)
    other.fit(*_strokes(5))
    dock.take_model(other)
    press_run(dock, qtbot)
    assert "another model than the dock's" in dock.message
    assert path.stat().st_mtime_ns == before
    dock._form._there.value = REPLACE
    press_run(dock, qtbot)
    assert "3 of 3 images are done." in dock.message
    assert path.stat().st_mtime_ns != before


def _strokes(seed):
    image, truth = field(seed)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[:, ::4] = np.where(truth > 0, 2, 1)[:, ::4]
    return image, strokes


def test_a_model_file_does(viewer, qtbot, model, images, tmp_path):
    model.save(tmp_path / "ö.segen")
    dock = open_dock(viewer, NAME)
    dock.load_model(tmp_path / "ö.segen")
    finish(dock, qtbot)
    assert "ö.segen" in dock._said_model.text()
    dock._form._images.value = images
    press_run(dock, qtbot)
    assert "3 of 3" in dock.message
    assert not (dock._form._out.value / "model.segen").exists()


def test_what_is_asked_for_is_written_and_shown(dock, qtbot, images, tmp_path):
    truth = tmp_path / "truth"
    truth.mkdir()
    for i, path in enumerate(sorted(images.iterdir()), start=1):
        write_tiff(truth / path.name, field(i)[1])
    dock._form._objects.value = 2
    dock._form._measurements.value = dock._form._posterior.value = True
    dock._form._uncertainty.value = True
    dock._form._truth.value = truth
    press_run(dock, qtbot)
    for end in ("objects.tif", "posterior.tif", "uncertainty.tif", "measurements.csv"):
        assert (dock._form._out.value / f"b ü_{end}").exists()
    titles = [dock._rows.horizontalHeaderItem(j).text() for j in range(5)]
    assert titles[:4] == ["image", "flag", "average precision", "objects"]
    assert column(dock, 3) == ["3"] * 3


def test_the_button_of_a_segmenting_dock_brings_its_model(viewer, qtbot, images):
    painted(viewer)
    prob = open_dock(viewer, "Probabilistic segmentation")
    (button,) = [a for a in prob._actions if a.button.text() == "Folder…"]
    assert "no model yet" in button.button.toolTip()
    prob.run()
    finish(prob, qtbot)
    button.button.click()
    dock = open_dock(viewer, NAME)
    assert dock.model is not None
    assert [*dock._form._objects.choices] == [None, 1, 2]
    dock._form._images.value = images
    press_run(dock, qtbot)
    assert "3 of 3" in dock.message


def test_a_network_runs_in_the_process_for_keras(
    dock, qtbot, child, monkeypatch, images
):
    seen = []

    def run_steps(function, request):
        seen.append((function, request))
        yield Step(0, 1, "in the child")
        raise ValueError("choose --resume")

    monkeypatch.setattr(tasks, "needs_tensorflow", lambda _: True)
    child.run_steps = run_steps
    press_run(dock, qtbot)
    ((function, request),) = seen
    assert function is tasks.applying_from_file
    assert request.model_path == dock._form._out.value / "model.segen"
    # The same function, from the file alone, does the work.
    outcome = ns.run(function(request))
    assert len(outcome.rows) == 3
    assert f"choose “{KEEP}”" in dock.message


def test_the_modules_for_the_other_process_import_no_window():
    import subprocess
    import sys

    code = (
        "import napari_segen.widgets.folder.tasks, sys;"
        "sys.exit(bool({'napari', 'qtpy', 'magicgui', 'tensorflow'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- looking at results


def test_a_row_is_opened_as_layers_in_place_of_the_one_before(
    dock, viewer, qtbot, model
):
    dock._form._objects.value = 2
    press_run(dock, qtbot)
    open_row(dock, qtbot, 1)
    names = ["b ü.tif", "b ü.tif labels", "b ü.tif objects"]
    assert [layer.name for layer in viewer.layers] == names
    image, labels, objects = viewer.layers
    assert_array_equal(image.data, field(2)[0])
    assert_array_equal(labels.data, model.predict(field(2)[0], spec=SPEC))
    for layer in viewer.layers:
        assert tuple(layer.scale) == (0.5, 0.25)
        assert str(layer.units[0]) == "micrometer"
    assert objects.visible
    assert not labels.visible
    open_row(dock, qtbot, 2)
    assert viewer.layers[0].name == "c.tif"
    assert len(viewer.layers) == 3


def test_labels_that_were_edited_stay(dock, viewer, qtbot):
    press_run(dock, qtbot)
    open_row(dock, qtbot, 0)
    viewer.layers["a.tif labels"].data[:3] = 2
    open_row(dock, qtbot, 1)
    assert [x.name for x in viewer.layers][:2] == ["a.tif", "a.tif labels"]
    assert len(viewer.layers) == 4
    assert "edited" in dock.message


def test_a_double_click_opens_too_and_a_failed_row_says_why(
    dock, viewer, qtbot, images
):
    (images / "b ü.tif").write_bytes(b"no image")
    press_run(dock, qtbot)
    assert "2 of 3" in dock.message
    assert "b ü.tif is not a TIFF image" in dock.message
    assert column(dock, 1) == ["", "failed", ""]
    assert "not a TIFF" in dock._rows.item(1, 0).toolTip()
    assert dock._rows.item(1, 0).foreground() != dock._rows.item(0, 0).foreground()
    place = dock._rows.visualItemRect(dock._rows.item(0, 0)).center()
    view = dock._rows.viewport()
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=place)
    finish(dock, qtbot)
    assert [x.name for x in viewer.layers] == ["a.tif", "a.tif labels"]
    open_row(dock, qtbot, 1)
    assert "not a TIFF" in dock.message


def test_rows_are_sorted_as_numbers_and_still_open_their_image(dock, viewer, qtbot):
    rows = [
        {"image": f"/x/{n}.tif", "status": "done", "flag": f, "objects": k}
        for n, f, k in (("a", "", 10), ("b", "blank", 9), ("c", "", None))
    ]
    dock._rows.show_rows(rows)
    dock._rows.sortItems(2)
    assert column(dock) == ["b.tif", "a.tif", "c.tif"]
    opened = []
    dock._rows.chosen.disconnect()
    dock._rows.chosen.connect(opened.append)
    dock._rows.setCurrentCell(0, 0)
    dock._rows.open_marked()
    assert opened == [1]


def test_a_picture_of_the_contact_sheet_is_opened_by_a_click(dock, viewer, qtbot):
    press_run(dock, qtbot)
    window = dock.show_sheets()
    page = window.findChild(type(window._pages[0]))
    qtbot.mouseClick(page, Qt.MouseButton.LeftButton, pos=QPoint(2 * 198 + 50, 90))
    finish(dock, qtbot)
    assert viewer.layers[0].name == "c.tif"
    window.close()


def test_an_omezarr_image_is_opened_by_its_levels(
    dock, viewer, qtbot, images, monkeypatch
):
    pytest.importorskip("zarr")
    monkeypatch.setattr("napari_segen.scale.omezarr.labels.COARSEST_PX", 30)
    from tests.scale.conftest import write_image

    write_image(images / "d.zarr", field(4)[0], scale=(0.5, 0.5))
    press_run(dock, qtbot)
    assert "4 of 4" in dock.message
    open_row(dock, qtbot, 3)
    assert [x.name for x in viewer.layers] == ["d.zarr", "d.zarr labels"]
    assert tuple(viewer.layers[1].scale) == (0.5, 0.5)
    # The image has one, the labels have more.
    assert viewer.layers[0].data.shape == (40, 44)
    assert [x.shape for x in viewer.layers[1].data] == [(40, 44), (20, 22)]


# ---- what is missing or goes wrong


def test_what_is_missing_is_said(viewer, qtbot, model, images):
    dock = open_dock(viewer, NAME)
    assert dock.message == NO_MODEL
    dock.take_model(model)
    assert dock.message == NO_IMAGES
    dock._form._images.value = f"{images}/*.tif"
    assert dock.message == NO_OUT
    dock._form._out.value = images.parent / "out"
    assert dock.message == ""
    assert "press Run" in dock._sheet.button.toolTip()
    press_run(dock, qtbot)
    assert "3 of 3" in dock.message


def test_a_generator_is_no_segmenter(viewer, qtbot, tmp_path):
    made = ns.ImageGenerator("transform")
    made.fit(field(0)[0])
    made.save(tmp_path / "g.segen")
    dock = open_dock(viewer, NAME)
    dock.load_model(tmp_path / "g.segen")
    finish(dock, qtbot)
    assert "is a generator" in dock.message
    assert dock.model is None


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda d: [p.unlink() for p in d.iterdir()], "holds no TIFF"),
        (lambda d: (d / "a.png").write_bytes(b""), "the same output name"),
    ],
)
def test_folders_that_cannot_be_done(dock, qtbot, images, make, said):
    make(images)
    press_run(dock, qtbot)
    assert said in dock.message
    assert not dock._form._out.value.exists()


def test_a_model_file_that_went_and_a_place_that_takes_nothing(
    dock, qtbot, model, images, tmp_path
):
    model.save(tmp_path / "m.segen")
    dock.take_model(model, tmp_path / "m.segen")
    (tmp_path / "m.segen").unlink()
    press_run(dock, qtbot)
    assert dock.message == f"No such file or directory: {tmp_path / 'm.segen'}"
    (tmp_path / "taken").write_bytes(b"")
    dock.take_model(model)
    dock._form._out.value = tmp_path / "taken"
    press_run(dock, qtbot)
    assert dock.message.startswith(f"cannot write {tmp_path / 'taken'}: ")
    dock._form._images.value = tmp_path / "nowhere"
    press_run(dock, qtbot)
    assert dock.message == f"no such file or folder: {tmp_path / 'nowhere'}"


def test_a_result_that_went_is_said_when_its_row_is_opened(dock, qtbot, viewer, images):
    press_run(dock, qtbot)
    (dock._form._out.value / "a_labels.tif").unlink()
    (images / "b ü.tif").unlink()
    for i in range(2):
        open_row(dock, qtbot, i)
        assert "No such file" in dock.message
    open_row(dock, qtbot, 2)
    assert len(viewer.layers) == 2


def test_results_over_the_images_are_refused_in_words_of_the_window(
    dock, qtbot, images
):
    dock._form._out.value = images
    press_run(dock, qtbot)
    assert "“results”" in dock.message
    assert "is a folder of inputs" in dock.message


def test_results_of_other_settings_are_refused_or_replaced(dock, qtbot):
    press_run(dock, qtbot)
    dock._form._there.value = REFUSE
    press_run(dock, qtbot)
    assert f"Say “{KEEP}” to keep" in dock.message
    dock._form._there.value = KEEP
    dock._form._objects.value = 2
    press_run(dock, qtbot)
    assert "other settings" in dock.message
    dock._form._there.value = REPLACE
    press_run(dock, qtbot)
    assert "3 of 3" in dock.message


def test_every_option_that_messages_name_has_a_word_in_the_window():
    import argparse
    import inspect

    from napari_segen.scale.folder import command, inputs, options, run, settings

    parser = argparse.ArgumentParser()
    options.add_segment(parser.add_subparsers(), lambda _: None)
    text = "".join(map(inspect.getsource, (command, inputs, run, settings)))
    named = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", text)) - {"--sigma-unit"}
    assert named <= set(WORDS)


def test_cancel_keeps_what_is_complete_and_run_goes_on(dock, qtbot, monkeypatch):
    whole = ns.ProbabilisticSegmenter.segment_steps

    begun = []

    def only_the_first(self, *args, **more):
        begun.append(self)
        while len(begun) > 1:
            time.sleep(0.02)
            yield Step(0, 1, "Slowly")
        return (yield from whole(self, *args, **more))

    monkeypatch.setattr(ns.ProbabilisticSegmenter, "segment_steps", only_the_first)
    dock._run.button.click()
    qtbot.waitUntil(lambda: "2 of 3, b ü.tif" in dock.message)
    assert "would be left" in dock._why_stay()
    dock._job.cancel()
    finish(dock, qtbot)
    monkeypatch.setattr(ns.ProbabilisticSegmenter, "segment_steps", whole)
    assert "Run goes on there" in dock.message
    assert (dock._form._out.value / "a_labels.tif").exists()
    press_run(dock, qtbot)
    assert "3 of 3 images are done, 1 of them before" in dock.message


def test_the_time_left_is_said(dock, qtbot, monkeypatch):
    def halfway(*_):
        while True:
            time.sleep(0.02)
            yield Step(1, 2, "1 of 2, a.tif: Segmenting")

    monkeypatch.setattr("napari_segen.widgets.folder.dock.applying_to_folder", halfway)
    dock._run.button.click()
    dock._began -= 100_000
    qtbot.waitUntil(lambda: "left. 1 of 2" in dock.message)
    assert "About 28 h left" in dock.message
    dock._job.cancel()
    finish(dock, qtbot)


def test_closed_while_it_runs(dock, viewer, qtbot, monkeypatch):
    def endless(*_):
        yield from fakes.endless()

    monkeypatch.setattr("napari_segen.widgets.folder.dock.applying_to_folder", endless)
    dock._run.button.click()
    qtbot.waitUntil(lambda: dock._job.is_running)
    dock.shut_down()
    assert not dock._job.is_running


def test_it_fits_and_every_control_has_a_tooltip(dock, viewer, qtbot):
    press_run(dock, qtbot)
    check_width(dock)
    check_tooltips(dock)
    viewer.window.remove_dock_widget(dock.native)
    qtbot.waitUntil(lambda: dock._is_shut)
