"""A short stretch of the soak test."""

import pytest
from tests.soak.session import Session, caught, job_threads, settle
from tests.widgets import fakes

from napari_segen.widgets.cnn import checkpoints
from napari_segen.widgets.jobs.keras_child import replaced_child

pytestmark = pytest.mark.viewer


def test_random_actions_raise_nothing_and_leave_nothing(
    make_napari_viewer, tmp_path, monkeypatch
):
    monkeypatch.setenv(checkpoints.FOLDER, str(tmp_path / "checkpoints"))
    child = fakes.HereChild()
    with replaced_child(child), caught() as found:
        session = Session(make_napari_viewer(), tmp_path, seed=5)
        for _ in range(60):
            session.act()
            assert not found
            assert not session.faults()
        session.close_all()
        child.kill()
        settle(0.1)
    assert not found
    assert not job_threads()
