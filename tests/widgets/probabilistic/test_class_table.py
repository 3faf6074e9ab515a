"""The table of classes, its names and colours; no viewer."""

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtGui import QColor, QIcon
from tests.widgets.jobs.test_job import job_threads

from napari_segen.core.steps import run
from napari_segen.widgets.colors import color_in, colormap, names_in, rename
from napari_segen.widgets.probabilistic.class_table import ClassTable
from napari_segen.widgets.strokes import count_painted


@pytest.fixture
def table(qtbot):
    made = ClassTable()
    qtbot.addWidget(made)
    yield made
    made.shut_down()
    qtbot.waitUntil(lambda: not job_threads())


def strokes_layer():
    data = np.zeros((20, 30), np.uint8)
    data[2:4, 2:10] = 1
    data[8:10, 2:10] = 1
    data[15, 3:9] = 4
    return Labels(data, colormap=colormap({}))


def test_strokes_and_pixels_of_each_class_are_counted():
    assert run(count_painted(strokes_layer().data)) == {1: (2, 32), 4: (1, 6)}


def test_object_ids_are_counted_without_looking_for_strokes():
    ids = np.arange(1, 401).reshape(20, 20)
    assert len(run(count_painted(ids))) == 400


def test_a_stroke_appears_in_the_table(table, qtbot):
    layer = strokes_layer()
    table.show_layer(layer)
    qtbot.waitUntil(lambda: table.counts == {1: (2, 32), 4: (1, 6)})
    layer.selected_label = 2
    layer.paint((12, 20), 2)
    qtbot.waitUntil(lambda: 2 in table.counts)
    assert table.values == [1, 2, 4]


def test_undo_is_seen_too(table, qtbot):
    layer = strokes_layer()
    table.show_layer(layer)
    qtbot.waitUntil(lambda: 4 in table.counts)
    layer.paint((12, 20), 2)
    qtbot.waitUntil(lambda: 2 in table.counts)
    layer.undo()
    qtbot.waitUntil(lambda: 2 not in table.counts)


def test_a_click_takes_the_class_in_hand(table, qtbot):
    table.show_layer(strokes_layer())
    qtbot.waitUntil(lambda: 4 in table.counts)
    with qtbot.waitSignal(table.picked) as picked:
        table._table.cellClicked.emit(1, 1)
    assert picked.args == [4]


def test_one_more_class_takes_the_next_free_value(table, qtbot):
    table.show_layer(strokes_layer())
    qtbot.waitUntil(lambda: 4 in table.counts)
    with qtbot.waitSignal(table.picked) as picked:
        table._add.click()
    assert picked.args == [2]
    assert table.values == [1, 2, 4]


def test_a_name_is_kept_in_the_layers_features(table, qtbot):
    layer = strokes_layer()
    table.show_layer(layer)
    qtbot.waitUntil(lambda: 4 in table.counts)
    table._table.item(1, 1).setText("nucleus")
    assert names_in(layer) == {4: "nucleus"}


def test_naming_keeps_the_users_own_columns():
    layer = Labels(
        np.ones((4, 4), int),
        features={"index": [0, 1], "area": [0.0, 2.0], "n": [0, 9]},
    )
    rename(layer, {1: "cell"})
    assert names_in(layer) == {1: "cell"}
    assert layer.features.set_index("index").loc[1, "area"] == 2.0


def test_a_colour_is_changed_for_one_class_only(table, qtbot):
    layer = strokes_layer()
    table.show_layer(layer)
    qtbot.waitUntil(lambda: 4 in table.counts)
    before = color_in(layer, 1)
    table.set_color(4, "#102030")
    assert color_in(layer, 4) == "#102030"
    assert color_in(layer, 1) == before


def test_without_a_layer_the_button_says_why(table):
    assert not table._add.isEnabled()
    assert "New strokes" in table._add.toolTip()


def test_the_colour_stays_true_in_the_selected_row(table, qtbot):
    layer = strokes_layer()
    table.show_layer(layer)
    qtbot.waitUntil(lambda: 4 in table.counts)
    icon = table._table.item(0, 0).icon()
    picture = icon.pixmap(14, 14, QIcon.Mode.Selected).toImage()
    assert picture.pixelColor(7, 7) == QColor(color_in(layer, 1))
