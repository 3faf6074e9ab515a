"""The layer of sparse strokes is edited as napari's own labels are."""

import napari.layers
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from napari_segen.core.sparse import SparseLabels
from napari_segen.widgets.layers import level_zero
from napari_segen.widgets.sparse.layer import (
    MOST_BRUSH_PX,
    NO_FILL,
    NO_POLYGON,
    SparseLabelsLayer,
    strokes_in,
)

SHAPE = (300, 520)


def two_layers(shape=SHAPE):
    return SparseLabelsLayer(SparseLabels(shape)), napari.layers.Labels(
        np.zeros(shape, np.uint8)
    )


def stroke(layer, start, value, size):
    layer.brush_size = size
    with layer.block_history():
        for i in range(4):
            at = (*start[:-1], start[-1] + 3 * i)
            layer.paint(at, value)


def polygon(layer, start, value, size):
    y, x = start[-2:]
    corners = [(y, x), (y + 5 * size, x + size), (y, x + 6 * size)]
    layer.paint_polygon([(*start[:-2], *c) for c in corners], value)


def pixels(layer, start, value, size):
    at = np.array(start)[:, None] + np.zeros((len(start), size), int)
    at[-1] += np.arange(size)
    at = np.minimum(at, np.array(layer.data.shape)[:, None] - 1)
    layer.data_setitem(tuple(at), value)


def undo(layer, *_):
    layer.undo()


def redo(layer, *_):
    layer.redo()


EDITS = (stroke, polygon, pixels, undo, redo)


@settings(max_examples=40)
@given(
    st.sampled_from([SHAPE, (3, *SHAPE)]),
    st.lists(
        st.tuples(
            st.sampled_from(EDITS),
            st.integers(0, 299),
            st.integers(0, 519),
            st.integers(0, 3),
            st.integers(1, 9),
        ),
        max_size=12,
    ),
)
def test_edits_are_those_of_a_stock_layer(shape, edits):
    ours, stock = two_layers(shape)
    for edit, y, x, value, size in edits:
        start = (0,) * (len(shape) - 2) + (y, x)
        for layer in (ours, stock):
            edit(layer, start, value, size)
        assert_array_equal(np.asarray(level_zero(ours)), stock.data)


def test_an_edit_keeps_other_labels_where_that_is_asked_for():
    ours, stock = two_layers()
    for layer in (ours, stock):
        stroke(layer, (50, 50), 1, 9)
        layer.preserve_labels = True
        layer.selected_label = 2
        stroke(layer, (52, 52), 2, 9)
    assert_array_equal(np.asarray(level_zero(ours)), stock.data)


def test_a_brush_through_planes_paints_them():
    ours, stock = two_layers((5, *SHAPE))
    for layer in (ours, stock):
        layer.n_edit_dimensions = 3
        stroke(layer, (2, 60, 60), 1, 5)
    assert_array_equal(np.asarray(level_zero(ours)), stock.data)


def test_it_is_editable_also_when_shown_anew():
    layer, _ = two_layers()
    layer._reset_editable()
    assert layer.editable
    layer.mode = "paint"
    assert layer.mode == "paint"
    assert layer._type_string == "labels"
    assert isinstance(strokes_in(layer), SparseLabels)


def test_a_brush_stays_within_what_is_fast():
    layer, _ = two_layers()
    layer.brush_size = 5000
    assert layer.brush_size == MOST_BRUSH_PX


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda layer: layer.fill((5, 5), 1), NO_FILL),
        (
            lambda layer: layer.paint_polygon([(0, 0), (9000, 0), (9000, 9000)], 1),
            NO_POLYGON,
        ),
    ],
)
def test_what_would_read_everything_is_refused(edit, said, monkeypatch):
    heard = []
    monkeypatch.setattr("napari_segen.widgets.sparse.layer.show_warning", heard.append)
    layer = SparseLabelsLayer(SparseLabels((65_536, 65_536)))
    edit(layer)
    assert heard == [said]
    assert not strokes_in(layer).tiles


@pytest.mark.parametrize("mode", ["paint", "erase"])
def test_dragging_the_brush_draws_as_in_a_stock_layer(mode):
    ours, stock = two_layers()
    for layer in (ours, stock):
        stroke(layer, (80, 80), 2, 30)
        layer.mode = mode
        value = 1 if mode == "paint" else 0
        with layer.block_history():
            layer._draw(value, (80, 60), (80, 60))
            layer._draw(value, (80, 60), (95.4, 120.2))
    assert_array_equal(np.asarray(level_zero(ours)), stock.data)
    assert np.any(stock.data)


@pytest.mark.viewer
@pytest.mark.parametrize("zoom", [1.0, 1 / 64])
def test_strokes_are_drawn_where_they_are_at_any_zoom(make_napari_viewer, zoom, qtbot):
    viewer = make_napari_viewer(show=True)
    layer = SparseLabelsLayer(SparseLabels((65_536, 65_536)))
    viewer.add_layer(layer)
    viewer.scene.camera.center = (40_000, 40_000)
    viewer.scene.camera.zoom = zoom
    viewer.screenshot(flash=False)
    layer.brush_size = MOST_BRUSH_PX
    layer.paint((40_000, 40_000), 1)

    def seen():
        qtbot.wait(50)
        shown = viewer.screenshot(flash=False)[..., :3].astype(int)
        y, x = (n // 2 for n in shown.shape[:2])
        return shown[y - 1 : y + 1, x - 1 : x + 1].max()

    painted = seen()
    layer.undo()
    assert painted > 60 > seen()
    layer.redo()
    assert seen() == painted
