"""A generator of steps on a thread of its own; only signals cross the threads."""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

from napari.qt.threading import GeneratorWorker

from napari_segen.core.doubts import doubts_heard
from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Order, Step, Steps

THREAD_NAME = "napari-segen job"
MESSAGE_SECONDS = 0.05
_NICE = 10


@dataclass(frozen=True)
class Progress:
    """What came since the last message: the newest step, all figures, any picture."""

    step: Step
    figures: tuple[tuple[int, Mapping[str, float]], ...]
    picture: Array | None = None


class StepsWorker(GeneratorWorker):
    """A napari worker with a thread of its own, so that it can have a low priority.

    napari lists it when the window is closed. Errors are not relayed to napari: the
    dock shows them.
    """

    # Until the last message has come: PyQt delivers those that wait to slots of a
    # worker that the garbage collector has emptied, partials such as napari's among
    # them, and calling these ends the process.
    _speaking: ClassVar[set["StepsWorker"]] = set()

    def __init__(self, func: Callable[..., Steps[Any]], *args: Any) -> None:
        super().__init__(func, *args)
        self.stop = threading.Event()
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self.outcome: Any = None
        self.error: BaseException | None = None
        self.said: list[str] = []

    def start(self) -> None:
        """Begin, on a new thread."""
        self._speaking.add(self)
        # After all other slots: they are called in turn.
        self.finished.connect(self._let_go)
        threading.Thread(target=self.run, name=THREAD_NAME, daemon=True).start()

    def _let_go(self) -> None:
        self._speaking.discard(self)
        # An error holds the frames that it came through, and these hold the worker.
        self.error = None

    def end(self) -> None:
        """Close the generator at its next step."""
        self.stop.set()

    @staticmethod
    def quit() -> None:
        """Go on: napari closes the window that was used last when this began.

        It may be another viewer's. A dock ends its job when its own is closed. Static,
        because napari never forgets this function: a method would hold the worker.
        """

    def run(self) -> None:
        """Drive the generator to its end (on the thread)."""
        lower_priority()
        # RuntimeError: the application has gone, and the signals with it.
        with suppress(RuntimeError):
            self.started.emit()
        try:
            with doubts_heard() as self.said:
                self.outcome = self._drive()
        except BaseException as err:  # noqa: BLE001 - the dock must hear of anything
            self.error = err
        with suppress(RuntimeError):
            if self.stop.is_set():
                self.aborted.emit()
            self.finished.emit()

    def _drive(self) -> Any:
        news = _News(self._tell)
        order: Order | None = None
        while True:
            try:
                step = self._gen.send(order)
            except StopIteration as end:
                news.pass_on()
                return end.value
            if self.stop.is_set():
                self._gen.close()
                return None
            order = self._next_order()
            news.add(step)

    def _next_order(self) -> Order | None:
        try:
            return self.orders.get_nowait()
        except queue.Empty:
            return None

    def _tell(self, progress: Progress) -> None:
        if not self.stop.is_set():
            with suppress(RuntimeError):
                self.yielded.emit(progress)


class _News:
    """Gathers steps to a message each few hundredths of a second; loses no figure."""

    def __init__(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell
        self._step: Step | None = None
        self._figures: list[tuple[int, Mapping[str, float]]] = []
        self._picture: Array | None = None
        self._told = 0.0

    def add(self, step: Step) -> None:
        # The same figures come again where a process has nothing new to say.
        known = self._step is not None and step.figures is self._step.figures
        if step.figures and not known:
            self._figures.append((step.done, step.figures))
        if step.picture is not None:
            self._picture = step.picture
        self._step = step
        if time.monotonic() - self._told >= MESSAGE_SECONDS:
            self.pass_on()

    def pass_on(self) -> None:
        if self._step is not None:
            self._tell(Progress(self._step, tuple(self._figures), self._picture))
        self._figures, self._picture, self._told = [], None, time.monotonic()


def lower_priority() -> None:
    """Let this thread, and those that it starts, wait for others."""
    # Below the window's thread, so that painting stays smooth. Elsewhere than on Linux
    # the call would lower the whole process.
    if sys.platform.startswith("linux"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
