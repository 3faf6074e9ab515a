from dataclasses import replace

import numpy as np
import pytest

from napari_segen.core.steps import (
    FINISH,
    PARTS,
    Step,
    each_steps,
    retold_steps,
    run,
    stretch_steps,
)


def counting(n, log):
    try:
        for i in range(n):
            if (yield Step(i, n, "counting")) is FINISH:
                return i
        return n
    finally:
        log.append("left")


def test_run_returns_the_result():
    assert run(counting(5, [])) == 5


def test_closing_cancels_and_cleans_up():
    log = []
    steps = counting(5, log)
    next(steps)
    steps.close()
    assert log == ["left"]


def test_finish_returns_the_best_so_far():
    steps = counting(5, [])
    next(steps)
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send(FINISH)
    assert end.value.value == 1


def test_steps_with_pictures_compare_by_what_they_say():
    assert Step(1, 2, "x", picture=np.zeros(3)) == Step(1, 2, "x")


def test_an_error_in_the_work_reaches_the_driver():
    def failing():
        yield Step(0, 1, "starting")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(failing())


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


def test_retold_steps_pass_orders_back_and_the_result_on():
    def work():
        order = yield Step(0, 2, "first")
        yield Step(1, 2, f"heard {order}")
        return "result"

    def told():
        return (
            yield from retold_steps(work(), lambda s: replace(s, text=s.text + "!"))
        )

    steps = told()
    assert next(steps).text == "first!"
    assert steps.send(FINISH).text == f"heard {FINISH}!"
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == "result"


def test_each_item_has_its_part_of_the_progress():
    def work(item):
        yield Step(1, 2, "half")
        return 10 * item

    steps = each_steps([1, 2], work)
    assert [next(steps).done / PARTS for _ in range(2)] == [0.25, 0.75]
    assert run(each_steps([1, 2], work)) == [10, 20]
