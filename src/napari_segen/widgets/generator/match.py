"""The layer whose grey values new images take over."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image

from napari_segen.core.imagespec import CHANNEL, FRAME, Array
from napari_segen.core.steps import Steps
from napari_segen.widgets.generator.middles import middle_to_learn
from napari_segen.widgets.layers import axes_of, level_zero
from napari_segen.widgets.tasks import reading


@dataclass(frozen=True)
class GreyValues:
    """An image layer's data, and the letters of their axes."""

    data: Any
    axes: str

    @classmethod
    def of(cls, layer: Image) -> "GreyValues":
        """Take a layer; if its axes are not known, its planes are separate images."""
        axes = FRAME[0] * (layer.ndim - 2) + "yx" + CHANNEL * layer.rgb
        return cls(level_zero(layer), axes_of(layer) or axes)

    def reading(self, *, is_preview: bool) -> Steps[Array]:
        """Load them, for a preview those of the middle; channels come last."""
        data = middle_to_learn(self.data, self.axes) if is_preview else self.data
        values = yield from reading(data, "image to match")
        if CHANNEL not in self.axes:
            return values
        return np.moveaxis(values, self.axes.index(CHANNEL), -1)
