"""Where a result comes from: versions, hashes of the inputs, dates."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


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
