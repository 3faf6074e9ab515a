"""Keeping Python's garbage collector out of the way while the user paints.

With Numba loaded a full collection stops everything for a quarter of a second, mostly
to look at modules that stay anyway. Freezing takes those out of its sight.
"""

import gc

_open_docks = 0
_is_frozen = False


def dock_opened() -> None:
    """Count a dock."""
    global _open_docks
    _open_docks += 1


def freeze_once() -> None:
    """Leave what exists now, heavy imports included, out of later collections."""
    global _is_frozen
    if not _is_frozen and _open_docks:
        _is_frozen = True
        gc.freeze()


def dock_closed() -> None:
    """Forget a dock; with the last, all is collected as before."""
    global _open_docks, _is_frozen
    _open_docks -= 1
    if _open_docks <= 0 and _is_frozen:
        _is_frozen = False
        gc.unfreeze()
