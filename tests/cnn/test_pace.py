import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segen.cnn.learner import MEAN_SHARE, mean_rate
from napari_segen.cnn.pace import HOLD_SHARE, NO_LIMIT, Clock, Pace, is_look
from napari_segen.cnn.params import TrainingParams


def pace(limit=NO_LIMIT, **given):
    return Pace(TrainingParams(**({"decay": "cosine"} | given)), limit)


def test_a_cosine_holds_for_a_quarter_and_then_falls_to_nothing():
    rates = [
        pace(100, max_steps=100, time_limit_s=None, learning_rate=0.01).rate(i)
        for i in range(1, 101)
    ]
    assert rates[:25] == [0.01] * 25
    assert rates[25:] == sorted(rates[25:], reverse=True)
    assert rates[62] == pytest.approx(0.005, rel=0.05)
    assert rates[-1] == pytest.approx(0, abs=1e-12)


def test_without_decay_and_with_very_few_steps_the_rate_stays():
    for one in (
        pace(100, decay="none", max_steps=100),
        pace(10, max_steps=10, time_limit_s=None),
    ):
        assert {one.rate(i) for i in range(1, 11)} == {2e-3}
        assert one.decay_steps is None


@settings(max_examples=30, deadline=None)
@given(
    per_step=st.floats(0.001, 0.5),
    seconds=st.floats(1.0, 300.0),
    limit=st.one_of(st.just(NO_LIMIT), st.integers(1, 5000)),
)
def test_planned_from_the_clock_the_rates_are_those_of_the_planned_number_of_steps(
    per_step, seconds, limit
):
    timed, rates, step = pace(limit, time_limit_s=seconds), [], 0
    while step < timed.limit and not timed.is_late(step * per_step):
        step += 1
        rates.append(timed.rate(step))
        timed.plan(step, (step - 1) * per_step)
    if step < timed.limit:
        return  # too slow for its plan: this is said in the documentation
    counted = pace(step, max_steps=step, time_limit_s=None)
    assert rates == [counted.rate(i + 1) for i in range(step)]
    if step < limit and timed.decay_steps:
        assert 0.9 * seconds < step * per_step <= seconds + per_step


def test_looks_depend_on_the_step_only_and_become_rarer():
    looks = [i for i in range(1, 241) if is_look(i)]
    assert looks == [20, 40, 60, 80, 120, 160, 200, 240]


def test_pauses_are_not_counted():
    clock = Clock()
    assert clock.elapsed == 0
    began = time.monotonic()
    clock.start()
    time.sleep(0.02)
    clock.skip(0.01)
    assert 0.01 <= clock.elapsed <= time.monotonic() - began - 0.01
    before = clock.elapsed
    clock.start()
    assert clock.elapsed >= before


def test_the_running_mean_is_over_about_the_last_quarter():
    n = 400
    share = np.ones(n)
    for i in range(1, n + 1):
        share[: i - 1] *= 1 - mean_rate(i)
        share[i - 1] = mean_rate(i)
    assert share.sum() == pytest.approx(1)
    centre = (share * np.arange(1, n + 1)).sum()
    assert centre == pytest.approx(n * (1 - MEAN_SHARE * 0.8), rel=0.02)
    assert HOLD_SHARE < 0.5
