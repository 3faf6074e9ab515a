"""TensorFlow's start, in its own process, before anybody trains."""

from contextlib import suppress

from qtpy.QtCore import QObject, Signal

from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.jobs.keras_child import KerasChild, starting_tensorflow
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.jobs.timers import debounced

DELAY_MS = 200  # for the dock to be drawn first


class WarmUp(QObject):
    """Warms the process for Keras, and says how that goes.

    Signals
    -------
    said(str)
    """

    said = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._child: KerasChild | None = None
        self._job = Job(is_listed=False)
        self._job.progressed.connect(self._on_progress)
        self._job.failed.connect(lambda error: self.said.emit(str(error)))
        self._timer = debounced(self, DELAY_MS, self._start)

    @property
    def is_running(self) -> bool:
        """Whether TensorFlow is being started."""
        return self._job.is_running

    def soon(self, child: KerasChild) -> None:
        """Start TensorFlow in a moment."""
        self._child = child
        self._timer.start()

    def shut_down(self) -> None:
        """Start it no more, and say nothing more."""
        self._job.shut_down()
        with suppress(RuntimeError):  # Qt may have deleted the timer
            self._timer.stop()

    def _start(self) -> None:
        self.said.emit("Starting TensorFlow…")
        self._job.start(
            starting_tensorflow,
            self._child,
            done=lambda _: self.said.emit("TensorFlow ready"),
        )

    def _on_progress(self, progress: Progress) -> None:
        self.said.emit(progress.step.text)
