"""The choice of a method of a registry, and the form of its parameters."""

from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import ComboBox
from magicgui.widgets.bases import ValueWidget
from qtpy.QtWidgets import QWidget

from napari_segen.core.registry import Registry
from napari_segen.widgets.parts.forms import ParamsForm
from napari_segen.widgets.parts.panels import WIDE_LABEL_PX, fit_narrow, stacked


class MethodForm:
    """A drop-down list of methods, and below it the chosen one's parameters.

    Parameters
    ----------
    registry : Registry
        Its classes have `Params`, `title` and `summary`.
    default : str
    tooltip : str
    changed : callable, optional
        Called when a parameter is changed.
    """

    def __init__(
        self,
        registry: Registry[Any],
        default: str,
        tooltip: str,
        changed: Callable[..., object] | None = None,
    ) -> None:
        self._registry = registry
        self._changed = changed
        self._forms: dict[str, ParamsForm] = {}
        self.native: QWidget = stacked()
        self._offered = [(registry.get(name).title, name) for name in registry]
        about = "\n".join(
            f"{registry.get(name).title}: {registry.get(name).summary}"
            for name in registry
        )
        self.choice = ComboBox(
            label="method",
            # A function: whoever resets the dock's lists gets those offered now.
            choices=lambda _: list(self._offered),
            value=default,
            tooltip=f"{tooltip}\n{about}",
        )
        self.choice.changed.connect(self._show)
        self._show(default)

    def offer(self, names: Sequence[str]) -> None:
        """List these methods only."""
        self._offered = [(self._registry.get(n).title, n) for n in names]
        self.choice.reset_choices()

    @property
    def method_class(self) -> type:
        """The class of the chosen method."""
        return self._registry.get(self.choice.value)

    def values(self) -> Any:
        """Return the parameters of the chosen method; ValueError if one is wrong."""
        return self._forms[self.choice.value].values()

    def field(self, name: str) -> ValueWidget:
        """Return the input field of a parameter of the chosen method."""
        return self._forms[self.choice.value][name]

    def show(self) -> None:
        """Show the parameters of the chosen method."""
        self._show(self.choice.value)

    def _show(self, name: str | None) -> None:
        if name is None:  # for a moment, while the list changes
            return
        if name not in self._forms:
            made = ParamsForm(self._registry.get(name).Params)
            fit_narrow(made, WIDE_LABEL_PX)
            if self._changed is not None:
                made.changed.connect(self._changed)
            self._forms[name] = made
            self.native.layout().addWidget(made.native)
        for other, made in self._forms.items():
            made.native.setVisible(other == name)
