"""How good the model at hand is, and why its method is what it is: two lines."""

from html import escape
from typing import Any

from qtpy.QtWidgets import QLabel

from napari_segen.widgets.parts.panels import copyable_note, stacked

_SCORE_HELP = (
    "How good the method is on strokes that it was fitted without: strokes are left "
    "out in turn, and what the others say of them is compared with what you painted. "
    "No smoothing, classes as frequent as painted.\n"
    "mean IoU: overlap of what was found and what was painted, mean of the classes; 1 "
    "is perfect.\n"
    "calibration error: how far the stated probabilities are from how often they are "
    "right; 0.04 means by 4 percent points on average, 0 is perfect."
)
_METHOD_HELP = (
    "What the method chose for itself, and on what grounds. log loss: how surprised "
    "a method was by held-out strokes; smaller is better."
)


def said_of_score(model: Any) -> str:
    """Say how good a fitted model is on held-out strokes, or why nobody knows."""
    if model.score_ is None:
        return f"Held-out strokes: no score, since {model.score_reason_}."
    error = model.score_.calibration_error
    return f"Held-out strokes: {model.score_}; calibration error {error:.2f}"


def said_of_method(model: Any) -> str:
    """Say what a method chose and why; empty for one that does not choose."""
    method = model.classifier_
    return f"{method.title} chose {method.reason_}" if method.reason_ else ""


class ScoreBlock:
    """Shows the score of the model at hand; hidden while there is none."""

    def __init__(self) -> None:
        self._score, self._method = _line(_SCORE_HELP), _line(_METHOD_HELP)
        self.native = stacked(self._score, self._method)
        self.native.layout().setSpacing(2)
        self.native.hide()
        self.lines: list[str] = []

    def show_model(self, model: Any) -> None:
        """Show what is known of a fitted model."""
        self.lines = [said_of_score(model), said_of_method(model)]
        for label, text in zip((self._score, self._method), self.lines, strict=True):
            label.setText(f"<small>{escape(text)}</small>")
            label.setVisible(bool(text))
        self.native.show()


def _line(tooltip: str) -> QLabel:
    label = copyable_note()
    label.setToolTip(tooltip)
    return label
