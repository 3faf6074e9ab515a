"""Small things that a user of a dock would trip over, in a real viewer."""

import time
from functools import partial

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QLineEdit, QMessageBox
from tests.widgets import fakes
from tests.widgets.test_docks import CNN, PROBABILISTIC, open_dock, painted

from napari_segen.core.steps import run
from napari_segen.widgets.jobs.keras_child import replaced_child
from napari_segen.widgets.model_files import loading_model

pytestmark = pytest.mark.viewer


class WarmedChild(fakes.ElsewhereChild):
    """Warms up at once in its process; every other job there does not answer."""

    def __init__(self):
        super().__init__(partial(fakes.deaf, partial(time.sleep, 60)))
        self.n_warm_ups = 0

    def warm_up_steps(self):
        self.n_warm_ups += 1
        yield from self._child.run_steps(fakes.no_warm_up)


def test_after_a_cancel_tensorflow_starts_again_by_itself(make_napari_viewer, qtbot):
    made = WarmedChild()
    with replaced_child(made):
        viewer = make_napari_viewer()
        painted(viewer)
        dock = open_dock(viewer, CNN)
        qtbot.waitUntil(lambda: made.is_alive)
        qtbot.waitUntil(lambda: not dock._warm_up.is_running)
        dock.train()
        qtbot.waitUntil(lambda: "about to block" in dock.message)
        dock._job.cancel()
        qtbot.waitUntil(lambda: made.n_warm_ups == 2)
        qtbot.waitUntil(lambda: not dock._warm_up.is_running)
        assert made.is_alive
        assert "TensorFlow ready" in dock._keras.text()
        assert "Cancelled" in dock.message
        viewer.close()


def test_a_name_without_suffix_does_not_replace_a_model_unasked(
    make_napari_viewer, qtbot, tmp_path, monkeypatch
):
    kept = tmp_path / "mine.segen"
    kept.write_text("precious")
    monkeypatch.chdir(tmp_path)
    viewer = make_napari_viewer()
    dock = open_dock(viewer, PROBABILISTIC)
    asked, saved = [], []
    monkeypatch.setattr(type(dock), "save_model", lambda _, path: saved.append(path))

    def refuse():
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            asked.append(box.text())
            box.reject()
        dialog.reject()

    def answer():
        nonlocal dialog
        dialog = QApplication.activeModalWidget()
        dialog.findChild(QLineEdit).setText("mine")
        QTimer.singleShot(300, refuse)
        dialog.accept()

    dialog = None
    QTimer.singleShot(500, answer)
    dock._ask_save()
    assert not saved
    assert "mine.segen" in asked[0]


def test_a_model_that_cannot_be_read_is_named_with_the_remedy(tmp_path):
    with pytest.raises(OSError, match=r"cannot load .*none\.segen: No such file"):
        run(loading_model(tmp_path / "none.segen"))
    with pytest.raises(OSError, match="Choose a file"):
        run(loading_model(tmp_path))
