"""Which labels layer is offered first."""

from typing import Any

from napari.layers import Labels

from napari_segen.widgets.results import MARK, layers_to_choose


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
    mark = layer.metadata.get(MARK)
    return str(mark.get("role", "")) if isinstance(mark, dict) else ""
