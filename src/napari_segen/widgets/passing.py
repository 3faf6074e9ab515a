"""A layer over a part of an image, which goes by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.transforms import Affine

from napari_segen.core.imagespec import Array
from napari_segen.widgets.layers import Source
from napari_segen.widgets.results import PASSING, insert_unchosen, place_over
from napari_segen.widgets.visible import View

_OPACITY = 0.5


def window_placement(source: Source, start: Sequence[int]) -> dict[str, Any]:
    """Return the attributes that put a layer at pixel `start` of the image's labels."""
    place = source.label_placement
    own = Affine(
        scale=place["scale"], rotate=place["rotate"], shear=place["shear"]
    ).linear_matrix
    moved = np.asarray(place["translate"]) + own @ np.asarray(start, float)
    return {**place, "translate": moved}


class PassingLabels:
    """One labels layer that shows what a part of an image would become.

    Parameters
    ----------
    viewer : napari.Viewer
    title : str
        Second half of the layer's name.
    """

    def __init__(self, viewer: Any, title: str) -> None:
        self._viewer, self._title = viewer, title
        self._of: Source | None = None
        self.layer: Labels | None = None

    @property
    def was_deleted(self) -> bool:
        """Whether somebody else took the layer out."""
        return self.layer is not None and self.layer not in self._viewer.layers

    def show(self, source: Source, view: View, picture: Array, **look: Any) -> None:
        """Show `picture`, of the shape of `view`, at its place over the image.

        `look` are further attributes of a new layer.
        """
        data = picture.reshape(view.shape)
        place = window_placement(source, view.start)
        if self.layer is None or self._of is not source:
            self.remove()
            self._add(source, data, {**place, **look})
            return
        self.layer.data = data
        if not np.array_equal(self.layer.translate, place["translate"]):
            self.layer.translate = place["translate"]

    def _add(self, source: Source, data: Array, attributes: dict[str, Any]) -> None:
        below, layers = source.layer(), self._viewer.layers
        if below is None or below not in layers:
            return
        self.layer = Labels(
            data,
            name=f"{below.name} {self._title}",
            opacity=_OPACITY,
            metadata=dict(PASSING),
            **attributes,
        )
        self._of = source
        insert_unchosen(layers, place_over(layers, below), self.layer)
        self.layer.editable = False

    def remove(self) -> None:
        """Take the layer out."""
        layer, self.layer, self._of = self.layer, None, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
