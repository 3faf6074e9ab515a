"""Runs on images that count as huge, in a real viewer."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget
from tests.widgets.test_docks import PROBABILISTIC, finish, open_dock, two_halves

import napari_segen as ns
from napari_segen.core.sparse import SparseLabels
from napari_segen.widgets.huge.dock import TOO_HUGE
from napari_segen.widgets.huge.runs import where_to_write
from napari_segen.widgets.layers import level_zero
from napari_segen.widgets.sparse.layer import strokes_in

zarr = pytest.importorskip("zarr")

pytestmark = pytest.mark.viewer


class Lazy:
    """An image that can only be sliced."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.size = array.size

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        return self.array[key]


@pytest.fixture(autouse=True)
def everything_is_huge(monkeypatch):
    monkeypatch.setattr("napari_segen.widgets.layers.MOST_PIXELS", 100)
    monkeypatch.setattr("napari_segen.probabilistic.lazyframe.WHOLE_BYTES", 0)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the user was asked; the answer is a folder."""
    texts = []

    def answer(parent, text):
        texts.append(text)
        return str(tmp_path / "out")

    monkeypatch.setattr("napari_segen.widgets.huge.runs.where_to_write", answer)
    return texts


def painted_dock(viewer, image, strokes):
    viewer.add_image(image, name="slide.tif")
    dock = open_dock(viewer, PROBABILISTIC)
    layer = dock.add_strokes()
    strokes_in(layer)[...] = strokes
    dock._table._soon()
    return dock, layer


def wait_for_classes(dock, qtbot):
    qtbot.waitUntil(lambda: len(dock._table.counts) == 2)


def test_a_run_says_what_it_takes_and_writes_the_labels_of_the_whole(
    viewer, qtbot, asked, tmp_path
):
    image, strokes = two_halves()
    dock, layer = painted_dock(viewer, Lazy(image), strokes)
    assert isinstance(strokes_in(layer), SparseLabels)
    wait_for_classes(dock, qtbot)
    dock.run()
    qtbot.waitUntil(lambda: "Done in" in dock.message)
    assert len(asked) == 1
    for said in ("megapixels", "of memory", "on disk"):
        assert said in asked[0]
    path = tmp_path / "out" / "slide.zarr" / "labels" / "classes"
    found = zarr.open_array(path / "0", mode="r")[:]
    model = ns.ProbabilisticSegmenter().fit(image, strokes)
    assert_array_equal(found, model.predict(image))
    result = viewer.layers["slide.tif classes"]
    assert_array_equal(np.asarray(level_zero(result)), found)
    assert not result.editable
    assert viewer.layers.selection.active is layer
    # The model is there, and a second run has its own name.
    dock.apply_model()
    finish(dock, qtbot)
    qtbot.waitUntil(lambda: "classes-2" in dock.message)


def test_without_a_folder_nothing_is_written(viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_segen.widgets.huge.runs.where_to_write", lambda *_: "")
    image, strokes = two_halves()
    dock, _ = painted_dock(viewer, image, strokes)
    wait_for_classes(dock, qtbot)
    dock.run()
    qtbot.waitUntil(lambda: "Nothing was written" in dock.message)
    assert dock.model is not None
    assert len(viewer.layers) == 2


def test_cancel_leaves_no_trace(viewer, qtbot, asked, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_segen.scale.parts.PART_BYTES", 4 * 3 * 16 * 16)
    image, strokes = two_halves()
    dock, _ = painted_dock(viewer, image, strokes)
    wait_for_classes(dock, qtbot)
    dock._job.progressed.connect(
        lambda p: dock._job.cancel() if "Labelling:" in p.step.text else None
    )
    dock.run()
    qtbot.waitUntil(lambda: "Cancelled" in dock.message)
    qtbot.waitUntil(lambda: not list((tmp_path / "out").rglob("*classes*")))
    assert dock.model is not None


@pytest.mark.parametrize("is_wanted", [True, False])
def test_the_question_can_be_answered_and_declined(qtbot, monkeypatch, is_wanted):
    asked = []

    def shown(box):
        asked.append(box.text())
        button = next(b for b in box.buttons() if ("Choose" in b.text()) == is_wanted)
        button.click()

    monkeypatch.setattr(QMessageBox, "exec", shown)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/somewhere")
    parent = QWidget()
    qtbot.addWidget(parent)
    wanted = "/somewhere" if is_wanted else ""
    assert where_to_write(parent, "Labelling takes an hour.") == wanted
    assert asked == ["Labelling takes an hour."]


def test_a_method_that_looks_at_everything_is_refused(viewer, qtbot):
    image, strokes = two_halves()
    dock, _ = painted_dock(viewer, image, strokes)
    dock._method.choice.value = "mixture"
    assert dock._why_no_fit() == TOO_HUGE
