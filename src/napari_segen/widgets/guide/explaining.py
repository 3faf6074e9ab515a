"""Why a pixel that is clicked is what it is."""

from collections.abc import Callable
from typing import Any

from napari.layers import Labels
from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QPushButton

from napari_segen.widgets.guide.inputs import GuideInputs, Position
from napari_segen.widgets.guide.tasks import explaining
from napari_segen.widgets.guide.words import explained
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.layers import level_zero
from napari_segen.widgets.live.preview import LivePreview
from napari_segen.widgets.parts.clicks import Clicks
from napari_segen.widgets.parts.panels import note


class Explaining(QObject):
    """A button, and while it is down an explanation of each pixel that is clicked.

    Parameters
    ----------
    viewer : napari.Viewer
    preview : LivePreview
    inputs : callable
        Returns `GuideInputs`, or why there is nothing to speak of.
    model : callable
        Returns what explains while the preview is off: the model that was last fitted
        to these strokes, or None.
    job : Job
        The guide's own.

    Attributes
    ----------
    button : QPushButton
    text : QLabel
        The explanation.
    """

    def __init__(
        self,
        viewer: Any,
        preview: LivePreview,
        inputs: Callable[[], GuideInputs | str],
        model: Callable[[], Any],
        job: Job,
    ) -> None:
        super().__init__()
        self._preview, self._inputs = preview, inputs
        self._model, self._job = model, job
        self._mode_before = "pan_zoom"  # of the strokes layer
        self.button = QPushButton("Explain a pixel")
        self.button.setCheckable(True)
        self.button.setToolTip(
            "Click on the image: which features speak for which class there, and by "
            "how much. Click here again to paint on."
        )
        self.text = note("")
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self._clicks = Clicks(viewer, self._strokes_to_click, self._on_click)
        self.button.toggled.connect(self._on_toggled)
        preview.explained.connect(self._show)

    def stop(self) -> None:
        """Explain nothing more: other layers are looked at."""
        self.button.setChecked(False)

    def shut_down(self) -> None:
        """Let go of the viewer."""
        self._clicks.shut_down()

    def _on_toggled(self, is_on: bool) -> None:
        inputs = self._inputs()
        if isinstance(inputs, str):
            self.button.setChecked(False)
            self.text.setText(inputs if is_on else "")
        elif is_on:
            self._mode_before = str(inputs.strokes.mode)
            self._clicks.take(inputs.strokes)
            self.text.setText("Click on a pixel of the image.")
        else:
            inputs.strokes.mode = self._mode_before  # the brush, for instance
            self.text.setText("")

    def _strokes_to_click(self) -> Labels | None:
        inputs = self._inputs() if self.button.isChecked() else ""
        return None if isinstance(inputs, str) else inputs.strokes

    def _on_click(self, position: Any) -> None:
        inputs = self._inputs()
        if isinstance(inputs, str):
            return
        layer = inputs.strokes
        shape = level_zero(layer).shape
        index = tuple(round(c) for c in layer.world_to_data(position))
        if not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
            self.text.setText("There is no pixel of the image here.")
        else:
            self.explain(index)

    def explain(self, position: Position) -> None:
        """Say why a pixel is what it is: by the live answer, or else by the model."""
        if isinstance(inputs := self._inputs(), str):
            return
        reason, model = self._preview.explain(position), self._model()
        if reason and not self._preview.is_on and model is not None:
            self._job.restart(
                explaining, model, inputs.source, position, done=self._show
            )
        else:
            self.text.setText(reason)

    def _show(self, found: Any) -> None:
        inputs = self._inputs()
        if not isinstance(inputs, str):
            is_colour = bool(inputs.image.rgb)
            self.text.setText(explained(found, inputs.title, is_colour=is_colour))
