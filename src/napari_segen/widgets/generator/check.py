"""Are generated images like real ones, and are they copies? Figures and pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.generator.handover import MadeLayers, frames_of
from napari_segen.widgets.generator.pictures import PictureGrid, in_colors
from napari_segen.widgets.layers import Source
from napari_segen.widgets.parts.panels import form, note
from napari_segen.widgets.tasks import reading

_PAIRS_SHOWN = 6
_COLUMNS = 4
_ABOUT = (
    "Each figure beside the one that real images reach among themselves: the nearer "
    "the two, the more alike."
)
_ROWS = (
    ("spectrum", "spectrum, dB", "Fine and coarse structure."),
    ("histogram", "grey values", "How bright pixels are, in parts of the range."),
    ("patch_distance", "patches", "What small pieces look like, from 0 to 1."),
)


def checking(
    layers: Sequence[MadeLayers], source: Source, unseen: Any
) -> Steps[tuple[Any, bool]]:
    """Compare generated layers with the image that was learnt from.

    Returns
    -------
    Honesty, bool
        The figures, and whether channels are red, green and blue.
    """
    from napari_segen.generation.honesty import honesty_steps

    made: list[Array] = []
    for one in layers:
        frames, _ = yield from frames_of(one)
        made += frames
    real = yield from reading(source.data, "image")
    held_out = []
    if unseen is not None:
        held_out = [(yield from reading(unseen, "unseen image"))]
    yield Step(0, 0, "Comparing")
    generated = np.stack([m for m in made if m.shape == made[0].shape])
    spec: ImageSpec = source.spec
    found = yield from honesty_steps(generated, [real], held_out=held_out, spec=spec)
    return found, bool(layers[0].image.rgb)


class CheckPanel(QWidget):
    """The button that checks, and what it has found.

    Parameters
    ----------
    check : QWidget
        The button.
    unseen : ComboBox
        Of image layers: a real image that was not learnt from.
    """

    def __init__(self, check: QWidget, unseen: ComboBox) -> None:
        super().__init__()
        self._sentence = note("")
        self._figures = QGridLayout()
        self._figures.setContentsMargins(0, 0, 0, 0)
        self._table = QWidget()
        self._table.setLayout(self._figures)
        self._caption = note("Made, and beside it the nearest piece of the real image:")
        self.grid = PictureGrid(
            _COLUMNS,
            "Small pieces that were made, each followed by the piece of the training "
            "image that is nearest to it: copies would look the same.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self.choices = form(unseen)
        for part in (note(_ABOUT), self.choices.native, check, self._table):
            layout.addWidget(part)
        for part in (self._sentence, self._caption, self.grid):
            layout.addWidget(part)
        self.clear()

    @property
    def text(self) -> str:
        """What was found, in words."""
        return self._sentence.text()

    def clear(self) -> None:
        """Forget what was found."""
        self._sentence.setText("")
        for part in (self._table, self._caption, self.grid):
            part.hide()

    def show_found(self, found: Any, is_rgb: bool) -> None:
        """Show the figures, the sentence and the nearest pieces."""
        self._fill([("", "made", "real", ""), *_rows(found)])
        self._sentence.setText(found.sentence)
        nearest = found.nearest[:_PAIRS_SHOWN]
        planes = [_channels_first(p) for n in nearest for p in (n.generated, n.real)]
        self.grid.show_pictures(in_colors(planes, is_rgb))
        self._table.show()
        self._caption.setVisible(bool(nearest))
        self.grid.setVisible(bool(nearest))

    def _fill(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        while self._figures.count():
            self._figures.takeAt(0).widget().deleteLater()
        for i, (*cells, tooltip) in enumerate(rows):
            for j, text in enumerate(cells):
                label = QLabel(text)
                label.setToolTip(tooltip)
                self._figures.addWidget(label, i, j)


def _rows(found: Any) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, title, tooltip in _ROWS:
        figure = getattr(found, name)
        value, yardstick = f"{figure.value:.3g}", f"{figure.yardstick:.3g}"
        rows.append((title, value, yardstick, tooltip))
    share = found.memorised
    copied = "not known" if share is None else f"{share.value:.1%}"
    about = "Pieces that are suspiciously near to one of the training image."
    return [*rows, ("near copies", copied, "5.0%", about)]


def _channels_first(patch: Array) -> Array:
    return patch[np.newaxis] if patch.ndim == 2 else np.moveaxis(patch, -1, 0)
