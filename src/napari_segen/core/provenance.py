"""Where a result comes from: versions, hashes of the inputs, dates."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array

PACKAGES = ("napari-segen", "numpy", "scipy", "scikit-learn", "numba", "tensorflow")


def array_hash(array: Array) -> str:
    """SHA-256 of an array's type, shape and values, whatever its memory layout."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    if array.ndim == 0:
        digest.update(array.tobytes())
    else:
        for part in array:  # a slice at a time: a view needs no whole copy
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def package_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of the installed ones among `packages`, and Python's."""
    found = {p: v for p in packages if (v := _version_of(p)) is not None}
    return {"python": platform.python_version(), **found}


@cache  # looking a version up takes some milliseconds
def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def provenance(
    images: Sequence[Array], labels: Sequence[Array], **more: Any
) -> Mapping[str, Any]:
    """Return what a model file says of its origin, as JSON values."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": package_versions(),
        "images": [array_hash(i) for i in images],
        "labels": [array_hash(x) for x in labels],
        **more,
    }
