"""What a dock has of the live preview: a bar, and keys while it is open."""

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.layers import Layer
from qtpy.QtWidgets import QWidget

from napari_segen.widgets.live.bar import LiveBar
from napari_segen.widgets.live.keys import Keys
from napari_segen.widgets.live.preview import LivePreview
from napari_segen.widgets.live.sessions import LiveInputs
from napari_segen.widgets.parts.panels import Action

N_CLASS_KEYS = 9


class LiveControls:
    """Joins the live preview with its bar and with the keys.

    Alt-1 to Alt-9 take the brush for a class, Alt-0 hides or shows the preview, or else
    the result, Alt-N shows the next kind of answer.

    Parameters
    ----------
    viewer : napari.Viewer
    inputs : callable
        Returns `LiveInputs`, or why there can be no answer.
    why_not : callable
        Returns this reason alone, sooner.
    action : callable
        Makes a button of the dock: text, tooltip, why not, what to do.
    paint_with : callable
        Takes the brush for a class value.
    result : callable
        Returns the layer that a run has made, or None.
    """

    def __init__(
        self,
        viewer: Any,
        inputs: Callable[[], LiveInputs | str],
        why_not: Callable[[], str],
        action: Callable[..., Action],
        paint_with: Callable[[int], object],
        result: Callable[[], Layer | None],
    ) -> None:
        self.preview = LivePreview(viewer, inputs)
        self._result = result
        self.bar = LiveBar(
            self.preview,
            action(
                "Update",
                "Answer once what you see now, without following what you do.",
                why_not,
                self.preview.update_once,
            ),
        )
        actions: dict[str, Callable[[], object]] = {
            f"Alt-{v}": partial(paint_with, v) for v in range(1, N_CLASS_KEYS + 1)
        }
        actions |= {"Alt-0": self.show_or_hide, "Alt-N": self.bar.show_next}
        self.keys = Keys(viewer, actions)

    @property
    def native(self) -> QWidget:
        """The bar."""
        return self.bar.native

    def look_again(self, *args: Any) -> None:
        """Follow a change of inputs or settings."""
        self.preview.look_again()

    def show_or_hide(self) -> None:
        """Hide the preview, or the result if there is none; or show it again."""
        if self.preview.layers.are_there:
            self.preview.layers.toggle()
        elif (layer := self._result()) is not None:
            layer.visible = not layer.visible

    def shut_down(self) -> None:
        """End it with the dock."""
        self.keys.unbind()
        self.preview.shut_down()
