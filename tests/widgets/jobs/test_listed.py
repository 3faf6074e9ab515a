"""Jobs that napari knows of: it asks before it closes a window meanwhile."""

import gc
import weakref

import pytest
from tests.widgets import fakes

from napari_segen.core.steps import Step
from napari_segen.widgets.jobs.job import Job

pytestmark = pytest.mark.viewer


class Result:
    pass


def returning_a_result():
    yield Step(0, 1, "working")
    return Result()


def test_no_result_is_kept_once_it_is_shown(viewer, qtbot):
    seen, job = [], Job()
    job.start(returning_a_result, done=lambda made: seen.append(weakref.ref(made)))
    qtbot.waitUntil(lambda: bool(seen) and not job.is_running)
    qtbot.wait(20)
    gc.collect()
    assert [made() for made in seen] == [None]


def test_closing_another_viewer_leaves_a_job_alone(viewer, make_napari_viewer, qtbot):
    other, job = make_napari_viewer(), Job()
    job.start(fakes.endless, done=print)
    other.close()
    qtbot.wait(600)
    assert job.is_running
    job.shut_down()
