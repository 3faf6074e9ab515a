"""What labels are made by, kept with them: by this, work is resumed or refused."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_segen.core.provenance import array_hash
from napari_segen.scale.omezarr.image import OmeImage, zarr
from napari_segen.scale.workers import versions_here

RECORD = "napari-segen"  # among the attributes of the labels


def origin_of(model: Any, image: OmeImage, **settings: Any) -> dict[str, Any]:
    """Return all that labels depend on, as JSON values.

    Of the image these are its metadata: pixels that have changed since go unnoticed.
    """
    found = {
        "model": _model_digest(model),
        "image": digest_of([_described(image.array), image.spec.as_json()]),
        "settings": settings,
        "versions": versions_here(),
    }
    plain: dict[str, Any] = json.loads(json.dumps(found))  # tuples are lists there
    return plain


def _described(array: Any) -> Any:
    if image_file := getattr(array, "metadata", None):
        return image_file.to_dict()
    return [list(array.shape), np.dtype(array.dtype).str]


def _model_digest(model: Any) -> str:
    header, arrays = model.to_archive()
    hashes = {name: array_hash(array) for name, array in arrays.items()}
    return digest_of([model.kind, header, hashes])


def digest_of(values: Any) -> str:
    """SHA-256 of JSON values, whatever the order of the keys."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def recorded(path: Path) -> dict[str, Any]:
    """Read what labels say of their making; empty where they do not."""
    try:
        group = zarr().open_group(str(path.absolute()), mode="r")
        return dict(group.attrs[RECORD])
    # A folder of this name may hold anything.
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def made_by_of(path: Path) -> Any:
    """Read what labels are made by; None where they do not say."""
    return recorded(path).get("made_by")


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Say in which respects two origins differ."""
    keys = [k for k in other if k not in one or one[k] != other[k]]
    said = []
    for key in keys:
        a, b = one.get(key), other[key]
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            parts = sorted(k for k in a.keys() | b.keys() if a.get(k) != b.get(k))
            key = f"{key}: {', '.join(f'{k} {a.get(k)!r}' for k in parts)}"
        said.append(key)
    return "; ".join(said)
