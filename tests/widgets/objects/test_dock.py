"""The dock for objects in a real viewer."""

import csv
import json
import subprocess
import sys

import dask.array as da
import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal
from qtpy.QtWidgets import QApplication
from scipy import ndimage
from tests.objects.shapes import ball, two_discs
from tests.widgets.test_docks import (
    PROBABILISTIC,
    check_tooltips,
    check_width,
    finish,
    open_dock,
    painted,
)

import napari_segen as ns
from napari_segen.widgets.layers import remember_axes
from napari_segen.widgets.objects.tools import MERGE, NUMBER, REMOVE, SPLIT
from napari_segen.widgets.parts.record_block import RecordFold
from napari_segen.widgets.results import MARK

pytestmark = pytest.mark.viewer

OBJECTS = "Objects"


def discs():
    """Two discs that touch, a speck, and a ring: class 2; the rest is class 1."""
    left, right = two_discs()
    classes = np.ones((60, 70), np.uint8)
    classes[:40, :60][left | right] = 2
    classes[50, 50] = 2
    ring = ball(classes.shape, (50, 12), 7) & ~ball(classes.shape, (50, 12), 2)
    classes[ring] = 2
    return classes


class Objects:
    """The dock over a layer of classes."""

    def __init__(self, viewer, qtbot, classes=None, axes=None, **more):
        self.viewer, self.qtbot = viewer, qtbot
        data = discs() if classes is None else classes
        self.classes = viewer.add_labels(data, name="classes", **more)
        if axes:
            remember_axes(self.classes, axes)
        self.dock = open_dock(viewer, OBJECTS)
        self.form, self.half = self.dock._finding, self.dock._correcting
        self.tools, self.table = self.half.tools, self.half.table
        self.wait()

    def wait(self):
        def is_idle():
            dock = self.dock
            jobs = (dock._job, self.form._job, self.tools._job, dock._preview._job)
            timers = (dock._preview._look, self.form._timer)
            late = self.half.measuring.is_busy or any(t.isActive() for t in timers)
            return not (late or any(job.is_running for job in jobs))

        self.qtbot.wait(10)
        self.qtbot.waitUntil(is_idle)

    def find(self):
        self.dock._find.button.click()
        self.wait()
        return self.half.layer

    def click(self, *position):
        self.tools.click(position)
        self.wait()

    def column(self, name):
        return self.table.table[name].tolist()


@pytest.fixture
def objects(viewer, qtbot):
    return Objects(viewer, qtbot)


def posterior_of(classes):
    return np.stack([classes == v for v in (1, 2)]).astype(np.float32)


def test_it_fits_into_300_pixels_and_every_control_has_a_tooltip(objects):
    check_width(objects.dock)
    check_tooltips(objects.dock)


def test_opening_and_closing_leaves_nothing_running(viewer, qtbot):
    for _ in range(3):
        dock = open_dock(viewer, OBJECTS)
        viewer.window.remove_dock_widget(dock.native)
        qtbot.waitUntil(lambda: dock._is_shut)  # noqa: B023
    viewer.add_labels(discs())
    viewer.layers.clear()


# -- finding ------------------------------------------------------------------


def test_without_labels_it_says_what_to_do(viewer):
    dock = open_dock(viewer, OBJECTS)
    assert not dock._find.button.isEnabled()
    assert "segment an image first" in dock.message
    assert not dock._correcting._save.button.isEnabled()


def test_the_layer_is_what_the_library_finds(objects):
    assert objects.form._foreground.value == 2
    objects.form._min_size.value = 5
    objects.form._fill_holes.value = 40
    layer = objects.find()
    assert layer.name == "classes objects"
    expected = ns.instances(
        posterior_of(objects.classes.data), foreground=1, min_size=5, fill_holes=40
    )
    assert expected.max() == 3
    assert_array_equal(layer.data, expected)
    assert_array_equal(objects.classes.data, discs())


