"""The live preview on an image that counts as huge, in a real viewer."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.widgets.huge.test_runs import Lazy
from tests.widgets.test_docks import PROBABILISTIC, open_dock, two_halves

import napari_segen as ns
from napari_segen.probabilistic.live import view
from napari_segen.widgets.layers import remember_axes
from napari_segen.widgets.sparse.layer import strokes_in

pytestmark = pytest.mark.viewer


@pytest.fixture(autouse=True)
def everything_is_huge(monkeypatch):
    monkeypatch.setattr("napari_segen.widgets.layers.MOST_PIXELS", 100)
    monkeypatch.setattr("napari_segen.probabilistic.lazyframe.WHOLE_BYTES", 0)


def wait(dock, qtbot):
    preview = dock._live.preview

    def is_answered():
        late = preview._look.isActive() or preview._undo.isActive()
        return not (late or preview.is_busy)

    qtbot.wait(10)
    qtbot.waitUntil(is_answered)


def with_strokes(viewer, qtbot, image, strokes, axes="yx"):
    layer = viewer.add_image(image, name="slide")
    remember_axes(layer, axes)
    dock = open_dock(viewer, PROBABILISTIC)
    layer = dock.add_strokes()
    labels = strokes_in(layer)
    for value in (1, 2):
        layer.data_setitem(np.nonzero(strokes == value), value)
    qtbot.waitUntil(lambda: len(dock._table.counts) == 2)
    assert labels.tiles
    return dock, layer


def seen(dock):
    return np.asarray(dock._live.preview.layers._classes.data[0])


@pytest.mark.parametrize("axes", ["yx", "tyx"])
def test_strokes_and_undo_are_answered_as_of_a_small_image(viewer, qtbot, axes):
    image, strokes = two_halves()
    if axes == "tyx":
        image, strokes = (np.stack([a, a]) for a in (image, strokes))
        strokes[1] = 0
    dock, layer = with_strokes(viewer, qtbot, Lazy(image), strokes, axes)
    dock._live.preview.turn_on()
    wait(dock, qtbot)
    model = ns.ProbabilisticSegmenter().fit(image, strokes, spec=ns.ImageSpec(axes))
    lead = (0,) * (len(axes) - 2)
    expected = model.predict(image)[lead] if lead else model.predict(image)
    assert_array_equal(seen(dock)[lead], expected)
    at = np.nonzero(strokes == 2)
    layer.data_setitem(tuple(a[:20] for a in at), 1)
    wait(dock, qtbot)
    layer.undo()
    wait(dock, qtbot)
    assert_array_equal(seen(dock)[lead], expected)


def test_far_out_it_says_to_zoom_in(viewer, qtbot, monkeypatch):
    image, strokes = two_halves()
    dock, _ = with_strokes(viewer, qtbot, Lazy(image), strokes)
    monkeypatch.setattr(view, "MOST_PIXELS", 10)
    dock._live.preview.turn_on()
    wait(dock, qtbot)
    assert "zoom in" in dock._live.preview.text
