"""Which labels layer is offered first."""

from typing import Any

from napari.layers import Labels

from napari_segen.widgets.results import layers_to_choose, mark_of


def labels_to_choose(layers: Any, role: str) -> list[Labels]:
    """List the labels layers: results of ours with this role come first.

    `role` is the end of theirs, since a network's begins with another word. The newest
    of them is the first.
    """
    found = layers_to_choose(layers, Labels)
    first = [x for x in found if role_of(x).endswith(role)]
    return [*reversed(first), *(x for x in found if x not in first)]


def role_of(layer: Labels) -> str:
    """Return what a result of ours is, or nothing."""
    return str(mark_of(layer).get("role", ""))
