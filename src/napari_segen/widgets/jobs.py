"""One running job: a generator of steps on a thread, its messages in the window.

Only signals cross the threads. A job that does not answer a cancel is left behind: its
number is out of date, so whatever it still says is dropped.
"""

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QObject, QTimer, Signal

from napari_segen.core.errors import DataWarning
from napari_segen.core.steps import FINISH, Command, Step, Steps

THREAD_NAME = "napari-segen job"
MESSAGE_SECONDS = 0.05
ANSWER_MS = 400
_NICE = 10


@dataclass(frozen=True)
class Progress:
    """What came since the last message: the newest step, and all figures."""

    step: Step
    figures: tuple[tuple[int, Mapping[str, float]], ...]


class _StepsWorker(GeneratorWorker):
    """A napari worker with a thread of its own, so that it can have a low priority.

    napari lists it when the window is closed and asks it to `quit`. Errors are not
    relayed to napari: the dock shows them.
    """

    def __init__(self, func: Callable[..., Steps[Any]], *args: Any) -> None:
        super().__init__(func, *args)
        self.stop = threading.Event()
        self.finish = threading.Event()
        self.outcome: Any = None
        self.error: BaseException | None = None
        self.said: list[str] = []

    def start(self) -> None:
        threading.Thread(target=self.run, name=THREAD_NAME, daemon=True).start()

    def quit(self) -> None:
        self.stop.set()
        super().quit()

    def run(self) -> None:
        _lower_priority()
        # RuntimeError: the application has gone, and the signals with it.
        with suppress(RuntimeError):
            self.started.emit()
        try:
            with _caught_warnings(self.said):
                self.outcome = self._drive()
        except BaseException as err:  # noqa: BLE001 - the dock must hear of anything
            self.error = err
        with suppress(RuntimeError):
            if self.stop.is_set():
                self.aborted.emit()
            self.finished.emit()

    def _drive(self) -> Any:
        command: Command | None = None
        seen: Step | None = None
        figures: list[tuple[int, Mapping[str, float]]] = []
        sent = 0.0
        while True:
            try:
                step = self._gen.send(command)
            except StopIteration as end:
                self._tell(seen, figures)
                return end.value
            if self.stop.is_set():
                self._gen.close()
                return None
            command = None
            if self.finish.is_set():
                self.finish.clear()
                command = FINISH
            if step is not seen and step.figures:
                figures.append((step.done, step.figures))
            seen = step
            if time.monotonic() - sent >= MESSAGE_SECONDS:
                self._tell(seen, figures)
                figures, sent = [], time.monotonic()

    def _tell(self, step: Step | None, figures: list[Any]) -> None:
        if step is not None and not self.stop.is_set():
            with suppress(RuntimeError):
                self.yielded.emit(Progress(step, tuple(figures)))


def _lower_priority() -> None:
    # Below the window's thread, so that painting stays smooth. Elsewhere than on Linux
    # the call would lower the whole process.
    if sys.platform.startswith("linux"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


@contextmanager
def _caught_warnings(said: list[str]) -> Iterator[None]:
    """Collect the `DataWarning`s of this thread; those of others go their usual way."""
    here = threading.current_thread()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def keep(message, category, *where, **more) -> None:
            if threading.current_thread() is not here:
                usual(message, category, *where, **more)
            elif issubclass(category, DataWarning) and str(message) not in said:
                said.append(str(message))

        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = keep
        yield


class Job(QObject):
    """The job of one dock: at most one runs, the newest.

    Parameters
    ----------
    is_listed : bool
        Whether napari asks before it closes the window while the job runs.

    Signals
    -------
    changed()
        It started, stopped, or is being cancelled.
    progressed(Progress)
    failed(Exception)
    cancelled()
    warned(str)
    """

    changed = Signal()
    progressed = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    warned = Signal(str)

    def __init__(self, *, is_listed: bool = True) -> None:
        super().__init__()
        self._is_listed = is_listed
        self._number = 0
        self._worker: _StepsWorker | None = None
        self._done: Callable[[Any], None] | None = None
        self._cancelling = False
        self.can_finish = False
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(ANSWER_MS)
        self._patience.timeout.connect(self._leave_behind)

    @property
    def is_running(self) -> bool:
        """Whether a job runs, or is being cancelled."""
        return self._worker is not None

    @property
    def is_cancelling(self) -> bool:
        """Whether a cancel waits for its answer."""
        return self._cancelling

    def start(
        self,
        steps: Callable[..., Steps[Any]],
        *args: Any,
        done: Callable[[Any], None],
        can_finish: bool = False,
    ) -> bool:
        """Run ``steps(*args)``, a generator function, on a thread.

        Parameters
        ----------
        steps : generator function
            napari shows its name when the window is closed meanwhile.
        done : callable
            Gets the result, on the main thread.
        can_finish : bool
            Whether the job listens to `finish`.

        Returns
        -------
        bool
            False where one runs already: nothing was started.
        """
        if self.is_running:
            return False
        self._number += 1
        worker = self._make_worker(steps, *args)
        worker.yielded.connect(partial(self._on_progress, self._number))
        worker.finished.connect(partial(self._on_finished, self._number))
        self._worker, self._done, self.can_finish = worker, done, can_finish
        worker.start()
        self.changed.emit()
        return True

    def _make_worker(self, steps: Callable[..., Steps[Any]], *args: Any) -> Any:
        if not self._is_listed:
            return _StepsWorker(steps, *args)
        return create_worker(
            steps,
            *args,
            _start_thread=False,
            _worker_class=_StepsWorker,
            _ignore_errors=True,
        )

    def cancel(self) -> None:
        """Ask the job to end, and go on without it if it does not answer soon."""
        if self._worker is None or self._cancelling:
            return
        self._cancelling = True
        self._worker.quit()
        self._patience.start()
        self.changed.emit()

    def finish(self) -> None:
        """Ask the job to stop early and return the best it has."""
        if self._worker is not None and self.can_finish:
            self._worker.finish.set()

    def shut_down(self) -> None:
        """End without a word: the dock is going away."""
        worker, self._worker = self._worker, None
        self._number += 1
        self._done = None
        with suppress(RuntimeError):  # Qt may have deleted the timer
            self._patience.stop()
        if worker is not None:
            worker.quit()

    def _on_progress(self, number: int, progress: Progress) -> None:
        if number == self._number and not self._cancelling:
            self.progressed.emit(progress)

    def _leave_behind(self) -> None:
        self._on_finished(self._number)

    def _on_finished(self, number: int) -> None:
        if number != self._number or self._worker is None:
            return
        worker, done = self._worker, self._done
        self._number += 1
        was_cancelled = self._cancelling or worker.stop.is_set()
        self._worker, self._done, self._cancelling = None, None, False
        self._patience.stop()
        self.changed.emit()
        if was_cancelled:
            self.cancelled.emit()
        elif worker.error is not None:
            self.failed.emit(worker.error)
        elif done is not None:
            self._hand_over(worker, done)

    def _hand_over(self, worker: _StepsWorker, done: Callable[[Any], None]) -> None:
        try:
            done(worker.outcome)
        except Exception as err:  # noqa: BLE001 - a slot's error would end Qt
            self.failed.emit(err)
        for text in worker.said:
            self.warned.emit(text)
