"""The live plot."""

import pytest

from napari_segen.widgets.parts.curves import MAX_POINTS, CurvePlot


@pytest.fixture
def plot(qtbot):
    made = CurvePlot()
    qtbot.addWidget(made)
    made.resize(260, made.height())
    return made


def picture(plot):
    return plot.grab().toImage()


def test_time_is_the_axis_and_else_steps_are(plot):
    plot.add([(1, {"step": 10, "seconds": 0.1, "loss": 0.5})])
    assert plot.curves == {"loss": [(0.1, 0.5)]}
    plot.clear()
    plot.add([(1, {"step": 10, "loss": 0.5})])
    assert plot.curves == {"loss": [(10.0, 0.5)]}


def test_an_earlier_training_is_drawn_from_its_history(plot):
    plot.add_history(
        {
            "step": [1, 2],
            "seconds": [0.5, 1.5],
            "loss": [0.9, 0.8],
            "val_loss": [None, 1],
        }
    )
    assert plot.curves == {"loss": [(0.5, 0.9), (1.5, 0.8)], "val_loss": [(1.5, 1.0)]}


def test_values_that_are_not_finite_are_left_out(plot):
    plot.add([(1, {"loss": float("nan")}), (2, {"loss": 0.5})])
    assert plot.curves == {"loss": [(2.0, 0.5)]}


def test_a_long_training_is_thinned_and_keeps_its_span(plot):
    plot.add((i, {"loss": 1.0 + i}) for i in range(3 * MAX_POINTS))
    points = plot.curves["loss"]
    assert len(points) <= 2 * MAX_POINTS
    assert points[0][0] == 1


def test_curves_are_drawn_and_cleared(plot):
    empty = picture(plot)
    plot.add([(i, {"loss": 1 / (i + 1), "val_iou": 0.5}) for i in range(20)])
    drawn = picture(plot)
    assert drawn != empty
    plot.clear()
    assert picture(plot) == empty
