import pytest

from napari_segen.widgets.demo import Tour

pytestmark = pytest.mark.viewer


@pytest.fixture
def tour(make_napari_viewer, monkeypatch):
    """The tour of what needs no TensorFlow, and without starting it."""
    monkeypatch.setattr("napari_segen.widgets.jobs.warm_up.DELAY_MS", 10**8)
    viewer = make_napari_viewer()
    tour = Tour(viewer)
    tour._stops = tour._stops[:3]
    return tour


def names(tour):
    return [layer.name for layer in tour._viewer.layers]


def test_the_tour_segments_and_generates_by_itself(tour, qtbot):
    with qtbot.waitSignal(tour.ended):
        tour.start()
    made = {f"coins generated{x} (transform, seed 0)" for x in ("", " labels")}
    assert {"coins classes", *made} <= set(names(tour))
    assert tour.probabilistic.model is not None


def test_generated_images_stand_beside_the_sample(tour, qtbot):
    with qtbot.waitSignal(tour.ended):
        tour.start()
    width = tour._viewer.layers["coins"].data.shape[1]
    for what in ("generated", "generated labels"):
        name = f"coins {what} (transform, seed 0)"
        assert tour._viewer.layers[name].translate[-1] > width


def test_cancel_ends_the_tour(tour, qtbot):
    with qtbot.waitSignal(tour.probabilistic._job.changed):  # it has begun
        tour.start()
    with qtbot.waitSignal(tour.ended):
        tour.probabilistic._job.cancel()
    assert names(tour) == ["coins", "coins strokes"]


def test_a_job_that_cannot_start_ends_the_tour(tour, qtbot):
    tour._viewer.layers.remove("coins strokes")
    with qtbot.waitSignal(tour.ended):
        tour.start()
    assert "no strokes" in tour.probabilistic.message


def test_a_viewer_closed_on_the_way_ends_it_quietly(tour, qtbot):
    with qtbot.waitSignal(tour.probabilistic._job.changed):  # it has begun
        tour.start()
    tour._viewer.close()
    qtbot.wait(1500)
    assert not tour.generator._job.is_running
