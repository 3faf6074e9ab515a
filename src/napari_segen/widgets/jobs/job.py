"""One running job: a generator of steps on a thread, its messages in the window.

A job that does not answer a cancel is left behind: its number is out of date, so
whatever it still says is dropped.
"""

from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from napari_segen.core.steps import FINISH, PAUSE, RESUME, Order, Steps
from napari_segen.widgets.jobs.steps_worker import Progress, StepsWorker
from napari_segen.widgets.jobs.timers import debounced

ANSWER_MS = 400

# What shows a result: at once, or a bit at each turn of the event loop. The latter may
# return what is to be called when all is shown.
Showing = Generator[None, None, Callable[[], object] | None]


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
        self._worker: StepsWorker | None = None
        self._done: Callable[[Any], Showing | None] | None = None
        self._showing: Showing | None = None
        self._cancelling = False
        self._is_paused = False
        self.can_finish = False
        self._turn = debounced(self, 0, self._show_more)
        self._patience = debounced(self, ANSWER_MS, self._leave_behind)

    @property
    def is_running(self) -> bool:
        """Whether a job runs, is being cancelled, or shows its result."""
        return self._worker is not None or self._showing is not None

    @property
    def is_showing(self) -> bool:
        """Whether the work is done, and its result on its way into the window."""
        return self._showing is not None

    @property
    def is_paused(self) -> bool:
        """Whether the job was asked to pause, and not to go on."""
        return self._is_paused

    @property
    def is_cancelling(self) -> bool:
        """Whether a cancel waits for its answer."""
        return self._cancelling

    def start(
        self,
        steps: Callable[..., Steps[Any]],
        *args: Any,
        done: Callable[[Any], Showing | None],
        can_finish: bool = False,
    ) -> bool:
        """Run ``steps(*args)``, a generator function, on a thread.

        Parameters
        ----------
        steps : generator function
            napari shows its name when the window is closed meanwhile.
        done : callable
            Gets the result, on the main thread. A generator function shows it bit by
            bit, a turn of the event loop between two yields; it may return what is to
            be called in the end, when another job can start.
        can_finish : bool
            Whether the job listens to `finish`, `pause` and `resume`.

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
        self._is_paused = False
        worker.start()
        self.changed.emit()
        return True

    def restart(
        self,
        steps: Callable[..., Steps[Any]],
        *args: Any,
        done: Callable[[Any], Showing | None],
    ) -> None:
        """Run this instead of what runs, of which nothing more is heard."""
        self.shut_down()
        self.start(steps, *args, done=done)

    def _make_worker(self, steps: Callable[..., Steps[Any]], *args: Any) -> Any:
        if not self._is_listed:
            return StepsWorker(steps, *args)
        return create_worker(
            steps,
            *args,
            _start_thread=False,
            _worker_class=StepsWorker,
            _ignore_errors=True,
        )

    def cancel(self) -> None:
        """Ask the job to end, and go on without it if it does not answer soon."""
        if self._worker is None or self._cancelling:
            return
        self._cancelling = True
        self._worker.end()
        self._patience.start()
        self.changed.emit()

    def send(self, order: Order) -> None:
        """Send an order to the job; one that does not listen drops it."""
        if self._worker is not None:
            self._worker.orders.put(order)

    def finish(self) -> None:
        """Ask the job to stop early and return the best it has."""
        if self.can_finish:
            self.can_finish = False
            self.send(FINISH)
            self.changed.emit()

    def pause(self) -> None:
        """Ask the job to wait until `resume`."""
        self._set_paused(True)

    def resume(self) -> None:
        """Ask the job to go on."""
        self._set_paused(False)

    def _set_paused(self, is_paused: bool) -> None:
        if self.can_finish and self._worker is not None:
            self._is_paused = is_paused
            self.send(PAUSE if is_paused else RESUME)
            self.changed.emit()

    def shut_down(self) -> None:
        """End without a word: the dock is going away."""
        worker, self._worker = self._worker, None
        self._number += 1
        self._done = self._showing = None
        with suppress(RuntimeError):  # Qt may have deleted the timers
            self._patience.stop()
            self._turn.stop()
        if worker is not None:
            worker.end()

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
        self._is_paused = self.can_finish = False
        self._patience.stop()
        if was_cancelled or worker.error is not None or done is None:
            self.changed.emit()
        if was_cancelled:
            self.cancelled.emit()
        elif worker.error is not None:
            self.failed.emit(worker.error)
        elif done is not None:
            self._hand_over(worker, done)

    def _hand_over(
        self, worker: StepsWorker, done: Callable[[Any], Showing | None]
    ) -> None:
        self._showing = _shown(worker, done, self.warned.emit)
        self._show_more()

    def _show_more(self) -> None:
        showing, then = self._showing, None
        if showing is None:
            return
        try:
            next(showing)
            self._turn.start()
        except StopIteration as end:
            self._showing, then = None, end.value
            self.changed.emit()
        except Exception as err:  # noqa: BLE001 - a slot's error would end Qt
            self._showing = None
            self.changed.emit()
            self.failed.emit(err)
        if then is not None:
            then()


def _shown(
    worker: StepsWorker,
    done: Callable[[Any], Showing | None],
    warn: Callable[[str], None],
) -> Showing:
    """Show a result, and what was doubtful about it."""
    showing = done(worker.outcome)
    then = None
    if showing is not None:
        then = yield from showing
    for text in worker.said:
        warn(text)
    return then
