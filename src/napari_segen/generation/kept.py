"""Source images that a method keeps as they are, and how a model file holds them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.generation.method import Source


def copied(sources: Sequence[Source]) -> list[Source]:
    """Copy sources, so that later changes of the user's arrays do not reach them."""
    return [
        Source(s.image.copy(), None if s.labels is None else s.labels.copy())
        for s in sources
    ]


def has_data(source: Source) -> bool:
    """Whether a pixel has finite values in all channels."""
    return bool(np.isfinite(source.image).all(axis=0).any())


def sources_state(
    sources: Sequence[Source],
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays for a model file; `restored_sources` reads them."""
    arrays = {f"image_{i}": s.image for i, s in enumerate(sources)}
    arrays |= {
        f"labels_{i}": s.labels for i, s in enumerate(sources) if s.labels is not None
    }
    return {"n_sources": len(sources)}, arrays


def restored_sources(
    header: Mapping[str, Any],
    arrays: Mapping[str, Array],
    n_channels: int,
    n_space: int,
) -> list[Source]:
    """Read sources of so many channels and spatial axes; ValueError on others."""
    count = int(header["n_sources"])
    if not 1 <= count <= len(arrays):
        raise ValueError(f"the file claims {count} source images.")
    sources = [
        Source(arrays[f"image_{i}"], arrays.get(f"labels_{i}")) for i in range(count)
    ]
    for s in sources:
        fits = s.image.ndim == n_space + 1 and len(s.image) == n_channels
        if not fits or s.image.size == 0:
            raise ValueError(f"a source image has shape {s.image.shape}.")
        if s.image.dtype.kind not in "buif":
            raise ValueError(f"a source image has dtype {s.image.dtype}.")
        if s.labels is None:
            continue
        if s.labels.shape != s.image.shape[1:] or s.labels.dtype.kind not in "ui":
            raise ValueError("the labels of a source have another shape or type.")
    return sources
