"""Doubts about the data: warnings to a caller, and lines of a list to who listens."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from napari_segen.core.errors import DataWarning

_listener: ContextVar[list[str] | None] = ContextVar("listener", default=None)


def doubt(text: str, *, stacklevel: int = 1) -> None:
    """Warn with a `DataWarning`, or tell who listens in this thread.

    Parameters
    ----------
    text : str
        One or more whole sentences: what is doubtful, and what to do.
    stacklevel : int
        As that of `warnings.warn`: 1 is the line that calls `doubt`.
    """
    said = _listener.get()
    if said is None:
        warnings.warn(text, DataWarning, stacklevel=stacklevel + 1)
    elif text not in said:
        said.append(text)


@contextmanager
def doubts_heard() -> Iterator[list[str]]:
    """Collect what is doubted in this thread, each text once, in place of warnings."""
    # Not `warnings.catch_warnings`: it changes the filters of the whole process, and
    # undoes those of other threads when it ends.
    said: list[str] = []
    token = _listener.set(said)
    try:
        yield said
    finally:
        _listener.reset(token)
