"""What the axes of a stack are: asked once."""

from collections.abc import Callable

from magicgui.widgets import ComboBox
from napari.layers import Layer

from napari_segen.widgets.layers import axes_choices, axes_of, remember_axes

_ASK = "please choose…"


class StackChoice:
    """The drop-down list that asks what a stack's axes are; hidden for plain images.

    Parameters
    ----------
    changed : callable
        Called when the user has answered.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._layer: Layer | None = None
        self._changed = changed
        self.widget = ComboBox(
            label="stack of",
            choices=[],
            nullable=True,
            tooltip="What the image's first axes are. Depth: filters look at the "
            "volume. Time, separate images: every plane is treated on its own. "
            "Channels: each pixel has all of them.",
        )
        self.widget.changed.connect(self._on_chosen)

    def show_layer(self, layer: Layer | None) -> None:
        """Offer what the axes of `layer` may be."""
        self._layer = layer
        possible = [] if layer is None else axes_choices(layer)
        if len(possible) > 1:
            axes = axes_of(layer)
            with self.widget.changed.blocked():
                self.widget.choices = [(_ASK, ""), *possible]
                self.widget.value = axes or ""
        self.widget.visible = len(possible) > 1

    @property
    def axes(self) -> str | None:
        """Letters of the image's axes; None where there is none or no answer."""
        return None if self._layer is None else axes_of(self._layer)

    def _on_chosen(self, axes: str | None) -> None:
        if self._layer is not None and axes:
            remember_axes(self._layer, axes)
        self._changed()
