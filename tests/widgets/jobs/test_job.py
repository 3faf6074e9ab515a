"""Jobs on threads, without a viewer."""

import gc
import threading
import time
import warnings
from functools import partial

import pytest
from qtpy.QtCore import QTimer
from tests.widgets import fakes

from napari_segen.core.errors import DataWarning
from napari_segen.core.steps import FINISH, PAUSE, RESUME, Show
from napari_segen.widgets.jobs.job import ANSWER_MS, Job
from napari_segen.widgets.jobs.steps_worker import MESSAGE_SECONDS, THREAD_NAME


class Heard:
    """What a job said, in order."""

    def __init__(self, job):
        self.results, self.errors, self.cancelled, self.steps = [], [], 0, []
        self.warnings, self.figures = [], []
        job.failed.connect(self.errors.append)
        job.warned.connect(self.warnings.append)
        job.cancelled.connect(self._on_cancelled)
        job.progressed.connect(self._on_progress)

    def _on_cancelled(self):
        self.cancelled += 1

    def _on_progress(self, progress):
        self.steps.append(progress.step)
        self.figures += progress.figures


def job_threads():
    return [t for t in threading.enumerate() if t.name == THREAD_NAME]


@pytest.fixture
def job(qtbot):
    made = Job(is_listed=False)
    made.heard = Heard(made)
    yield made
    made.shut_down()
    qtbot.waitUntil(lambda: not job_threads())


def test_a_job_hands_over_its_result_on_the_main_thread(job, qtbot):
    where = []
    job.start(
        fakes.counting, 3, done=lambda n: where.append(threading.current_thread())
    )
    qtbot.waitUntil(lambda: bool(where))
    assert where == [threading.main_thread()]
    assert not job.is_running


def test_no_figure_is_lost_however_fast_the_steps(job, qtbot):
    began = time.monotonic()
    job.start(fakes.counting, 500, done=job.heard.results.append)
    qtbot.waitUntil(lambda: job.heard.results == [500])
    # The first and the last step are told at once.
    most = 2 + (time.monotonic() - began) / MESSAGE_SECONDS
    assert [step for step, _ in job.heard.figures] == list(range(1, 501))
    assert len(job.heard.steps) <= most


def test_a_second_start_is_refused_while_one_runs(job, qtbot):
    assert job.start(fakes.endless, done=job.heard.results.append)
    assert not job.start(fakes.counting, 1, done=job.heard.results.append)
    job.cancel()
    qtbot.waitUntil(lambda: not job.is_running)
    assert job.heard.results == []


def test_a_job_that_answers_a_cancel_is_waited_for(job, qtbot):
    job._patience.setInterval(10**9)  # it would leave a slow one behind
    job.start(fakes.endless, done=job.heard.results.append)
    qtbot.waitUntil(lambda: bool(job.heard.steps))
    job.cancel()
    qtbot.waitUntil(lambda: not job.is_running)
    assert (job.heard.cancelled, job.heard.results) == (1, [])


def test_a_job_that_does_not_answer_is_left_behind_and_its_answer_dropped(job, qtbot):
    assert ANSWER_MS < 500
    awake = threading.Event()
    job.start(fakes.deaf, partial(awake.wait, 60), done=job.heard.results.append)
    qtbot.waitUntil(lambda: bool(job.heard.steps))
    job.cancel()
    qtbot.waitUntil(lambda: not job.is_running)
    awake.set()
    job.start(fakes.counting, 2, done=job.heard.results.append)
    qtbot.waitUntil(lambda: not job_threads())
    qtbot.wait(50)
    assert job.heard.results == [2]
    assert job.heard.cancelled == 1


def test_finish_returns_the_best_so_far(job, qtbot):
    job.start(fakes.until_finished, done=job.heard.results.append, can_finish=True)
    qtbot.waitUntil(lambda: bool(job.heard.steps))
    job.finish()
    qtbot.waitUntil(lambda: job.heard.results == ["the best so far"])
    assert job.heard.cancelled == 0


