"""The process that docks share, with stand-ins for Keras."""

import pytest
from tests.widgets import fakes

from napari_segen.core.steps import run
from napari_segen.widgets.keras_child import KerasChild, keras_child, replaced_child


@pytest.fixture
def child():
    made = KerasChild(fakes.no_warm_up)
    yield made
    made.kill()


def test_a_job_waits_for_the_other_and_says_so(child):
    first = child.run_steps(fakes.endless)
    next(first)
    second = child.run_steps(fakes.counting, 2)
    assert "other job" in next(second).text
    first.close()
    assert run(second) == 2


def test_a_job_during_the_warm_up_waits_for_tensorflow(child):
    warming = child.warm_up_steps()
    next(warming)
    waiting = child.run_steps(fakes.counting, 2)
    assert "TensorFlow" in next(waiting).text
    run(warming)
    assert run(waiting) == 2


def test_the_process_ends_with_the_last_dock(child):
    child.open()
    child.open()
    run(child.warm_up_steps())
    child.close()
    assert child.is_alive
    child.close()
    assert not child.is_alive


def test_a_failed_job_leaves_the_process_to_the_next(child):
    with pytest.raises(ImportError, match="pip install"):
        run(child.run_steps(fakes.without_tensorflow))
    assert run(child.run_steps(fakes.counting, 2)) == 2


def test_all_docks_get_the_same_child(child):
    with replaced_child(child):
        assert keras_child() is keras_child() is child
