"""The cache of features that the jobs of a dock share."""

from typing import Any

_MAX_BYTES = 2 * 2**30


class LazyCache:
    """Makes the `FeatureCache` when it is first wanted: its module is not small."""

    def __init__(self) -> None:
        self._cache: Any = None

    def __call__(self) -> Any:
        """Return the cache, always the same."""
        from napari_segen.features.cache import FeatureCache

        if self._cache is None:
            self._cache = FeatureCache(_MAX_BYTES)
        return self._cache
