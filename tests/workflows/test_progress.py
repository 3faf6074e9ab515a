import pytest

from napari_segen.core.steps import Step
from napari_segen.workflows.progress import run_with_progress


def three_steps(total):
    for i in range(3):
        yield Step(i + 1, total, f"part {i + 1}")
    return "result"


@pytest.mark.parametrize("total", [0, 3])
def test_the_result_comes_back_and_the_bar_is_on_stderr(capsys, total):
    assert run_with_progress(three_steps(total), "Working") == "result"
    said = capsys.readouterr()
    assert said.out == ""
    assert "Working" in said.err


def test_percent_only_where_the_total_is_known(capsys):
    run_with_progress(three_steps(0), "Working")
    assert "%" not in capsys.readouterr().err
    run_with_progress(three_steps(3), "Working")
    assert "100%" in capsys.readouterr().err


def test_a_second_part_starts_its_own_count(capsys):
    def two_parts():
        yield Step(5, 5, "first")
        yield Step(1, 2, "second")
        yield Step(2, 2, "second")

    run_with_progress(two_parts(), "Working")
    assert "100%" in capsys.readouterr().err


def test_the_bar_ends_full_when_the_work_is_done(capsys):
    def last_step_announces_the_last_part():
        yield Step(0, 3, "first")
        yield Step(2, 3, "last")

    run_with_progress(last_step_announces_the_last_part(), "Working")
    assert "100%" in capsys.readouterr().err.splitlines()[-1]


def test_an_interrupt_closes_the_work():
    closed = []

    def interrupted():
        try:
            yield Step(0, 2, "")
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_with_progress(interrupted(), "Working")
    assert closed
