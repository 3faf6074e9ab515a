"""Methods by name; a method's module is imported when the method is first asked for."""

from collections.abc import Iterator
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """A table from name to class, given as ``"package.module:Class"``.

    Parameters
    ----------
    kind : str
        What the entries are, for error messages, such as ``"classifier"``.
    entries : dict of str to str
        Name and place of each class, in the order in which a form lists them.
    """

    def __init__(self, kind: str, entries: dict[str, str]) -> None:
        self._kind = kind
        self._entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> type[T]:
        """Return the class called `name`, or say which names there are."""
        if not isinstance(name, str) or name not in self._entries:
            raise ValueError(
                f"unknown {self._kind} {name!r}. Choose one of: {', '.join(self)}."
            )
        module, _, attribute = self._entries[name].partition(":")
        found: type[T] = getattr(import_module(module), attribute)
        return found
