"""The choice to add what is painted to the strokes of the model that was loaded."""

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QCheckBox

_HELP = (
    "Run and Live learn from your strokes and those that the loaded model has learnt "
    "from, without its images: {strokes}. On an image that it knows, yours are painted "
    "over its; if they repeat most of those, they take their place. Save…, then Load… "
    "the result to go on with the next image."
)
_NO_MODEL = "Load… a model: then what you paint can be added to its strokes."
_NO_STROKES = (
    "The loaded model holds no strokes to add to: it needed none, was saved without "
    "them, or is from an older version."
)


class EarlierStrokes:
    """A box that can be ticked while a model with strokes is loaded.

    Parameters
    ----------
    why_not : callable
        Returns why the method cannot learn from strokes; empty if it can.
    changed : callable
        Called when it was ticked, or what it adds to has changed.
    """

    def __init__(
        self, why_not: Callable[[], str], changed: Callable[[], object]
    ) -> None:
        self._why_not = why_not
        self._loaded: Any = None
        self.box = QCheckBox("add to the loaded strokes")
        self.box.toggled.connect(lambda _: changed())
        self.refresh()

    def show_loaded(self, model: Any) -> None:
        """Offer the strokes of a model from a file; a run's results do not count.

        Otherwise what was painted and corrected meanwhile would count as earlier.
        """
        self._loaded = model
        if self._reason():
            self.box.setChecked(False)
        self.refresh()

    def refresh(self) -> None:
        """Enable the box, or say why it cannot be ticked."""
        reason = self._reason()
        self.box.setEnabled(not reason)
        self.box.setToolTip(reason or _HELP.format(strokes=self._loaded.strokes_))

    def _reason(self) -> str:
        if self._loaded is None:
            return _NO_MODEL
        return self._why_not() or ("" if self._loaded.strokes_ else _NO_STROKES)

    @property
    def model(self) -> Any:
        """The model to whose strokes others are added, or None."""
        is_wanted = self.box.isChecked() and not self._reason()
        return self._loaded if is_wanted else None

    @property
    def classes(self) -> list[int]:
        """The class values that come with it."""
        return [] if self.model is None else [int(v) for v in self.model.classes_]
