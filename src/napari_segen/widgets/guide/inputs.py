"""What the guide speaks of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari.layers import Image, Labels

from napari_segen.widgets.colors import names_in
from napari_segen.widgets.layers import Source

Position = tuple[int, ...]  # of a pixel of the labels


@dataclass(frozen=True)
class GuideInputs:
    """An image and its strokes.

    Parameters
    ----------
    image : Image
    source : Source
    strokes : Labels
    cache : callable
        Returns the `FeatureCache`.
    """

    image: Image
    source: Source
    strokes: Labels
    cache: Callable[[], Any]

    def title(self, value: int) -> str:
        """Name of a class for a person."""
        return names_in(self.strokes).get(value, f"class {value}")

    def is_about(self, other: "GuideInputs | None") -> bool:
        """Whether both speak of the same pixels and strokes."""
        return (
            other is not None
            and self.strokes is other.strokes
            and self.source.data is other.source.data
            and self.source.spec == other.source.spec
        )
