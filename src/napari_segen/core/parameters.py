"""The parameters of a method as one frozen dataclass with its limits as data.

Form, command line, model file and check all read the same fields.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

P = TypeVar("P")


def span(
    low: float,
    high: float,
    help: str,  # noqa: A002
    *,
    empty: str = "",
) -> dict[str, Any]:
    """Metadata of a number (or of each entry of a tuple) between `low` and `high`.

    Of a number that may be None, `empty` says in a word or two what that means.
    """
    return {"low": low, "high": high, "help": help, "empty": empty}


def choice(options: tuple[str, ...], help: str) -> dict[str, Any]:  # noqa: A002
    """Metadata of a string that is one of `options`."""
    return {"options": options, "help": help}


def flag(help: str) -> dict[str, Any]:  # noqa: A002
    """Metadata of a yes or no."""
    return {"help": help}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a parameter dataclass, as a form or a command line needs it."""

    name: str
    annotation: Any
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    options: tuple[str, ...] | None = None
    empty: str = ""


def describe(params_class: type) -> list[Parameter]:
    """List the parameters of `params_class` with their limits, in field order."""
    hints = get_type_hints(params_class)
    return [
        Parameter(
            f.name,
            hints[f.name],
            _default(f),
            f.metadata.get("help", ""),
            f.metadata.get("low"),
            f.metadata.get("high"),
            f.metadata.get("options"),
            f.metadata.get("empty", ""),
        )
        for f in fields(params_class)
    ]


def _default(f: Field[Any]) -> Any:
    return f.default_factory() if f.default_factory is not MISSING else f.default


def check_params(params: Any) -> None:
    """Raise ValueError or TypeError where a field breaks its own limits."""
    for p in describe(type(params)):
        value = getattr(params, p.name)
        if value is None and type(None) in get_args(p.annotation):
            continue
        _check_type(p.name, value, p.annotation)
        if p.options is not None and value not in p.options:
            raise ValueError(
                f"{p.name} must be one of {', '.join(p.options)}, got {value!r}."
            )
        if p.low is not None and p.high is not None:
            _check_limits(p.name, value, p.low, p.high)


_NAMES: dict[Any, tuple[Any, str]] = {
    bool: (bool, "True or False"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    str: (str, "a string"),
}


def _check_type(name: str, value: Any, annotation: Any) -> None:
    if get_origin(annotation) is tuple:
        if not isinstance(value, tuple):
            raise TypeError(f"{name} must be a tuple, got {value!r}.")
        for entry in value:
            _check_type(name, entry, get_args(annotation)[0])
        return
    kinds = [a for a in get_args(annotation) or (annotation,) if a is not type(None)]
    if kinds[0] is not annotation:
        _check_type(name, value, kinds[0])
        return
    types, words = _NAMES[annotation]
    if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
        raise TypeError(f"{name} must be {words}, got {value!r}.")


def _check_limits(name: str, value: Any, low: float, high: float) -> None:
    entries = value if isinstance(value, tuple) else (value,)
    if not entries:
        raise ValueError(f"{name} must not be empty.")
    for entry in entries:
        if not low <= entry <= high:
            raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value!r}.")


def make_params(
    params_class: type[P], given: P | Mapping[str, Any] | None, name: str = "params"
) -> P:
    """Turn None, a mapping, or an instance into an instance of `params_class`."""
    if given is None:
        return params_class()
    if isinstance(given, params_class):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{name} must be {params_class.__name__} or a mapping, got {given!r}."
        )
    known = [p.name for p in describe(params_class)]
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(
            f"{name} has no {', '.join(unknown)}. Known: {', '.join(known)}."
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return params_class(**values)


def as_json(params: Any) -> dict[str, Any]:
    """Return the fields of `params` as JSON values; `make_params` reads them back."""
    values = {f.name: getattr(params, f.name) for f in fields(params)}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
