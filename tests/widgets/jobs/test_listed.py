"""Jobs that napari knows of, and docks whose viewer goes first."""

import gc
import weakref

import pytest
from qtpy.QtCore import QTimer
from tests.soak.buttons import DOCKS
from tests.widgets import fakes

from napari_segen.core.steps import Step
from napari_segen.widgets.jobs.job import Job

pytestmark = pytest.mark.viewer


class Result:
    pass


def returning_a_result():
    yield Step(0, 1, "working")
    return Result()


def is_gone(reference):
    # The worker's thread may need a moment to end.
    gc.collect()
    return reference() is None


def test_no_result_is_kept_once_it_is_shown(viewer, qtbot):
    seen, job = [], Job()
    job.start(returning_a_result, done=lambda made: seen.append(weakref.ref(made)))
    qtbot.waitUntil(lambda: bool(seen) and not job.is_running)
    qtbot.waitUntil(lambda: is_gone(seen[0]))


def raising():
    yield Step(0, 1, "working")
    raise ValueError("bad")


@pytest.mark.parametrize("steps", [returning_a_result, raising])
def test_no_worker_is_kept_once_its_job_is_over(viewer, qtbot, steps):
    job = Job()
    job.start(steps, done=lambda made: None)
    worker = weakref.ref(job._worker)
    qtbot.waitUntil(lambda: not job.is_running)
    qtbot.waitUntil(lambda: is_gone(worker))


def test_closing_another_viewer_leaves_a_job_alone(viewer, make_napari_viewer, qtbot):
    other, job = make_napari_viewer(), Job()
    job.start(fakes.endless, done=print)
    other.close()
    qtbot.wait(600)
    assert job.is_running
    job.shut_down()


def timers():
    return [x for x in gc.get_objects() if type(x) is QTimer]


@pytest.mark.parametrize("name", DOCKS)
def test_a_dock_can_end_after_its_timers(viewer, qtbot, name):
    before = timers()
    dock = viewer.window.add_plugin_dock_widget("napari-segen", name)[1]
    for timer in timers():
        if not any(timer is x for x in before):
            timer.deleteLater()
    qtbot.wait(10)
    dock.shut_down()
    assert dock._is_shut