def test_another_run_updates_the_layer_unless_it_was_edited(objects):
    layer = objects.find()
    objects.form._method.value = "components"
    assert objects.find() is layer
    objects.tools.take(REMOVE)
    objects.click(20, 20)
    edited = layer.data.copy()
    assert objects.find() is not layer
    assert "edited" in objects.dock.message
    assert_array_equal(layer.data, edited)


def test_the_preview_is_the_result_where_it_is_seen(objects):
    before = len(objects.viewer.layers)
    objects.form.preview.value = True
    objects.wait()
    seen = objects.dock._preview.layer
    assert objects.viewer.layers.selection.active is not seen
    whole = seen.data.shape == objects.classes.data.shape
    assert whole
    objects.form._min_size.value = 5
    objects.wait()
    assert objects.dock._preview.layer is seen
    data = seen.data.copy()
    assert_array_equal(objects.find().data, data)
    assert len(objects.viewer.layers) == before + 1  # the preview has gone
    assert not objects.form.preview.value


def test_a_preview_that_is_deleted_stays_away(objects):
    objects.form.preview.value = True
    objects.wait()
    objects.viewer.layers.remove(objects.dock._preview.layer)
    objects.form._min_size.value = 5
    objects.wait()
    assert not objects.form.preview.value
    assert objects.dock._preview.layer is None


def test_nothing_in_sight_has_no_preview(objects):
    objects.form.preview.value = True
    objects.viewer.scene.camera.center = (0, 1e6, 1e6)
    objects.wait()
    assert objects.dock._preview.layer is None
    objects.viewer.reset_view()
    objects.wait()
    assert objects.dock._preview.layer is not None


def test_a_layer_of_ids_or_of_nothing_has_no_classes(objects):
    for data in (np.arange(60 * 70).reshape(60, 70), np.zeros((60, 70), int)):
        objects.classes.data = data
        objects.wait()
        assert "choose another" in objects.dock.message


def test_classes_that_are_painted_are_offered(objects):
    objects.classes.data_setitem((np.array([0]), np.array([0])), 9)
    objects.wait()
    assert 9 in list(objects.form._foreground.choices)


def test_a_stack_is_asked_about_once(viewer, qtbot):
    planes = np.stack([discs(), discs()[::-1]])
    objects = Objects(viewer, qtbot, planes)
    assert "say above" in objects.dock.message
    objects.form.stack.widget.value = "tyx"
    layer = objects.find()
    assert_array_equal(layer.data[0] > 0, discs() == 2)
    assert layer.data[1].max() == layer.data[0].max()
    assert objects.column("t") == [0] * layer.data[0].max() + [1] * layer.data[1].max()


# -- with a boundary ----------------------------------------------------------


@pytest.fixture
def segmented(viewer, qtbot):
    """Classes and probabilities as a run leaves them."""
    _image, strokes = painted(viewer)
    strokes.data[20:24, 30:33] = 3
    dock = open_dock(viewer, PROBABILISTIC)
    dock._method.choice.value = "softmax"
    dock._posterior.value = True
    dock.run()
    finish(dock, qtbot)
    return dock


@pytest.mark.parametrize(
    ("boundary", "specks"), [(None, True), (3, True), (None, False)]
)
def test_probabilities_count_if_each_class_has_a_layer(
    segmented, viewer, qtbot, boundary, specks
):
    dock = open_dock(viewer, OBJECTS)
    form = dock._finding
    qtbot.waitUntil(lambda: not form._job.is_running)
    assert form.layer is viewer.layers["cells classes"]
    form._foreground.value, form._boundary.value = 2, boundary
    form._without_specks.value = specks
    assert not form.lacks_posterior
    dock.find()
    finish(dock, qtbot)
    layer = viewer.layers["cells classes objects"]
    expected = ns.instances(
        segmented.model.predict_proba(viewer.layers["cells"].data),
        foreground=1,
        boundary=None if boundary is None else 2,
        min_odds=8 if specks else 1,
    )
    assert_array_equal(layer.data, expected)
    viewer.layers.remove(viewer.layers["cells probability of class 3"])
    assert form.lacks_posterior
    dock.find()
    finish(dock, qtbot)
    assert "probability of each class" in dock.message


