import threading
import time

import pytest

from napari_segen.core.steps import Step, run
from napari_segen.probabilistic.parallel import side_by_side_steps, stretch_steps


def test_every_job_runs_once():
    done = []
    run(side_by_side_steps([lambda i=i: done.append(i) for i in range(7)], "Adding"))
    assert sorted(done) == list(range(7))


def test_an_error_in_a_job_reaches_the_caller():
    def fail():
        raise ValueError("no luck")

    with pytest.raises(ValueError, match="no luck"):
        run(side_by_side_steps([fail], "Failing"))


def test_after_closing_nothing_is_written():
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


def test_a_stretch_lies_within_its_bounds_and_returns_the_result():
    def work():
        yield Step(0, 2, "a")
        yield Step(2, 2, "b", {"loss": 1.0})
        return 5

    steps = stretch_steps(work(), 0.25, 0.75)
    seen = [next(steps), next(steps)]
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == 5
    assert [s.done / s.total for s in seen] == [0.25, 0.75]
    assert seen[1].figures == {"loss": 1.0}
