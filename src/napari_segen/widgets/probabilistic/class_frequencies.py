"""How frequent the user expects each class to be: a field for each, in percent."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from napari_segen.core.imagespec import Array
from napari_segen.probabilistic.prior import completed_prior
from napari_segen.widgets.colors import class_title
from napari_segen.widgets.parts.panels import Action, Fold, note
from napari_segen.widgets.probabilistic.class_table import MAX_ROWS

_ABOUT = (
    "In percent; empty: as painted. Press Enter, and the result follows; Run, Apply "
    "and Save… take them too."
)
_HELP = (
    "How frequent this class is in the images, in percent; empty: as it is painted. "
    "Where the image leaves a doubt, frequent classes win. Classes left empty share "
    "what the others leave. The strokes are not learnt again."
)
_TITLE = "Class frequencies"
_WRONG = "QLineEdit { border: 1px solid #ff6b5e; }"


class ClassFrequencies(QWidget):
    """A field for each class.

    Signals
    -------
    changed()
        Another text stands in a field.
    entered()
        The Enter key was pressed in one.
    """

    changed = Signal()
    entered = Signal()

    def __init__(self) -> None:
        super().__init__()
        # Also of classes that are not shown now: strokes are counted a little late.
        self._texts: dict[int, str] = {}
        self._names: dict[int, QLabel] = {}
        self._fields: dict[int, QLineEdit] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(0, 1)
        self._grid.addWidget(note(_ABOUT), 0, 0, 1, 2)

    def show_known(self, titles: Mapping[int, str], model: Any) -> None:
        """List classes by their titles, and those of a model, or None."""
        painted: Mapping[int, float] = {}
        if model is not None:
            classes = [int(v) for v in model.classes_]
            painted = dict(zip(classes, model.class_shares_, strict=True))
            info = model.class_info_
            titles = {v: class_title(v, info) for v in classes[:MAX_ROWS]} | dict(
                titles
            )
        self.show_classes(titles, painted)

    def show_classes(
        self, titles: Mapping[int, str], painted: Mapping[int, float]
    ) -> None:
        """List these classes.

        Parameters
        ----------
        titles : mapping from class value to its name
        painted : mapping from class value to float
            How frequent they are as painted, where that is known.
        """
        for value in [v for v in self._fields if v not in titles]:
            self._remove(value)
        for value, title in sorted(titles.items()):
            if value not in self._fields:
                self._add(value)
            self._names[value].setText(title)
            share = f": {painted[value]:.0%}" if value in painted else ""
            self._fields[value].setPlaceholderText(f"as painted{share}")
        self._arrange()

    def _add(self, value: int) -> None:
        name, entry = note(""), QLineEdit(self._texts.get(value, ""))
        for widget in (name, entry):
            widget.setToolTip(_HELP)
        entry.setMaximumWidth(120)
        entry.textChanged.connect(lambda text: self._on_text(value, text))
        entry.returnPressed.connect(self.entered)
        self._names[value], self._fields[value] = name, entry
        self._mark(value)

    def _remove(self, value: int) -> None:
        if self._mark(value):
            del self._texts[value]  # nobody could correct it any more
        for widget in (self._names.pop(value), self._fields.pop(value)):
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()

    def _arrange(self) -> None:
        for row, value in enumerate(sorted(self._fields), start=1):
            self._grid.addWidget(self._names[value], row, 0)
            self._grid.addWidget(self._fields[value], row, 1)

    def _on_text(self, value: int, text: str) -> None:
        self._texts[value] = text
        self._mark(value)
        self.changed.emit()

    def _mark(self, value: int) -> bool:
        """Show whether a field cannot be read, and return it."""
        try:
            percent_in(self._texts.get(value, ""), self._names[value].text())
        except ValueError:
            self._fields[value].setStyleSheet(_WRONG)
            return True
        self._fields[value].setStyleSheet("")
        return False

    def set_prior(self, prior: Mapping[int, float] | None) -> None:
        """Show the frequencies of a model; None: as painted."""
        shares = prior or {}
        total = sum(shares.values())
        self._texts = {v: f"{100 * p / total:.6g}" for v, p in shares.items()}
        for value, entry in self._fields.items():
            entry.setText(self._texts.get(value, ""))

    @property
    def n_set(self) -> int:
        """How many of the fields are not empty."""
        return sum(bool(entry.text().strip()) for entry in self._fields.values())

    def expected(self) -> dict[int, float]:
        """Percent of the classes that are set; ValueError for a wrong entry."""
        found = {}
        for value, text in self._texts.items():
            title = self._names[value].text() if value in self._names else ""
            percent = percent_in(text, title)
            if percent is not None:
                found[value] = percent
        return found

    def prior(self, classes: Array, shares: Array) -> dict[int, float] | None:
        """Return the `class_prior` of a model; ValueError where there can be none."""
        return completed_prior(self.expected(), classes, shares)

    def problem(self, classes: Iterable[int]) -> str:
        """Say why what is set cannot hold for `classes`; empty if it can."""
        values = np.array(sorted(map(int, classes)), np.int64)
        try:
            self.prior(values, np.ones(len(values)))
        except ValueError as err:
            return str(err)
        return ""


class FrequencyFold(Fold):
    """The fields behind a title that says how many of them are set.

    Parameters
    ----------
    fields : ClassFrequencies
    update : Action
        Brings the result up to date; Enter in a field does so too.
    """

    def __init__(self, fields: ClassFrequencies, update: Action) -> None:
        super().__init__(
            _TITLE,
            fields,
            update.button,
            tooltip="How frequent the classes are, where strokes do not tell.",
        )
        self._fields = fields
        fields.entered.connect(update.button.click)
        fields.changed.connect(self.entitle)

    def entitle(self) -> None:
        """Say on the closed fold that something in it is not as usual."""
        n = self._fields.n_set
        self.set_title(f"{_TITLE} ({n} set)" if n else _TITLE)


def percent_in(text: str, title: str) -> float | None:
    """Read a percentage; None where there is no text, ValueError where it is wrong."""
    written = text.strip().removesuffix("%").strip()
    if not written:
        return None
    try:
        found = float(written.replace(",", "."))
    except ValueError:
        found = float("nan")
    if not 0 < found <= 100:  # also refuses NaN
        raise ValueError(
            f"The frequency of {title} is “{text.strip()}”: give a number above 0 and "
            "up to 100, or leave it empty."
        )
    return found
