"""Figures of each class, the score in words, and the fields of frequencies."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.widgets.probabilistic.test_class_table import strokes_layer, table  # noqa: F401

from napari_segen.core.labels import ClassInfo
from napari_segen.probabilistic.score import StrokeScore
from napari_segen.widgets.probabilistic.class_figures import ClassFigures, percent
from napari_segen.widgets.probabilistic.class_frequencies import (
    ClassFrequencies,
    percent_in,
)
from napari_segen.widgets.probabilistic.score_block import ScoreBlock

SCORE = StrokeScore(12, (0.9, np.nan), 0.834, 0.2, 0.041)


def model_of(score=SCORE, why="", reason=""):
    return SimpleNamespace(
        classes_=np.array([1, 4]),
        class_info_={1: ClassInfo("cell", "#102030")},
        class_shares_=np.array([0.3, 0.7]),
        score_=score,
        score_reason_=why,
        classifier_=SimpleNamespace(title="Automatic", reason_=reason),
    )


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (1e-5, "<0.1%"), (0.034, "3.4%"), (0.0996, "10%"), (1, "100%")],
)
def test_shares_in_short(share, said):
    assert percent(share) == said


def test_what_is_not_known_is_a_dash_with_its_reason():
    figures = ClassFigures.of(model_of(), {1: 1.0}, "coins")
    assert figures.said_of_recall(1)[0] == "0.90"
    assert figures.said_of_recall(4)[0] == "-"
    assert "no second stroke" in figures.said_of_recall(4)[1]
    assert figures.said_of_recall(9)[0] == "-"
    assert figures.said_of_fraction(1) == (
        "100%",
        "100% of “coins” in the last result.",
    )
    assert figures.said_of_fraction(4)[0] == "-"


def test_the_table_shows_figures_until_another_layer_comes(table, qtbot):  # noqa: F811
    layer = strokes_layer()
    table.show_layer(layer)
    qtbot.waitUntil(lambda: 4 in table.counts)
    table.show_figures(ClassFigures.of(model_of(), {1: 0.25, 4: 0.75}, "coins"))
    cells = [[table._table.item(row, c).text() for c in (2, 3, 4)] for row in (0, 1)]
    assert cells == [["2", "25%", "0.90"], ["1", "75%", "-"]]
    assert "32 pixels" in table._table.item(0, 2).toolTip()
    layer.paint((12, 20), 4)
    qtbot.waitUntil(lambda: table.counts[4][0] == 2)
    assert table._table.item(1, 3).text() == "75%"
    table.show_layer(strokes_layer())
    assert table._table.item(0, 3).text() == "-"


def test_without_a_layer_the_classes_of_a_model_are_listed(table):  # noqa: F811
    table.show_figures(ClassFigures.of(model_of(), {}))
    assert table.titles == {1: "cell", 4: "class 4"}
    table._on_click(0, 0)  # no colour can be changed, and none is asked for


def test_a_name_taken_back_does_not_return_from_the_result(table, qtbot):  # noqa: F811
    table.show_layer(strokes_layer())
    qtbot.waitUntil(lambda: 4 in table.counts)
    table.show_figures(ClassFigures.of(model_of(), {}))
    assert table.titles == {1: "class 1", 4: "class 4"}


@pytest.fixture
def block(qtbot):
    made = ScoreBlock()
    qtbot.addWidget(made.native)
    return made


def test_the_score_in_words(block):
    block.show_model(model_of(reason="softmax regression 100%: log loss 0.1"))
    assert block.lines == [
        "Held-out strokes: mean IoU 0.83 from 12 strokes; calibration error 0.04",
        "Automatic chose softmax regression 100%: log loss 0.1",
    ]
    assert not block._method.isHidden()


def test_without_a_score_the_reason_and_no_empty_line(block):
    block.show_model(model_of(None, "no class has a <second> stroke"))
    assert block.lines[0] == (
        "Held-out strokes: no score, since no class has a <second> stroke."
    )
    assert "&lt;second&gt;" in block._score.text()
    assert block._method.isHidden()


@pytest.fixture
def fields(qtbot):
    made = ClassFrequencies()
    qtbot.addWidget(made)
    made.show_classes({1: "cell", 2: "gap"}, {1: 0.25})
    return made


def test_empty_fields_say_how_frequent_a_class_is_painted(fields):
    assert fields._fields[1].placeholderText() == "as painted: 25%"
    assert fields._fields[2].placeholderText() == "as painted"
    assert fields.prior(np.array([1, 2]), np.array([0.25, 0.75])) is None


def test_what_is_typed_is_a_prior(fields, qtbot):
    with qtbot.waitSignal(fields.changed):
        fields._fields[1].setText(" 12,5 % ")
    assert fields.n_set == 1
    found = fields.prior(np.array([1, 2]), np.array([0.25, 0.75]))
    assert found == pytest.approx({1: 0.125, 2: 0.875})


@pytest.mark.parametrize("text", ["-3", "0", "101", "much", "nan", "inf"])
def test_a_wrong_entry_is_named_and_marked(fields, text):
    fields._fields[2].setText(text)
    assert f"frequency of gap is “{text}”" in fields.problem([1, 2])
    assert fields._fields[2].styleSheet()
    fields._fields[2].setText("")
    assert not fields.problem([1, 2])
    assert not fields._fields[2].styleSheet()


def test_too_much_is_a_problem_before_anything_runs(fields):
    fields._fields[1].setText("100")
    assert "nothing is left for class 2" in fields.problem([1, 2])


def test_a_class_that_comes_back_has_its_frequency(fields):
    fields._fields[2].setText("30")
    fields.show_classes({1: "cell"}, {})
    assert fields.n_set == 0
    fields.show_classes({1: "cell", 2: "gap"}, {})
    assert fields._fields[2].text() == "30"


def test_a_wrong_entry_goes_with_its_field(fields):
    fields._fields[2].setText("much")
    fields.show_classes({1: "cell"}, {})
    assert not fields.problem([1, 2])


def test_the_frequencies_of_a_model_are_shown_in_percent(fields):
    fields._fields[2].setText("much")
    fields.set_prior({1: 1.0, 2: 3.0})
    assert [fields._fields[v].text() for v in (1, 2)] == ["25", "75"]
    fields.set_prior(None)
    assert fields.n_set == 0


def test_nothing_written_is_nothing_set():
    assert percent_in("  ", "cell") is None
