"""The images of a stress test, and what was found in them, as layers."""

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_segen.widgets.layers import Source
from napari_segen.widgets.results import MARK
from napari_segen.workflows.stress import StressTest


def stress_layers(source: Source, result: StressTest) -> list[Layer]:
    """Make the layers of images and predictions, with axes for kind and level."""
    images = np.stack(list(result.images.values()))
    found = np.stack(list(result.predictions.values()))
    layer = source.layer()
    is_rgb = layer is not None and layer.rgb
    name = f"{source.name} stress test"
    mark = {MARK: {"role": "stress test", "kinds": list(result.images)}}
    return [
        Image(
            images,
            name=f"{name} images",
            rgb=is_rgb,
            metadata=mark,
            **_placed(source.image_placement, source.axes, result),
        ),
        Labels(
            found,
            name=f"{name} labels",
            opacity=0.4,
            metadata=mark,
            **_placed(source.label_placement, source.spec.label_axes, result),
        ),
    ]


def _placed(place: dict[str, Any], axes: str, result: StressTest) -> dict[str, Any]:
    """Put the window of a layer where it was, behind axes for kind and level."""
    n = len(place["scale"])
    windows = dict(zip("yx", result.window[-2:], strict=True))
    starts = [windows[a].start if a in windows else 0 for a in axes[:n]]
    scale = np.asarray(place["scale"], float)
    return {
        "scale": (1.0, 1.0, *scale),
        "translate": (0.0, 0.0, *(np.asarray(place["translate"]) + starts * scale)),
        "units": ("pixel", "pixel", *place["units"]),
        "axis_labels": ("kind", "level", *place["axis_labels"]),
    }
