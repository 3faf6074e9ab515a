"""Keys that are bound while a dock is open, and only those that nobody has."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any


class Keys:
    """Binds keys of a viewer; takes back its own alone.

    Parameters
    ----------
    viewer : napari.Viewer
    actions : mapping of str to callable
        Keys as napari writes them, and what they do.
    """

    def __init__(
        self, viewer: Any, actions: Mapping[str, Callable[[], object]]
    ) -> None:
        self._viewer = viewer
        self._bound: list[str] = []
        for key, do in actions.items():
            # ValueError: the key is taken, by another dock of ours for instance.
            with suppress(ValueError):
                viewer.bind_key(key, _handler(do))
                self._bound.append(key)

    @property
    def bound(self) -> list[str]:
        """The keys that were free."""
        return list(self._bound)

    def unbind(self) -> None:
        """Give the keys back."""
        bound, self._bound = self._bound, []
        # RuntimeError, KeyError: the viewer is being closed.
        with suppress(RuntimeError, KeyError):
            for key in bound:
                self._viewer.bind_key(key, None)


def _handler(do: Callable[[], object]) -> Callable[[Any], None]:
    def pressed(viewer: Any) -> None:
        do()

    return pressed
