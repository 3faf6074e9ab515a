"""Short stretches of the soak test, with a stand-in for the process with Keras."""

import sys

import pytest
from tests.soak.pair import Pair
from tests.soak.session import Session, surroundings
from tests.soak.watch import caught, job_threads, wait_until
from tests.widgets import fakes

from napari_segen.widgets.cnn import checkpoints
from napari_segen.widgets.jobs.keras_child import replaced_child

pytestmark = pytest.mark.viewer

# What the stand-in cannot do: train a generator, or a network that can be saved.
WITHOUT = ("fit", "folder_model", "save")


@pytest.fixture
def found(tmp_path, monkeypatch):
    """What is complained of."""
    monkeypatch.setenv(checkpoints.FOLDER, str(tmp_path / "checkpoints"))
    monkeypatch.setattr(
        "napari_segen.workflows.comparison.comparison_steps", fakes.comparing
    )
    child = fakes.HereChild(wait=50)
    with replaced_child(child), surroundings(tmp_path), caught() as texts:
        yield texts
        child.kill()
        wait_until(lambda: not job_threads())
        assert not texts
        assert not job_threads()


def test_random_actions_raise_nothing_and_leave_nothing(
    make_napari_viewer, tmp_path, found
):
    session = Session(make_napari_viewer(), tmp_path, seed=5, without=WITHOUT)
    session.begin()
    for _ in range(12):
        session.act()
        assert not found
        assert not session.faults()
    session.tidy()


def test_two_viewers_at_work_leave_each_other_alone(
    make_napari_viewer, tmp_path, found
):
    viewers = make_napari_viewer(), make_napari_viewer()
    pair = Pair(viewers, tmp_path, seed=1, without=WITHOUT)
    pair.begin()
    for i in range(6):
        if i == 3:
            pair.close_other()
            assert pair.n_together
        pair.act()
        assert not found
        assert not pair.faults()
    pair.tidy()


@pytest.mark.parametrize(
    ("message", "is_drawing", "is_apart"),
    [
        ("OpenGL got errors (Check before draw): GL_INVALID_VALUE", True, True),
        ("OpenGL got errors (Check before draw): GL_INVALID_VALUE", False, False),
        ("OpenGL got errors (Check after draw): GL_OUT_OF_MEMORY", True, False),
    ],
)
def test_only_drawing_that_napari_spoilt_is_counted_apart(
    message, is_drawing, is_apart
):
    def paintGL():
        raise RuntimeError(message)

    def works():
        raise RuntimeError(message)

    spoilt = []
    with caught(spoilt) as found:
        try:
            paintGL() if is_drawing else works()
        except RuntimeError:
            sys.excepthook(*sys.exc_info())
    assert (len(spoilt), len(found)) == (is_apart, not is_apart)
