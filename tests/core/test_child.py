import os
import subprocess
import sys
import time
from pickle import PicklingError

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.core import jobs
from tests.waiting import wait_until

from napari_segen.core import child as child_module
from napari_segen.core.child import Child, ChildDied, ChildFailed
from napari_segen.core.errors import DataWarning, ModelFileError
from napari_segen.core.steps import FINISH, PAUSE, RESUME, Show, Step, run


@pytest.fixture(scope="module")
def shared():
    child = Child()
    yield child
    child.kill()


@pytest.fixture
def child(shared):
    run(shared.start_steps())
    return shared


def first(steps, text):
    """Drive `steps` to its first step with this text."""
    return next(s for s in steps if s.text == text)


def driven(steps, command=None):
    """Drive `steps` to its end, sending `command` each time; its steps and result."""
    seen = []
    try:
        next(steps)
        while True:
            seen.append(steps.send(command))
    except StopIteration as end:
        return seen, end.value


def test_result_and_steps_come_back(child):
    seen, result = driven(child.run_steps(jobs.counting, 4, 0.1))
    assert result == 4
    own = dict.fromkeys(repr(s) for s in seen if s.text == "counting")
    expected = [Step(i, 4, "counting", {"half": i / 2}) for i in range(4)]
    assert list(own) == [repr(s) for s in expected]


def test_jobs_share_one_warm_process_that_is_not_ours(child):
    ids = {run(child.run_steps(jobs.process_id)) for _ in range(3)}
    assert len(ids) == 1
    assert ids != {os.getpid()}


def test_a_job_without_steps_has_a_result(child):
    assert run(child.run_steps(jobs.immediately)) == 5


def test_a_cancel_is_answered_and_keeps_the_process(child, monkeypatch):
    monkeypatch.setattr(child_module, "STOP_SECONDS", 60)  # or it would end a slow one
    process = run(child.run_steps(jobs.process_id))
    steps = child.run_steps(jobs.counting, 10**6, 0.001)
    first(steps, "counting")
    steps.close()
    assert run(child.run_steps(jobs.process_id)) == process


def test_cancel_of_a_hung_job_waits_less_than_half_a_second_for_an_answer(child):
    assert child_module.STOP_SECONDS < 0.5
    steps = child.run_steps(jobs.hanging)
    first(steps, "about to hang")
    start = time.monotonic()
    steps.close()
    assert time.monotonic() - start < jobs.HANG_SECONDS / 2
    assert not child.is_alive


def test_while_a_job_is_silent_the_driver_still_gets_steps(child):
    assert child_module.HEARTBEAT_SECONDS < 0.3
    steps = child.run_steps(jobs.hanging)
    first(steps, "about to hang")
    # Without a heartbeat the first of these would come after the job's end.
    for _ in range(3):
        assert next(steps).text == "about to hang"
    steps.close()


def test_finish_reaches_the_job(child):
    steps = child.run_steps(jobs.until_finish)
    first(steps, "waiting")
    assert driven(steps, FINISH)[1] < jobs.MOST_ROUNDS


def test_a_finish_that_comes_too_late_does_not_reach_the_next_job(child):
    assert driven(child.run_steps(jobs.counting, 2), FINISH)[1] == 2
    assert run(child.run_steps(jobs.counting, 3)) == 3
    waiting = child.run_steps(jobs.until_finish)
    first(waiting, "waiting")
    time.sleep(0.1)
    assert next(waiting).text == "waiting"
    waiting.close()


def test_orders_reach_the_job_in_turn_and_none_is_lost(child):
    orders = [PAUSE, Show(1, 0, (slice(0, 4), slice(2, 9))), RESUME, FINISH]
    steps = child.run_steps(jobs.obeying)
    first(steps, "listening")
    for order in orders[:-1]:
        steps.send(order)
    assert driven(steps, FINISH)[1][: len(orders)] == orders


def test_orders_given_while_the_process_starts_reach_the_job():
    child = Child()
    steps = child.run_steps(jobs.until_finish)
    next(steps)
    steps.send(FINISH)
    assert run(steps) < jobs.MOST_ROUNDS
    child.kill()


def test_a_picture_comes_once(child):
    steps = child.run_steps(jobs.showing)
    pictures = [s.picture for s in driven(steps)[0] if s.picture is not None]
    assert_array_equal(pictures, [[1, 2, 3]])


@pytest.mark.parametrize("code", [0, 1, 9])
def test_a_dead_child_is_an_error_and_the_next_job_starts_another(child, code):
    with pytest.raises(ChildDied, match=rf"exit code {code}"):
        run(child.run_steps(jobs.dying, code))
    assert run(child.run_steps(jobs.counting, 2)) == 2


