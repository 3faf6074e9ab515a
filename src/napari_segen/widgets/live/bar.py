"""The controls of the live preview: one row, and one line of text."""

from collections.abc import Mapping

from qtpy.QtWidgets import QComboBox, QPushButton, QSizePolicy

from napari_segen.widgets.live.layers import CLASSES, UNSURE
from napari_segen.widgets.live.preview import LivePreview
from napari_segen.widgets.parts.panels import Action, note, side_by_side, stacked

_ON = "background-color: #009e73; color: white; font-weight: bold;"
_HELP = (
    "Answer what you see after every stroke, undo and move of the view. Nothing is "
    "kept: press Run for layers of the whole image."
)


class LiveBar:
    """A switch whose state is plain to see, and what is shown.

    Parameters
    ----------
    live : LivePreview
    update : Action
        Answers once.
    """

    def __init__(self, live: LivePreview, update: Action) -> None:
        self._live, self._update = live, update
        self._switch = QPushButton("Live: off")
        self._switch.setCheckable(True)
        self._switch.clicked.connect(self._on_switch)
        self._kind = QComboBox()
        self._kind.setToolTip(
            "What the live preview shows: the most probable class, the probability of "
            "one class, or where the method is unsure. Alt-N shows the next."
        )
        self._kind.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._kind.setMinimumContentsLength(6)
        self._kind.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._kind.currentIndexChanged.connect(self._on_kind)
        self._text = note("")
        # Two lines, so that what is below does not move with each answer.
        self._text.setMinimumHeight(2 * self._text.fontMetrics().height())
        self._text.hide()
        self.show_classes({})
        self.native = stacked(
            side_by_side(self._switch, update.button, self._kind), self._text
        )
        live.changed.connect(self.refresh)

    @property
    def text(self) -> str:
        """What the line says."""
        return self._text.text()

    def show_classes(self, titles: Mapping[int, str]) -> None:
        """Offer the probability of each of these classes."""
        wanted = [("classes", CLASSES), ("uncertainty", UNSURE)]
        wanted += [(f"probability of {t}", v) for v, t in titles.items()]
        combo = self._kind
        if [
            (combo.itemText(i), combo.itemData(i)) for i in range(combo.count())
        ] == wanted:
            return
        now = combo.currentData()
        combo.blockSignals(True)
        combo.clear()
        for text, kind in wanted:
            combo.addItem(text, kind)
        values = [kind for _, kind in wanted]
        combo.setCurrentIndex(values.index(now) if now in values else 0)
        combo.blockSignals(False)
        if now not in (None, combo.currentData()):
            self._on_kind()

    def show_next(self) -> None:
        """Go on to the next of what can be shown."""
        self._kind.setCurrentIndex((self._kind.currentIndex() + 1) % self._kind.count())

    def refresh(self) -> None:
        """Say how things stand."""
        live, reason = self._live, self._update.refresh()
        self._switch.setChecked(live.is_on)
        self._switch.setText("Live: on" if live.is_on else "Live: off")
        self._switch.setStyleSheet(_ON if live.is_on else "")
        self._switch.setEnabled(live.is_on or not reason)
        self._switch.setToolTip(_HELP if live.is_on else reason or _HELP)
        self._text.setText(live.text)
        self._text.setVisible(bool(live.text))

    def _on_switch(self) -> None:
        if self._live.is_on:
            self._live.turn_off()
        else:
            self._live.turn_on()

    def _on_kind(self) -> None:
        self._live.show(self._kind.currentData())