@pytest.mark.parametrize(
    ("boundary", "has_layer"), [(None, True), (3, True), (3, False)]
)
def test_the_script_in_the_metadata_makes_the_same_bytes(
    segmented, viewer, qtbot, tmp_path, boundary, has_layer
):
    if not has_layer:
        viewer.layers.remove(viewer.layers["cells probability of class 3"])
    dock = open_dock(viewer, OBJECTS)
    form = dock._finding
    qtbot.waitUntil(lambda: not form._job.is_running)
    form._foreground.value, form._boundary.value = 2, boundary
    form._min_size.value = 3
    dock.find()
    finish(dock, qtbot)
    layer = viewer.layers["cells classes objects"]
    record = layer.metadata[MARK]["provenance"]
    assert "Objects of the class 2" in record["methods"]
    dock.native.findChild(RecordFold)._copy("script", "A script")
    assert QApplication.clipboard().text() == record["script"]
    assert dock.message == "A script is on the clipboard."
    assert json.dumps(record["objects"])
    tifffile.imwrite(tmp_path / "image.tif", viewer.layers["cells"].data)
    tifffile.imwrite(tmp_path / "strokes.tif", viewer.layers["strokes"].data)
    command = [sys.executable, "-c", record["script"]]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert_array_equal(tifffile.imread(tmp_path / "objects.tif"), layer.data)
    layer.data_setitem((np.array([0]), np.array([0])), 99)
    dock.native.findChild(RecordFold)._copy("script", "A script")
    assert "edited since" in dock.message


def test_classes_that_were_edited_have_no_script(segmented, viewer, qtbot):
    viewer.layers["cells classes"].data_setitem((np.array([0]), np.array([0])), 2)
    dock = open_dock(viewer, OBJECTS)
    qtbot.waitUntil(lambda: not dock._finding._job.is_running)
    dock.find()
    finish(dock, qtbot)
    record = viewer.layers["cells classes objects"].metadata[MARK]["provenance"]
    assert "script" not in record
    assert not dock._finding.classes.posterior


# -- by click -----------------------------------------------------------------


def test_objects_are_merged_split_renumbered_and_removed_and_each_is_undone(objects):
    layer = objects.find()
    start = layer.data.copy()
    left, right = start[20, 12], start[20, 44]
    steps = [
        (MERGE, [(20, 12), (20, 44)], start == right, left),
        (SPLIT, [(20, 12), (20, 44)], None, start.max() + 1),
        (NUMBER, [(50, 17)], start == start[50, 17], start.max() + 2),
        (REMOVE, [(50, 50)], start == start[50, 50], 0),
    ]
    states = [start]
    for tool, clicks, where, value in steps:
        objects.tools.take(tool)
        for at in clicks:
            objects.click(*at)
        now, before = layer.data, states[-1]
        changed = now != before
        assert changed.any(), tool
        assert (now[changed] == value).all()
        if where is not None:
            assert_array_equal(changed, where)
        states.append(now.copy())
    for before in reversed(states[:-1]):
        layer.undo()
        assert_array_equal(layer.data, before)


def test_a_click_on_background_or_outside_changes_nothing(objects):
    layer = objects.find()
    before = layer.data.copy()
    for tool in (MERGE, SPLIT, NUMBER, REMOVE, None):
        objects.tools.take(tool)
        for at in [(1, 1), (-5, 3), (1000, 3)]:
            objects.click(*at)
    assert_array_equal(layer.data, before)


def test_halves_of_two_objects_are_not_split(objects):
    layer = objects.find()
    before = layer.data.copy()
    objects.tools.take(SPLIT)
    objects.click(20, 12)
    objects.click(50, 17)
    assert "must lie in one object" in objects.dock.message
    assert_array_equal(layer.data, before)


