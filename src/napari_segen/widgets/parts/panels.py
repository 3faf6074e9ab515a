"""The parts that all docks are put together from: buttons, progress, message, More."""

from collections.abc import Callable, Sequence

from magicgui.widgets import CheckBox, Container
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_segen.core.steps import Step

_KINDS = {"info": "", "warning": "color: #e69f00;", "error": "color: #ff6b5e;"}
_PROGRESS_PARTS = 1000
LABEL_PX, WIDE_LABEL_PX = 76, 108
_LEAST_PX = 280, 160  # width and height of a dock


class Action:
    """A button that is disabled for a reason, and says which.

    Parameters
    ----------
    text : str
        On the button.
    help : str
        Its tooltip: what it does to the result.
    why_not : callable
        Returns why it cannot be pressed now; empty if it can.
    do : callable
        What it does.
    """

    def __init__(
        self,
        text: str,
        help: str,  # noqa: A002
        why_not: Callable[[], str],
        do: Callable[[], object],
    ) -> None:
        self._help = help
        self.why_not = why_not
        self.button = QPushButton(text)
        self.button.setSizePolicy(
            QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed
        )
        self.button.clicked.connect(lambda: do())
        self.refresh()

    def refresh(self) -> str:
        """Enable or disable the button; returns the reason."""
        reason = self.why_not()
        self.button.setEnabled(not reason)
        self.button.setToolTip(reason or self._help)
        return reason


class RunPanel(QWidget):
    """The main button with Cancel beside it, the progress, and the message line.

    Parameters
    ----------
    *rows : sequence of Action
        Buttons from left to right; the first of the first row is the main one.
    """

    def __init__(self, *rows: Sequence[Action]) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        main = rows[0][0].button
        for actions in rows:
            row = QHBoxLayout()
            row.setSpacing(4)
            for action in actions:
                row.addWidget(action.button, 2 if action.button is main else 1)
            layout.addLayout(row)
        font = main.font()
        font.setBold(True)
        main.setFont(font)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._bar.setToolTip("How far the running job is.")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding
        )
        # Most messages have up to three lines: what is below shall not move.
        self._text.setMinimumHeight(3 * self._text.fontMetrics().height())
        self._text.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._bar)
        layout.addWidget(self._text)
        self.show_idle()

    @property
    def text(self) -> str:
        """What the message line says."""
        return self._text.text()

    def say(self, text: str, kind: str = "info") -> None:
        """Show a message: ``"info"``, ``"warning"`` or ``"error"``."""
        self._text.setText(text)
        self._text.setStyleSheet(_KINDS[kind])

    def show_step(self, step: Step) -> None:
        """Show how far a job is."""
        if step.total > 0:
            self._bar.setRange(0, _PROGRESS_PARTS)
            self._bar.setValue(int(_PROGRESS_PARTS * step.done / step.total))
        else:
            self._bar.setRange(0, 0)
        self.say(step.text)

    def show_busy(self) -> None:
        """Show that a job runs that has not said how far it is."""
        self._bar.setRange(0, 0)

    def show_idle(self) -> None:
        """Empty the progress bar."""
        self._bar.setRange(0, _PROGRESS_PARTS)
        self._bar.setValue(0)


class Fold(QWidget):
    """What is rarely needed, behind a title that opens and closes it.

    Parameters
    ----------
    title : str
    *content : QWidget
    tooltip : str

    Signals
    -------
    opened()
        Its content is shown now.
    """

    opened = Signal()

    def __init__(
        self,
        title: str,
        *content: QWidget,
        tooltip: str = "Settings that are rarely needed.",
    ) -> None:
        super().__init__()
        self._button = QToolButton()
        self._button.setText(title)
        self._button.setCheckable(True)
        self._button.setToolTip(tooltip)
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.setArrowType(Qt.ArrowType.RightArrow)
        self._button.setStyleSheet("QToolButton { border: none; }")
        self._inner = stacked(*content)
        self._inner.hide()
        self._button.toggled.connect(self._on_toggled)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        layout.addWidget(self._inner)

    def set_title(self, title: str) -> None:
        """Put other words on the title."""
        self._button.setText(title)

    @property
    def is_open(self) -> bool:
        """Whether the content is shown."""
        return self._button.isChecked()

    def open(self) -> None:
        """Show the content."""
        self._button.setChecked(True)

    def _on_toggled(self, is_open: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        self._button.setArrowType(arrow)
        self._inner.setVisible(is_open)
        if is_open:
            self.opened.emit()


def stacked(*content: QWidget) -> QWidget:
    """Put widgets below each other."""
    box = QWidget()
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for widget in content:
        layout.addWidget(widget)
    return box


def scrolled(*content: QWidget) -> QScrollArea:
    """Put widgets below each other, to be scrolled where they do not fit."""
    inner = stacked(*content)
    inner.layout().setContentsMargins(6, 4, 6, 4)
    inner.layout().addStretch(1)
    area = QScrollArea()
    area.setWidget(inner)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumSize(*_LEAST_PX)
    area.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
    return area


def side_by_side(*content: QWidget) -> QWidget:
    """Put widgets beside each other."""
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in content:
        layout.addWidget(widget)
    return box


def form(*widgets, label_px: int = LABEL_PX) -> Container:
    """Put magicgui widgets below each other, each with its label."""
    box = Container(widgets=list(widgets), labels=True)
    box.margins = (0, 0, 0, 0)
    fit_narrow(box, label_px)
    return box


def fit_narrow(box: Container, label_px: int = LABEL_PX) -> None:
    """Align the fields, and let them shrink: a long name must not widen the dock."""
    for combo in box.native.findChildren(QComboBox):
        combo.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        combo.setMinimumContentsLength(6)
        combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    rows = box.native.layout()
    for i in range(rows.count()):
        row = rows.itemAt(i).widget()
        first = row.layout().itemAt(0) if row is not None and row.layout() else None
        if first is not None and isinstance(first.widget(), QLabel):
            first.widget().setFixedWidth(label_px)


def checks(*boxes: CheckBox) -> Container:
    """Put check boxes below each other."""
    column = Container(widgets=list(boxes), labels=False)
    column.margins = (0, 0, 0, 0)
    return column


def heading(text: str) -> QLabel:
    """Title of a group of controls."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def note(text: str) -> QLabel:
    """Make a line of explanation that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def copyable_note() -> QLabel:
    """Make a line in rich text that the user can mark, and copy."""
    label = note("")
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
