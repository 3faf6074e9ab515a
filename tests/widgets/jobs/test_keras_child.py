"""The process that docks share, with stand-ins for Keras."""

import copy

import numpy as np
import pytest
from tests.widgets import fakes
from tests.widgets.generator import generator_fakes

from napari_segen.core.child import ChildDied
from napari_segen.core.steps import run
from napari_segen.widgets.jobs.kept_model import key_of, run_with_model
from napari_segen.widgets.jobs.keras_child import (
    KerasChild,
    keras_child,
    replaced_child,
)
from napari_segen.widgets.tasks import run_here


@pytest.fixture
def child():
    made = KerasChild(fakes.no_warm_up)
    made.open()
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
    run(child.warm_up_steps())
    child.close()
    assert child.is_alive
    child.close()
    assert not child.is_alive


def test_a_job_that_waited_for_its_turn_leaves_no_process_without_docks(child):
    first = child.run_steps(fakes.endless)
    next(first)
    second = child.run_steps(fakes.counting, 2)
    next(second)
    child.close()
    with pytest.raises(ChildDied):
        run(first)
    run(second)
    assert not child.is_alive


def test_a_failed_job_leaves_the_process_to_the_next(child):
    with pytest.raises(ImportError, match="pip install"):
        run(child.run_steps(fakes.without_tensorflow))
    assert run(child.run_steps(fakes.counting, 2)) == 2


def test_all_docks_get_the_same_child(child):
    with replaced_child(child):
        assert keras_child() is keras_child() is child


# -- a model that the process keeps -------------------------------------------


def counted(low=0, **params):
    """A generator that counts how often it is sent."""
    image = np.arange(low, low + 80).reshape(8, 10)
    return generator_fakes.Counted("transform", params=params).fit(image)


def times_used(child, model):
    return run(run_with_model(child.run_steps, generator_fakes.using, model))


def test_a_model_is_sent_once_and_kept_with_what_was_built_from_it(child):
    model = counted()
    assert [times_used(child, model) for _ in range(3)] == [1, 2, 3]
    assert model.n_sent == 1


def test_the_process_keeps_the_newest_model_only(child):
    first, second = counted(0), counted(7)
    found = [times_used(child, m) for m in (first, second, second, first)]
    assert found == [1, 1, 2, 1]
    assert (first.n_sent, second.n_sent) == (2, 1)


def test_a_new_process_is_sent_the_model_again(child):
    model = counted()
    times_used(child, model)
    child.kill()
    assert times_used(child, model) == 1
    assert model.n_sent == 2


def test_models_that_differ_in_a_setting_only_are_told_apart():
    model, other = counted(), counted(rotation=5.0)
    other.provenance_ = model.provenance_  # which tells the second of the fit
    assert key_of(copy.deepcopy(model)) == key_of(model) != key_of(other)


def test_without_a_process_nothing_is_kept():
    model = counted()
    used = run(run_with_model(run_here, generator_fakes.using, model))
    assert (used, model.n_used, model.n_sent) == (1, 1, 0)
