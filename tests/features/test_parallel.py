import os
import subprocess
import sys
import threading
import time

import pytest

from napari_segen.core.steps import run
from napari_segen.features import parallel
from napari_segen.features.parallel import on_one_thread, side_by_side_steps


def test_every_job_runs_once():
    done = []
    run(side_by_side_steps([lambda i=i: done.append(i) for i in range(7)], "Adding"))
    assert sorted(done) == list(range(7))


def test_an_error_in_a_job_reaches_the_caller():
    def fail():
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        run(side_by_side_steps([fail], "Failing"))


def test_steps_keep_coming_while_a_job_takes_long():
    end = threading.Event()
    steps = side_by_side_steps([lambda: end.wait(60)], "Waiting")
    assert [next(steps).done for _ in range(3)] == [0] * 3
    end.set()
    assert [s.done for s in steps][-1] == 1


def test_closing_tells_the_jobs():
    stop, heard = threading.Event(), []
    steps = side_by_side_steps(
        [lambda: heard.append(stop.wait(60))] * 2, "Waiting", stop=stop
    )
    next(steps)
    steps.close()
    assert all(heard)
    assert stop.is_set()


def test_after_closing_nothing_is_written(monkeypatch):
    monkeypatch.setattr(parallel, "usable_processors", lambda: 2)
    written = []

    def job():
        time.sleep(0.01)
        written.append(threading.get_ident())

    steps = side_by_side_steps([job] * 100, "Writing")
    next(steps)
    steps.close()
    n = len(written)
    time.sleep(0.05)
    assert len(written) == n < 100


def test_after_closing_the_threads_are_there_for_others():
    steps = side_by_side_steps([lambda: time.sleep(0.01)] * 50, "Waiting")
    next(steps)
    steps.close()
    done = []
    run(side_by_side_steps([lambda i=i: done.append(i) for i in range(7)], "Adding"))
    assert sorted(done) == list(range(7))


def test_who_comes_later_need_not_wait_for_all_jobs_of_the_first(monkeypatch):
    monkeypatch.setattr(parallel, "usable_processors", lambda: 2)
    done = []

    def job():
        time.sleep(0.02)
        done.append(1)

    long = side_by_side_steps([job] * 300, "Waiting")
    next(long)
    run(side_by_side_steps([int], "Coming later"))
    assert len(done) < 30
    long.close()


def test_one_thread_is_that_of_the_caller():
    seen = []
    jobs = [lambda: seen.append(threading.get_ident())] * 5
    with on_one_thread():
        run(side_by_side_steps(jobs, "Looking"))
    assert seen == [threading.get_ident()] * 5
    run(side_by_side_steps(jobs, "Looking"))
    assert threading.get_ident() not in seen[5:]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_has_threads_of_its_own():
    code = (
        "import os\n"
        "from napari_segen.core.steps import run\n"
        "from napari_segen.features.parallel import side_by_side_steps\n"
        "run(side_by_side_steps([int] * 4, 'Before'))\n"
        "child = os.fork()\n"
        "run(side_by_side_steps([int] * 4, 'After'))\n"
        "if child:\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
