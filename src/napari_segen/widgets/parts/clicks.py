"""Clicks on a layer, told from drags that move the view."""

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Labels

_DRAG_PX = 4  # a hand that moves less between press and release means a click


class Clicks:
    """Calls a function with the place in the world where a layer is clicked.

    Only while the layer is the chosen one, visible, and moved by dragging: a brush
    would paint.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : callable
        Returns the layer whose clicks count now, or None.
    clicked : callable
        Gets the position.
    """

    def __init__(
        self,
        viewer: Any,
        layer: Callable[[], Labels | None],
        clicked: Callable[[Any], object],
    ) -> None:
        self._viewer, self._layer, self._clicked = viewer, layer, clicked
        viewer.mouse_drag_callbacks.append(self._on_press)

    def take(self, layer: Labels) -> None:
        """Put the brush down, and choose the layer."""
        layer.mode = "pan_zoom"
        self._viewer.layers.selection.active = layer

    def shut_down(self) -> None:
        """Let go of the viewer."""
        with suppress(RuntimeError, ValueError, AttributeError):  # it has gone
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _on_press(self, viewer: Any, event: Any) -> Generator[None, None, None]:
        layer = self._layer()
        if layer is None or event.button != 1 or event.modifiers:
            return
        is_mine = layer is viewer.layers.selection.active and layer.mode == "pan_zoom"
        if not is_mine or not layer.visible:
            return
        pressed, position = np.array(event.pos), event.position
        yield
        while event.type == "mouse_move":
            if np.abs(np.array(event.pos) - pressed).max() > _DRAG_PX:
                return
            yield
        self._clicked(position)
