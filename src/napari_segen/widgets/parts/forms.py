"""A form made from a parameter dataclass; what it does not know it shows as text."""

import typing
from types import NoneType
from typing import Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSpinBox,
    LineEdit,
    SpinBox,
)
from magicgui.widgets.bases import ValueWidget

from napari_segen.core.parameters import Parameter, describe

# A box with arrows is of no use for numbers over many powers of ten.
_WIDEST_SPAN = 1e4


class ParamsForm(Container):
    """Input fields for each parameter of `params_class`.

    Parameters
    ----------
    params_class : type
        A frozen dataclass as in `core.parameters`.
    without : tuple of str
        Parameters that are asked for elsewhere.
    """

    def __init__(self, params_class: type, without: tuple[str, ...] = ()) -> None:
        self._class = params_class
        self._parameters = [p for p in describe(params_class) if p.name not in without]
        self._fields = {p.name: _widget(p) for p in self._parameters}
        super().__init__(widgets=list(self._fields.values()), labels=True)
        self.margins = (0, 0, 0, 0)

    def given(self) -> dict[str, Any]:
        """Return what is in the fields; ValueError says what cannot be read."""
        return {p.name: _read(p, self._fields[p.name]) for p in self._parameters}

    def values(self) -> Any:
        """Return an instance of the dataclass; ValueError says what is wrong."""
        return self._class(**self.given())


def title_of(name: str) -> str:
    """Turn ``learning_rate`` into ``learning rate``."""
    return name.replace("_", " ")


def _widget(p: Parameter) -> ValueWidget:
    common = {"name": p.name, "label": title_of(p.name), "tooltip": _tooltip(p)}
    if p.options is not None:
        return ComboBox(choices=p.options, value=p.default, **common)
    kind = _number_type(p.annotation)
    if kind is bool:
        return CheckBox(value=p.default, **common)
    if kind is int and _fits_box(p) and p.high < 2**31:
        return SpinBox(value=p.default, min=int(p.low), max=int(p.high), **common)
    if kind is float and _fits_box(p) and p.high - p.low <= _WIDEST_SPAN:
        step = _step(p.default)
        if round(p.default, 4) == p.default and step >= 1e-3:
            return FloatSpinBox(
                value=p.default, min=p.low, max=p.high, step=step, **common
            )
    line = LineEdit(value=_as_text(p.default), **common)
    line.native.setPlaceholderText(p.empty)
    return line


def _fits_box(p: Parameter) -> bool:
    return p.low is not None and p.high is not None and p.default is not None


def _step(value: float) -> float:
    """Return a step of about a tenth of the value, a power of ten."""
    size = abs(value) or 1.0
    exponent = 0
    while 10.0**exponent > size:
        exponent -= 1
    return 10.0 ** (exponent - 1)


def _number_type(annotation: Any) -> type | None:
    return annotation if annotation in (bool, int, float) else None


def _tooltip(p: Parameter) -> str:
    if p.low is None or p.high is None:
        return p.help
    return f"{p.help} From {p.low:g} to {p.high:g}."


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(_as_text(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read(p: Parameter, widget: ValueWidget) -> Any:
    if not isinstance(widget, LineEdit):
        return widget.value
    text = widget.value.strip()
    # What was not touched is exactly the default, whatever its digits.
    if text == _as_text(p.default):
        return p.default
    args = typing.get_args(p.annotation)
    if not text and NoneType in args:
        return None
    plain = [a for a in args if a is not NoneType]
    kind = plain[0] if NoneType in args else p.annotation
    try:
        return _parse(text, kind)
    except ValueError:
        raise ValueError(
            f"{title_of(p.name)}: “{text}” is not {_wanted(kind)}."
        ) from None


def _parse(text: str, kind: Any) -> Any:
    if typing.get_origin(kind) is tuple:
        entry = typing.get_args(kind)[0]
        return tuple(entry(part) for part in text.replace(",", " ").split())
    return kind(text)


def _wanted(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return "a list of numbers such as “1, 2, 4”"
    return "a whole number" if kind is int else "a number"