def test_in_a_volume_the_preview_is_the_plane_of_the_result(viewer, qtbot):
    shape = (9, 40, 60)
    one = ball(shape, (4, 20, 20), 11, (2, 1, 1))
    other = ball(shape, (4, 20, 37), 12, (2, 1, 1))
    volume = 1 + (one | other).astype(np.uint8)
    objects = Objects(viewer, qtbot, volume, "zyx", scale=(2, 1, 1))
    viewer.dims.set_current_step(0, 4)
    objects.form.preview.value = True
    objects.wait()
    seen = objects.dock._preview.layer.data.copy()
    assert seen.shape == (1, 40, 60)
    assert_array_equal(seen[0], objects.find().data[4])
    assert seen.max() == 2


def test_an_edit_stays_in_its_frame(viewer, qtbot):
    planes = np.stack([discs(), discs()])
    objects = Objects(viewer, qtbot, planes, "tyx")
    layer = objects.find()
    before = layer.data.copy()
    objects.tools.take(REMOVE)
    objects.click(1, 20, 12)
    assert_array_equal(layer.data[0], before[0])
    changed = layer.data[1] != before[1]
    assert_array_equal(changed, before[1] == before[1, 20, 12])


def test_places_are_those_of_the_layer_when_it_is_scaled_and_moved(viewer, qtbot):
    objects = Objects(viewer, qtbot, scale=(0.5, 0.25), translate=(7, -3))
    layer = objects.find()
    label = layer.data[20, 12]
    objects.tools.take(REMOVE)
    objects.click(*layer.data_to_world((20, 12)))
    assert label not in layer.data


def test_a_tool_puts_the_brush_down_and_is_put_down_for_another_layer(objects):
    layer = objects.find()
    objects.viewer.layers.selection.active = layer
    layer.mode = "paint"
    objects.tools.take(REMOVE)
    assert str(layer.mode) == "pan_zoom"
    objects.viewer.layers.selection.active = objects.classes
    assert objects.tools.tool is None
    assert not any(b.isChecked() for b in objects.half._buttons.values())


def test_layers_that_are_not_in_memory_cannot_be_corrected(viewer, qtbot):
    viewer.add_labels(da.from_array(discs()), name="lazy objects")
    dock = open_dock(viewer, OBJECTS)
    dock._correcting.choose(viewer.layers["lazy objects"])
    button = dock._correcting._buttons[MERGE]
    assert not button.isEnabled()
    assert "in memory" in button.toolTip()


# -- the table ----------------------------------------------------------------


def test_the_table_is_what_the_library_measures(viewer, qtbot):
    objects = Objects(viewer, qtbot, scale=(0.5, 0.5), units=("um", "um"))
    image = viewer.add_image(np.arange(60 * 70.0).reshape(60, 70), scale=(0.5, 0.5))
    layer = objects.find()
    objects.half._image.value = image
    objects.wait()
    spec = ns.ImageSpec("yx", (0.5, 0.5), str(layer.units[0]))
    expected = ns.measure(layer.data, image.data, spec)
    assert objects.table.table.equals(expected)
    assert f"{len(expected)} objects; mean area" in objects.half._summary.text()


def test_brightness_of_an_image_of_another_shape_is_not_measured(objects):
    objects.find()
    objects.half._image.value = objects.viewer.add_image(np.zeros((5, 5)))
    objects.wait()
    assert "mean" not in objects.table.table
    assert "another shape" in objects.half._summary.text()


def test_brightness_is_measured_in_each_channel(objects):
    data = np.random.default_rng(0).random((60, 70, 3)).astype(np.float32)
    objects.find()
    objects.half._image.value = objects.viewer.add_image(data, rgb=True)
    objects.wait()
    assert {"mean_0", "mean_1", "mean_2"} <= set(objects.table.table)


