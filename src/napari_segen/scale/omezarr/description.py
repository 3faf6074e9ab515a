"""What labels of an OME-Zarr image say of themselves, in the standard's words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_segen.core.imagespec import CHANNEL, Array
from napari_segen.core.labels import ClassInfo
from napari_segen.scale.omezarr.image import OmeImage

FACTOR = 2  # from a level to the next coarser one


def multiscale(image: OmeImage, name: str, n_levels: int) -> dict[str, Any]:
    """Describe the levels of an image's labels, as JSON values.

    Parameters
    ----------
    image : OmeImage
        What they are the labels of.
    name : str
        Of the labels.
    n_levels : int
        Each but the first has every `FACTOR`-th row and column of the one before.
    """
    kept = [i for i, a in enumerate(image.spec.axes) if a != CHANNEL]
    factors = [FACTOR if a in "yx" else 1 for a in image.spec.label_axes]
    scale = np.array(image.scale)[kept]
    moved = {
        "type": "translation",
        "translation": [image.translation[i] for i in kept],
    }
    datasets = [
        {
            "path": str(i),
            "coordinateTransformations": [
                {"type": "scale", "scale": (scale * np.power(factors, i)).tolist()},
                *([moved] if any(moved["translation"]) else []),
            ],
        }
        for i in range(n_levels)
    ]
    return {
        "name": name,
        "axes": [image.axes[i] for i in kept],
        "datasets": datasets,
        "type": "nearest",
    }


def image_label(classes: Array, info: Mapping[int, ClassInfo]) -> dict[str, Any]:
    """Describe names and colours of classes, as far as they are known."""
    known = [(int(value), info.get(int(value), ClassInfo())) for value in classes]
    colors = [
        {"label-value": value, "rgba": [*bytes.fromhex(about.color[1:].ljust(8, "f"))]}
        for value, about in known
        if about.color
    ]
    names = [
        {"label-value": value, "name": about.name}
        for value, about in known
        if about.name
    ]
    return {
        key: values
        for key, values in (("colors", colors), ("properties", names))
        if values
    }