def test_a_child_killed_between_jobs_is_replaced(child):
    os.kill(run(child.run_steps(jobs.process_id)), 9)
    wait_until(lambda: not child.is_alive)
    assert run(child.run_steps(jobs.counting, 2)) == 2


def test_an_error_keeps_its_type_and_tells_the_childs_traceback(child):
    with pytest.raises(ModelFileError, match="the file is damaged") as caught:
        run(child.run_steps(jobs.failing))
    assert "in failing" in "".join(caught.value.__notes__)
    assert run(child.run_steps(jobs.counting, 2)) == 2


def test_an_error_that_cannot_travel_is_told_in_words(child):
    with pytest.raises(ChildFailed, match="Stubborn: very odd"):
        run(child.run_steps(jobs.failing_oddly))
    assert run(child.run_steps(jobs.counting, 2)) == 2


def test_a_result_that_cannot_be_sent_is_an_error(child):
    with pytest.raises((AttributeError, PicklingError), match="lambda"):
        run(child.run_steps(jobs.unsendable))
    assert run(child.run_steps(jobs.counting, 2)) == 2


@pytest.mark.parametrize("error", [EOFError, BrokenPipeError, OSError, MemoryError])
def test_errors_of_a_job_are_not_taken_for_those_of_the_connection(child, error):
    process = run(child.run_steps(jobs.process_id))
    with pytest.raises(error) as caught:
        run(child.run_steps(jobs.raising, error))
    assert not isinstance(caught.value, ChildDied)
    assert run(child.run_steps(jobs.process_id)) == process


def test_an_error_before_the_first_step_is_told(child):
    with pytest.raises(ValueError, match="at once"):
        run(child.run_steps(jobs.refusing))


def test_a_job_that_leaves_does_not_take_the_window_along(child):
    with pytest.raises(ChildFailed, match="SystemExit"):
        run(child.run_steps(jobs.leaving))


def test_a_job_that_cannot_be_sent_is_refused_and_nothing_is_lost(child):
    with pytest.raises((AttributeError, PicklingError), match="lambda"):
        run(child.run_steps(lambda: jobs.counting(1)))
    assert run(child.run_steps(jobs.counting, 2)) == 2


def test_printing_does_not_disturb(child):
    assert run(child.run_steps(jobs.printing)) == "printed"


def test_arrays_come_back_whole_and_writable_and_ours_stays(child):
    image = np.arange(2_000_000.0).reshape(1000, 2000)
    result = run(child.run_steps(jobs.negating, image))
    assert_array_equal(result["image"], -np.arange(2_000_000.0).reshape(1000, 2000))
    assert image[0, 1] == 1
    result["image"][0, 0] = 7
    result["flags"][0][0] = False


def test_fortran_ordered_and_empty_arrays_come_back(child):
    for image in (np.asfortranarray(np.ones((30, 40))), np.zeros((0, 3))):
        assert_array_equal(run(child.run_steps(jobs.negating, image))["image"], -image)


def test_data_warnings_are_forwarded_and_others_are_not(child):
    with pytest.warns(DataWarning, match="image is constant") as caught:
        assert run(child.run_steps(jobs.warning)) == 1
    assert len(caught) == 1


def test_kill_is_safe_at_any_time():
    child = Child()
    child.kill()
    run(child.start_steps())
    child.kill()
    child.kill()
    assert not child.is_alive


def test_a_child_killed_from_outside_the_drive_is_an_error(child):
    steps = child.run_steps(jobs.hanging)
    first(steps, "about to hang")
    child.kill()
    with pytest.raises(ChildDied):
        run(steps)


def test_closing_while_the_process_starts_leaves_none_behind(monkeypatch):
    monkeypatch.setattr(child_module, "_BOOT", "import time; time.sleep(60)")
    child = Child()
    steps = child.start_steps()
    assert next(steps).text == "Starting a process"
    process = child._process
    steps.close()
    assert process.poll() is not None
    assert not child.is_alive


def test_the_child_ends_with_its_parent():
    code = (
        "from napari_segen.core.child import Child; from napari_segen.core.steps "
        "import run; import os; c = Child(); run(c.start_steps()); "
        "print(c._process.pid, flush=True); os._exit(0)"
    )
    pid = int(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True
        ).stdout
    )
    wait_until(lambda: not _runs(pid))


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if not sys.platform.startswith("linux"):
        return True
    # A zombie has ended; only nobody has asked for its exit code.
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