def test_the_table_follows_edits_undo_and_redo(objects):
    layer = objects.find()
    before = objects.column("label")
    objects.tools.take(REMOVE)
    objects.click(50, 50)
    after = objects.column("label")
    assert len(after) == len(before) - 1
    layer.undo()
    objects.wait()
    assert objects.column("label") == before
    layer.redo()
    objects.wait()
    assert objects.column("label") == after


def test_a_row_leads_to_its_object_and_an_object_to_its_row(objects):
    layer = objects.find()
    table, model = objects.table, objects.table.model()
    model.sort(1)  # by pixels
    for row in range(model.rowCount()):
        table.selectRow(row)
        assert str(layer.selected_label) == model.text(row, 0)
    objects.tools.take(None)
    objects.viewer.layers.selection.active = layer
    objects.click(20, 12)
    chosen = table.selectionModel().selectedRows()[0].row()
    assert model.text(chosen, 0) == str(layer.data[20, 12])


def test_a_row_brings_its_object_into_sight(viewer, qtbot):
    planes = np.stack([discs(), discs()])
    objects = Objects(viewer, qtbot, planes, "tyx")
    objects.find()
    viewer.dims.set_current_step(0, 0)
    viewer.scene.camera.zoom = 60
    viewer.scene.camera.center = (0, 20, 12)
    labels, frames = objects.column("label"), objects.column("t")
    last = len(labels) - 1
    objects.table.selectRow(last)
    assert frames[last] == 1
    assert viewer.dims.current_step[0] == 1
    layer = objects.half.layer
    inside = layer.data[1] == labels[last]
    expected = ndimage.center_of_mass(inside)
    assert np.allclose(viewer.scene.camera.center[-2:], expected)


def test_the_file_is_what_the_table_shows_in_its_order(objects, tmp_path):
    objects.find()
    model = objects.table.model()
    titles = model.titles
    column = titles.index("area [pixel^2]")
    model.sort(
        column, objects.table.horizontalHeader().sortIndicatorOrder().__class__(1)
    )
    objects.half.save_table(tmp_path / "table")
    with open(tmp_path / "table.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == titles
    shown = [
        [model.index(r, c).data() for c in range(model.columnCount())]
        for r in range(model.rowCount())
    ]
    assert rows[1:] == shown
    areas = [float(r[column]) for r in rows[1:]]
    assert areas == sorted(areas, reverse=True)


def test_a_file_that_cannot_be_written_is_said(objects, tmp_path):
    objects.find()
    objects.half.save_table(tmp_path / "no" / "folder.csv")
    assert "Cannot save the table" in objects.dock.message


def test_no_objects_give_an_empty_table(objects):
    objects.form._min_size.value = 10_000
    objects.find()
    assert objects.table.model().rowCount() == 0
    assert objects.half._summary.text() == "0 objects."


# -- the end ------------------------------------------------------------------


def test_layers_that_are_removed_are_let_go(objects):
    layer = objects.find()
    objects.tools.take(MERGE)
    objects.form.preview.value = True
    objects.wait()
    objects.viewer.layers.remove(layer)
    objects.viewer.layers.remove(objects.classes)
    objects.wait()
    assert objects.tools.tool is None
    assert objects.table.table is None
    assert "segment an image first" in objects.dock.message


def test_a_closed_dock_leaves_nothing_behind(objects):
    objects.find()
    objects.form.preview.value = True
    objects.tools.take(SPLIT)
    callbacks = objects.viewer.mouse_drag_callbacks
    assert objects.tools._clicks._on_press in callbacks
    objects.viewer.window.remove_dock_widget(objects.dock.native)
    objects.qtbot.waitUntil(lambda: objects.dock._is_shut)
    assert objects.tools._clicks._on_press not in callbacks
    assert not [x for x in objects.viewer.layers if "preview" in x.name]
    objects.viewer.layers.clear()