def test_orders_come_in_turn_and_none_is_lost(job, qtbot):
    heard = []
    job.start(fakes.listening, heard, done=job.heard.results.append, can_finish=True)
    look = Show(0, 0, (slice(0, 3),))
    job.pause()
    assert job.is_paused
    job.send(look)
    job.resume()
    job.finish()
    assert not job.can_finish
    job.pause()
    qtbot.waitUntil(lambda: not job.is_running)
    assert heard == [PAUSE, look, RESUME, FINISH]
    assert not job.is_paused


def test_a_picture_comes_once_and_figures_are_not_doubled(job, qtbot):
    pictures = []
    job.progressed.connect(
        lambda p: pictures.append(p.picture) if p.picture is not None else None
    )
    job.start(fakes.picturing, done=job.heard.results.append)
    qtbot.waitUntil(lambda: not job.is_running)
    assert len(pictures) == 1
    assert job.heard.figures == [(0, {"loss": 0.5})]


def test_a_result_is_shown_a_bit_at_each_turn_of_the_loop(job, qtbot):
    turns, order = [], []

    def show(n):
        for i in range(n):
            turns.append(i)
            QTimer.singleShot(0, lambda i=i: order.append(("loop", i)))
            order.append(("shown", i))
            assert job.is_running
            yield
        return lambda: order.append(("then", job.is_running))

    job.start(fakes.counting, 2, done=show)
    qtbot.waitUntil(lambda: ("then", False) in order)
    assert order.index(("loop", 0)) < order.index(("shown", 1))
    assert order[-1] == ("then", False)


def test_shutting_down_while_showing_shows_no_more(job, qtbot):
    shown = []

    def show(n):
        for i in range(n):
            shown.append(i)
            yield

    job.start(fakes.counting, 5, done=show)
    qtbot.waitUntil(lambda: bool(shown))
    job.shut_down()
    n = len(shown)
    qtbot.wait(50)
    assert len(shown) == n
    assert not job.is_running


@pytest.mark.parametrize("error", [ValueError("bad"), RuntimeError("odd"), KeyError(1)])
def test_an_error_is_told_once_and_the_job_is_over(job, qtbot, error):
    job.start(fakes.failing, error, done=job.heard.results.append)
    qtbot.waitUntil(lambda: not job.is_running)
    assert job.heard.errors == [error]
    assert job.heard.results == []


def test_an_error_while_showing_the_result_is_told_too(job, qtbot):
    fault = ValueError("cannot be shown")

    def show(result):
        raise fault

    job.start(fakes.counting, 1, done=show)
    qtbot.waitUntil(lambda: job.heard.errors == [fault])


def test_doubts_about_the_data_come_with_the_result(job, qtbot):
    job.start(fakes.warning, done=job.heard.results.append)
    qtbot.waitUntil(lambda: job.heard.results == ["result"])
    assert job.heard.warnings == ["image 0 is constant."]


def test_warnings_of_other_threads_go_their_usual_way(job, qtbot):
    job.start(fakes.endless, done=job.heard.results.append)
    qtbot.waitUntil(lambda: bool(job.heard.steps))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("mine", DataWarning, stacklevel=1)
    assert [str(w.message) for w in caught] == ["mine"]
    assert job.heard.warnings == []


def test_shutting_down_ends_the_thread_without_a_word(job, qtbot):
    job.start(fakes.endless, done=job.heard.results.append)
    qtbot.waitUntil(lambda: bool(job.heard.steps))
    job.shut_down()
    qtbot.waitUntil(lambda: not job_threads())
    qtbot.wait(50)
    assert (job.heard.cancelled, job.heard.results, job.heard.errors) == (0, [], [])


def test_what_is_still_to_be_told_of_a_collected_job_harms_nobody(qtbot):
    for _ in range(20):
        job = Job(is_listed=False)
        job.start(fakes.counting, 1, done=print)
        # Only the garbage collector can end them.
        job.worker, job._worker.job = job._worker, job
        while job_threads():
            time.sleep(0.005)
        job.shut_down()
        del job
        gc.collect()
        qtbot.wait(1)
