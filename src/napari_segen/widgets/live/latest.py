"""The newest of many short jobs, on a thread of its own: older ones are dropped."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_segen.core.steps import Steps
from napari_segen.widgets.jobs.steps_worker import lower_priority

THREAD_NAME = "napari-segen live"
LOOK_SECONDS = 0.3  # between two looks at what a long job has done so far
_LOG = logging.getLogger(__name__)

Job = Callable[[], Steps[Any]]


class Latest(QObject):
    """Runs the job that was asked for last; one that is older ends at its next step.

    Parameters
    ----------
    show : str
        The text of steps after which there is something to see.

    Signals
    -------
    shown(int)
        There is something to see: after such a step, and now and then before it.
    failed(int, Exception)
    ended(int)
        Each tells the number of its job; what is not `number` is history.

    Attributes
    ----------
    number : int
        Of the job that was asked for last.
    """

    shown = Signal(int)
    failed = Signal(int, object)
    ended = Signal(int)

    def __init__(self, show: str) -> None:
        super().__init__()
        self._show = show
        self._wanted: Job | None = None
        self._has_news = threading.Condition()
        self._is_shut = False
        self._thread: threading.Thread | None = None
        self.number = 0

    def ask(self, job: Job) -> None:
        """Run this job instead of what runs or waits."""
        with self._has_news:
            self._wanted = job
            self.number += 1
            if self._thread is None and not self._is_shut:
                self._thread = threading.Thread(
                    target=self._work, name=THREAD_NAME, daemon=True
                )
                self._thread.start()
            self._has_news.notify()

    def cancel(self) -> None:
        """End what runs, and run nothing until the next `ask`."""
        with self._has_news:
            self._wanted = None
            self.number += 1

    def shut_down(self) -> None:
        """End the thread."""
        with self._has_news:
            self._is_shut, self._wanted = True, None
            self.number += 1
            self._has_news.notify()

    def _work(self) -> None:
        lower_priority()
        while True:
            with self._has_news:
                while self._wanted is None and not self._is_shut:
                    self._has_news.wait()
                if self._is_shut:
                    return
                job, self._wanted = self._wanted, None
                number = self.number
            # RuntimeError: the application has gone, and the signals with it.
            with suppress(RuntimeError):
                self._run(job(), number)

    def _run(self, steps: Steps[Any], number: int) -> None:
        looked = time.monotonic()
        try:
            for step in steps:
                if self.number != number:
                    steps.close()
                    return
                now = time.monotonic()
                if step.text == self._show or now - looked > LOOK_SECONDS:
                    looked = now
                    self.shown.emit(number)
        except Exception as err:  # noqa: BLE001 - the window must hear of anything
            _LOG.info("the live preview failed", exc_info=err)
            self.failed.emit(number, err)
            return
        self.ended.emit(number)
