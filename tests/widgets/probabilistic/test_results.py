"""What the probabilistic dock says about a result, in a real viewer."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from tests.widgets.test_docks import (
    PROBABILISTIC,
    finish,
    open_dock,
    painted,
    run_once,
    two_halves,
)

import napari_segen as ns
from napari_segen.widgets.results import MARK

pytestmark = pytest.mark.viewer


def cell(dock, row, column):
    return dock._table._table.item(row, column).text()


def overlapping(viewer):
    """Two halves that differ so little that frequencies decide many pixels."""
    image, strokes = painted(viewer)
    rng = np.random.default_rng(1)
    data = rng.normal(100, 20, image.data.shape)
    data[:, 32:] += 20
    image.data = data.astype(np.uint8)
    return image, strokes


def set_frequency(dock, value, text):
    dock._frequencies._fields[value].setText(text)


def fractions_shown(viewer):
    return viewer.layers["cells classes"].metadata[MARK]["provenance"]["fractions"]


def test_after_run_score_reason_and_figures_of_the_classes_are_shown(viewer, qtbot):
    painted(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    assert dock._score.native.isHidden()
    assert cell(dock, 0, 3) == "-"
    dock.run()
    finish(dock, qtbot)
    score, method = dock._score.lines
    assert not dock._score.native.isHidden()
    assert score.startswith(f"Held-out strokes: {dock.model.score_};")
    assert method.startswith("Automatic chose softmax")
    labels = viewer.layers["cells classes"].data
    assert fractions_shown(viewer)[1] == np.mean(labels == 1)
    assert cell(dock, 0, 3) == f"{np.mean(labels == 1):.0%}"
    assert cell(dock, 1, 4) == f"{dock.model.score_.recall[1]:.2f}"


def test_one_stroke_a_class_gives_no_score_but_the_reason(viewer, qtbot):
    _, strokes = painted(viewer)
    strokes.data[20:] = 0
    dock = run_once(viewer, qtbot)
    assert "no class has a second stroke" in dock._score.lines[0]
    assert [cell(dock, row, 4) for row in (0, 1)] == ["-", "-"]


def test_figures_go_with_the_strokes_they_are_of(viewer, qtbot):
    painted(viewer)
    dock = run_once(viewer, qtbot)
    dock.add_strokes()
    assert [cell(dock, row, 3) for row in (0, 1)] == ["-", "-"]


def test_a_result_of_strokes_no_longer_chosen_is_not_shown_beside_others(viewer, qtbot):
    painted(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    dock.run()
    dock.add_strokes()
    finish(dock, qtbot)
    assert "cells classes" in viewer.layers
    assert cell(dock, 0, 3) == "-"


def test_frequencies_change_the_result_without_learning(viewer, qtbot):
    overlapping(viewer)
    dock = run_once(viewer, qtbot)
    learnt, before = dock.model.classifier_, fractions_shown(viewer)[1]
    assert "these frequencies" in dock._why_no_update()
    set_frequency(dock, 1, "98")
    assert "1 set" in dock._fold._button.text()
    qtbot.keyClick(dock._frequencies._fields[1], Qt.Key.Key_Return)
    finish(dock, qtbot)
    assert fractions_shown(viewer)[1] > before + 0.1
    assert dock.model.classifier_ is learnt
    assert dock.model.class_prior == pytest.approx({1: 0.98, 2: 0.02})
    assert cell(dock, 0, 3) == f"{fractions_shown(viewer)[1]:.0%}"
    set_frequency(dock, 1, "")
    dock.apply_model()
    finish(dock, qtbot)
    assert fractions_shown(viewer)[1] == before


def test_a_run_takes_the_frequencies_too(viewer, qtbot):
    overlapping(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    set_frequency(dock, 2, "75")
    dock.run()
    finish(dock, qtbot)
    assert dock.model.class_prior == pytest.approx({1: 0.25, 2: 0.75})


def test_a_cancelled_update_leaves_model_and_result_in_agreement(viewer, qtbot):
    overlapping(viewer)
    dock = run_once(viewer, qtbot)
    set_frequency(dock, 1, "98")
    dock.apply_model()
    dock._job.cancel()
    finish(dock, qtbot)
    assert dock.model.class_prior is None
    assert not dock._why_no_update()


@pytest.mark.parametrize("text", ["-3", "much", "100"])
def test_a_wrong_frequency_disables_what_would_use_it_and_says_why(viewer, qtbot, text):
    painted(viewer)
    dock = run_once(viewer, qtbot)
    set_frequency(dock, 1, text)
    reason = dock.message
    assert "requenc" in reason
    assert "class 1" in reason or "class 2" in reason
    using = [a for a in dock._actions if a.button.toolTip() == reason]
    texts = {a.button.text() for a in using if not a.button.isEnabled()}
    assert texts == {"Run", "Apply", "Save…", "Folder…", "Update", "Update result"}


def test_frequencies_and_score_are_in_the_model_file(viewer, qtbot, tmp_path):
    painted(viewer)
    dock = run_once(viewer, qtbot)
    lines = dock._score.lines
    set_frequency(dock, 1, "90")
    dock.save_model(tmp_path / "halves")
    finish(dock, qtbot)
    assert dock.model.class_prior is None  # as in the result that is shown
    path = tmp_path / "halves.segen"
    assert ns.load(path).class_prior == pytest.approx({1: 0.9, 2: 0.1})
    other = open_dock(viewer, PROBABILISTIC)
    other.load_model(path)
    finish(other, qtbot)
    assert other._score.lines == lines
    fields = other._frequencies._fields
    assert [fields[v].text() for v in (1, 2)] == ["90", "10"]
    assert cell(other, 0, 3) == "-"
    assert cell(other, 0, 4) == f"{dock.model.score_.recall[0]:.2f}"


# -- the record -----------------------------------------------------------------


def test_the_copied_script_makes_the_same_bytes_in_a_fresh_process(
    viewer, qtbot, tmp_path
):
    image, strokes = two_halves()
    tifffile.imwrite(tmp_path / "cells.tif", image)
    tifffile.imwrite(tmp_path / "strokes.tif", strokes)
    viewer.open(tmp_path / "cells.tif", plugin="napari", layer_type="image")
    viewer.add_labels(strokes, name="strokes")
    dock = open_dock(viewer, PROBABILISTIC)
    script, methods = (
        next(a for a in dock._actions if a.button.text() == text)
        for text in ("Copy as script", "Methods text")
    )
    assert "press Run" in script.button.toolTip()
    set_frequency(dock, 2, "70")
    dock._posterior.value = True
    dock.run()
    finish(dock, qtbot)
    script.button.click()
    text = QApplication.clipboard().text()
    assert str(tmp_path / "cells.tif") in text
    (tmp_path / "again.py").write_text(text)
    subprocess.run([sys.executable, "again.py"], cwd=tmp_path, check=True, timeout=600)
    labels = viewer.layers["cells classes"].data
    assert tifffile.imread(tmp_path / "labels.tif").tobytes() == labels.tobytes()
    posterior = np.load(tmp_path / "posterior.npy")
    for value, p in enumerate(posterior, 1):
        shown = viewer.layers[f"cells probability of class {value}"].data
        assert p.tobytes() == shown.tobytes()
    methods.button.click()
    assert "softmax" in QApplication.clipboard().text()
    assert "clipboard" in dock.message
    dock.apply_model()
    finish(dock, qtbot)
    script.button.click()
    assert "model.segen" in QApplication.clipboard().text()


def test_an_image_unlike_the_training_is_flagged_when_a_model_is_applied(viewer, qtbot):
    image, _ = painted(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    dock.run()
    finish(dock, qtbot)
    dock.apply_model()
    finish(dock, qtbot)
    assert "unlike" not in dock.message
    image.data = np.full_like(image.data, 60)
    dock.apply_model()
    finish(dock, qtbot)
    assert "This image is unlike the training images" in dock.message
    assert viewer.layers["cells novelty"].data.shape == image.data.shape
    assert dock._outcome[1] == "warning"
