"""How good the method is as strokes are added: a curve, and what it means."""

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QLabel

from napari_segen.probabilistic.guidance.curve import ScoreCurve
from napari_segen.widgets.parts.curves import CurvePlot
from napari_segen.widgets.parts.panels import note

_HELP = (
    "How good the method is on strokes that it was fitted without, as strokes were "
    "added: mean overlap (IoU) and how much of each class was found (recall); 1 is "
    "perfect."
)


class ScoreSoFar:
    """The scores of the strokes at hand, from the first to the last.

    Attributes
    ----------
    plot : CurvePlot
    text : QLabel
        When more strokes hardly help.
    """

    def __init__(self) -> None:
        self.plot = CurvePlot("the score appears as strokes are added")
        self.plot.setToolTip(_HELP)
        self.text: QLabel = note("")
        self.forget()

    @property
    def is_known(self) -> bool:
        """Whether there is any score."""
        return bool(self._curve.scores)

    def forget(self) -> None:
        """Begin anew: other strokes come."""
        self._curve = ScoreCurve()
        self._classes: tuple[int, ...] = ()
        self._show(str)

    def add(
        self, classes: tuple[int, ...], score: Any, title: Callable[[int], str]
    ) -> None:
        """Go on with the score of these classes; `title` names a class value."""
        if classes[: len(self._classes)] != self._classes:
            self._curve = ScoreCurve()  # its classes were others
        self._classes = classes
        self._curve = self._curve.then(score)
        self._show(title)

    def _show(self, title: Callable[[int], str]) -> None:
        curve = self._curve
        names = [f"recall {title(v)}" for v in self._classes][: curve.recall.shape[1]]
        rows = zip(curve.n_strokes, curve.mean_iou, curve.recall, strict=True)
        self.plot.clear()
        self.plot.add(
            (
                int(n),
                {"strokes": int(n), "mean iou": iou}
                | dict(zip(names, recall.tolist(), strict=True)),
            )
            for n, iou, recall in rows
        )
        self.text.setText(f"Held-out strokes: {curve}." if curve.scores else "")
