"""The one process that runs Keras for all docks."""

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from napari_segen.core.child import Child
from napari_segen.core.steps import Step, Steps

WAIT_SECONDS = 0.05


class KerasChild:
    """A `Child` that several docks share: one job at a time, alive while a dock is.

    Parameters
    ----------
    warm_up : callable
        Generator function that the child runs first, to import TensorFlow.
    """

    def __init__(self, warm_up: Callable[[], Steps[None]]) -> None:
        self._warm_up = warm_up
        self._child = Child()
        self._turn = threading.Lock()
        self._docks = 0
        self._is_warming = False

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._child.is_alive

    def open(self) -> None:
        """Count a dock that needs the process."""
        self._docks += 1

    def close(self) -> None:
        """Forget a dock; the process ends with the last."""
        self._docks -= 1
        if self._docks <= 0:
            self._docks = 0
            self.kill()

    def kill(self) -> None:
        """End the process at once."""
        self._child.kill()

    def warm_up_steps(self) -> Steps[None]:
        """Start the process and import TensorFlow in it."""
        self._is_warming = True
        try:
            yield from self.run_steps(self._warm_up)
        finally:
            self._is_warming = False

    def run_steps(self, function: Callable[..., Steps[Any]], *args: Any) -> Steps[Any]:
        """Run ``function(*args)`` in the process when it is this job's turn."""
        while not self._turn.acquire(timeout=WAIT_SECONDS):
            other = "TensorFlow to start" if self._is_warming else "the other job"
            yield Step(0, 0, f"Waiting for {other}")
        try:
            return (yield from self._child.run_steps(function, *args))
        finally:
            if not self._docks:  # The last was closed before it was this job's turn.
                self.kill()
            self._turn.release()


def starting_tensorflow(child: KerasChild) -> Steps[None]:
    """Import TensorFlow in the child process; napari shows this function's name."""
    yield from child.warm_up_steps()


def _import_tensorflow() -> Steps[None]:
    from napari_segen.cnn.backend import warm_up_steps

    yield from warm_up_steps()


_shared: KerasChild | None = None


def keras_child() -> KerasChild:
    """Return the process's only `KerasChild`; nothing is started yet."""
    global _shared
    if _shared is None:
        _shared = KerasChild(_import_tensorflow)
        atexit.register(_shared.kill)
    return _shared


@contextmanager
def replaced_child(child: KerasChild) -> Iterator[None]:
    """Let the docks use another child for a while (for tests)."""
    global _shared
    before, _shared = _shared, child
    try:
        yield
    finally:
        _shared = before
