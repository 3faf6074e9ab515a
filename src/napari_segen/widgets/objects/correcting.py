"""Correct objects and measure them: the lower half of the dock."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import ComboBox
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_segen.core.imagespec import CHANNEL, FRAME, ImageSpec
from napari_segen.widgets.layers import (
    axes_of,
    image_shape,
    level_zero,
    spec_of,
)
from napari_segen.widgets.objects.finding_form import LABEL_PX
from napari_segen.widgets.objects.measuring import Measured, Measuring
from napari_segen.widgets.objects.order import labels_to_choose
from napari_segen.widgets.objects.table import ObjectsTable, frame_of, summary
from napari_segen.widgets.objects.tools import HINTS, Target, Tools
from napari_segen.widgets.parts.panels import Action, form, note, side_by_side, stacked
from napari_segen.widgets.parts.stack_choice import StackChoice
from napari_segen.widgets.results import layers_to_choose
from napari_segen.widgets.sight import bring_into_sight

if TYPE_CHECKING:
    import pandas as pd

NO_OBJECTS = "There are no objects: find some, or choose a layer of numbered ones."
ASK_AXES = "The objects are a stack: say above what its first axis is."
NOT_IN_MEMORY = "Only layers in memory can be corrected: duplicate this one first."
TOO_LARGE = "The objects are too large to be measured here: over 1 GB."
_MOST_BYTES = 2**30


class Correcting(QObject):
    """Objects in hand: tools to correct them, and a table of what is measured.

    Parameters
    ----------
    viewer : napari.Viewer
    action : callable
        Makes a button of the dock: text, tooltip, why not, what to do.

    Signals
    -------
    said(str)
        Something that the message line should show.
    changed()
        Other objects were chosen, or there is another table.
    """

    said = Signal(str)
    changed = Signal()

    def __init__(self, viewer: Any, action: Callable[..., Action]) -> None:
        super().__init__()
        self._viewer = viewer
        self._watched: Labels | None = None
        self._make_fields()
        self.tools = Tools(viewer, self.target)
        self._buttons = {name: self._tool_button(name) for name in HINTS}
        self.measuring = Measuring(self._wanted)
        self.table = ObjectsTable()
        self._summary = note("")
        self._save = action(
            "Save table…",
            "Write the table to a CSV file, as it is shown and sorted.",
            self.why_no_table,
            self._ask_save,
        )
        self.native = stacked(
            self.fields.native,
            side_by_side(*self._buttons.values()),
            self._summary,
            self.table,
            self._save.button,
        )
        self._wire()

    # -- building -------------------------------------------------------------

    def _make_fields(self) -> None:
        self._objects = ComboBox(
            label="objects",
            choices=lambda _: labels_to_choose(self._viewer.layers, "objects"),
            nullable=True,
            tooltip="The layer of numbered objects to correct and to measure.",
        )
        self._stack = StackChoice(self.look_again)
        self._image = ComboBox(
            label="brightness of",
            choices=lambda _: layers_to_choose(self._viewer.layers, Image),
            nullable=True,
            tooltip="An image to measure the brightness of the objects in, or none.",
        )
        self.fields = form(
            self._objects, self._stack.widget, self._image, label_px=LABEL_PX
        )

    def _wire(self) -> None:
        for choice in (self._objects, self._image):
            choice.changed.connect(self.look_again)
        self.tools.changed.connect(self._show_tool)
        self.tools.said.connect(self.said)
        self.measuring.measured.connect(self._show_table)
        self.measuring.failed.connect(self.said)
        self.table.picked.connect(self._go_to)

    def _tool_button(self, name: str) -> QPushButton:
        button = QPushButton(name)
        button.setCheckable(True)
        button.setToolTip(f"{HINTS[name]} Undo with Ctrl-Z.")
        button.clicked.connect(lambda on: self.tools.take(name if on else None))
        return button

    # -- what is in hand ------------------------------------------------------

    @property
    def layer(self) -> Labels | None:
        """The chosen objects."""
        return self._objects.value

    def choose(self, layer: Labels) -> None:
        """Take these objects in hand."""
        self.fields.reset_choices()
        self._objects.value = layer

    def why_no_objects(self) -> str:
        """Return why there is nothing to correct or to measure."""
        if self.layer is None:
            return NO_OBJECTS
        return "" if self._stack.axes else ASK_AXES

    def why_no_tool(self) -> str:
        """Return why no tool can be taken in hand."""
        if reason := self.why_no_objects():
            return reason
        layer = self.layer
        in_memory = isinstance(layer.data, np.ndarray) and not layer.multiscale
        return "" if in_memory and layer.data.flags.writeable else NOT_IN_MEMORY

    def why_no_table(self) -> str:
        """Return why there is no table to save."""
        if reason := self.why_no_objects():
            return reason
        return "" if self.table.table is not None else "Nothing has been measured yet."

    def target(self) -> Target | str:
        """Return what the tools work on, or why they cannot."""
        if reason := self.why_no_tool():
            return reason
        return Target(self.layer, spec_of(self.layer, self._stack.axes))

    def _wanted(self) -> Measured | None:
        """Return what is to be measured."""
        if self.why_no_objects() or self._too_large:
            return None
        spec = spec_of(self.layer, self._stack.axes)
        image = self._image.value
        if image is not None and (axes := self._axes_of_image()):
            spec = ImageSpec(axes, spec.pixel_size, spec.unit)
            return Measured(self.layer, level_zero(image), spec)
        return Measured(self.layer, None, spec)

    @property
    def _too_large(self) -> bool:
        data = level_zero(self.layer)
        return int(np.prod(data.shape)) * data.dtype.itemsize > _MOST_BYTES

    def _axes_of_image(self) -> str:
        """Return the letters of the image's axes if it has the objects' shape."""
        image, own = self._image.value, self._stack.axes
        letters = [axes_of(image), own]
        if image.rgb:
            letters.append(f"{own}{CHANNEL}")
        shape = image_shape(self.layer)
        for axes in filter(None, letters):
            spec = ImageSpec(axes)
            if (
                len(axes) == len(image_shape(image))
                and spec.label_axes == own
                and spec.label_shape(image_shape(image)) == shape
            ):
                return axes
        return ""

    # -- following ------------------------------------------------------------

    def look_again(self, *args: Any) -> None:
        """Follow a change of layers."""
        layer = self.layer
        self._stack.show_layer(layer)
        if layer is not self._watched:
            self._watch(layer)
        self.measuring.look_again()
        if self.tools.tool and self.why_no_tool():
            self.tools.take(None)
        self.refresh()
        self.changed.emit()

    def refresh(self) -> None:
        """Enable what can be pressed, and say what is measured."""
        reason = self.why_no_tool()
        for name, button in self._buttons.items():
            button.setEnabled(not reason)
            button.setToolTip(reason or f"{HINTS[name]} Undo with Ctrl-Z.")
        self._save.refresh()
        self._summary.setText(self._summed_up())

    def _summed_up(self) -> str:
        if reason := self.why_no_objects():
            return reason
        if self._too_large:
            return TOO_LARGE
        parts = []
        if self.table.table is not None:
            parts.append(summary(self.table.table))
        if self._image.value is not None and not self._axes_of_image():
            parts.append("The image has another shape: no brightness is measured.")
        return " ".join(parts)

    def _watch(self, layer: Labels | None) -> None:
        if self._watched is not None:
            self._watched.events.selected_label.disconnect(self._on_label)
        self._watched = layer
        if layer is not None:
            layer.events.selected_label.connect(self._on_label)

    def _on_label(self, event: Any = None) -> None:
        """Mark the row of the object that is chosen in the layer."""
        if self.layer is not None and self._stack.axes:
            self.table.select(int(self.layer.selected_label), self._frame())

    def _frame(self) -> dict[str, int]:
        """Return the index along each frame axis that the window shows."""
        layer, axes = self.layer, self._stack.axes
        at = layer.world_to_data(self._viewer.dims.point)
        return {a: round(at[i]) for i, a in enumerate(axes) if a in FRAME}

    def _show_tool(self) -> None:
        for name, button in self._buttons.items():
            button.setChecked(name == self.tools.tool)

    def _show_table(self, table: "pd.DataFrame | None") -> None:
        self.table.show_table(table)
        self._on_label()
        self.refresh()
        self.changed.emit()

    def _go_to(self, position: int) -> None:
        """Choose an object in the layer, and bring it into sight."""
        layer, table, axes = self.layer, self.table.table, self._stack.axes
        if layer is None or table is None or not axes:
            return
        frame = frame_of(table, position)
        spec = spec_of(layer, axes)
        size = dict(zip(spec.space_axes, spec.sampling, strict=True))
        at = [
            frame[a] if a in FRAME else table[f"centroid_{a}"].iloc[position] / size[a]
            for a in axes
        ]
        bring_into_sight(self._viewer, layer, axes, at)
        layer.selected_label = int(table["label"].iloc[position])

    # -- files ----------------------------------------------------------------

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self.table, "Save the table", "objects.csv", "Table (*.csv)"
        )
        if path:
            self.save_table(path)

    def save_table(self, path: str | Path) -> None:
        """Write the table to a CSV file."""
        target = Path(path)
        if not target.suffix:
            target = target.with_suffix(".csv")
        try:
            self.table.save(target)
        except OSError as err:
            self.said.emit(f"Cannot save the table to {target}: {err.strerror}.")
        else:
            self.said.emit(f"Saved to {target}")

    def shut_down(self) -> None:
        """Let go of the layers and the viewer."""
        self.tools.shut_down()
        self.measuring.shut_down()
        self._watch(None)
