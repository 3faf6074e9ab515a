"""What holds for all tests of widgets."""

import threading

import pytest
from tests.widgets import fakes

from napari_segen.widgets.cnn import checkpoints
from napari_segen.widgets.jobs.keras_child import replaced_child
from napari_segen.widgets.jobs.steps_worker import THREAD_NAME


@pytest.fixture(autouse=True)
def checkpoint_folder(tmp_path, monkeypatch):
    """Keep the user's own checkpoints out of sight, and ours out of the user's."""
    folder = tmp_path / "checkpoints"
    monkeypatch.setenv(checkpoints.FOLDER, str(folder))
    return folder


@pytest.fixture
def child(monkeypatch):
    """Stand-in for the process with Keras; the comparison is one too."""
    made = fakes.HereChild()
    monkeypatch.setattr(
        "napari_segen.workflows.comparison.comparison_steps", fakes.comparing
    )
    with replaced_child(made):
        yield made
        made.kill()


@pytest.fixture
def viewer(make_napari_viewer, child, qtbot):
    yield make_napari_viewer()
    qtbot.waitUntil(lambda: THREAD_NAME not in [t.name for t in threading.enumerate()])
