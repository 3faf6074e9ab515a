"""Follow a labels layer: measure it anew after it has changed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.provenance import array_hash
from napari_segen.core.steps import Step, Steps
from napari_segen.objects.measurements import measure_steps
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.jobs.timers import debounced

if TYPE_CHECKING:
    import pandas as pd

DEBOUNCE_MS = 300  # undo and redo are not told from other changes of a layer


@dataclass(frozen=True)
class Measured:
    """What is measured.

    Parameters
    ----------
    layer : Labels
    image : array or None
        To measure brightness in; may be lazy.
    spec : ImageSpec
        Axes of the image, or of the labels if there is none.
    """

    layer: Labels
    image: Any
    spec: ImageSpec

    def is_like(self, other: "Measured | None") -> bool:
        """Whether the same pixels of the same layers are meant."""
        return (
            other is not None
            and self.layer is other.layer
            and self.image is other.image
            and self.spec == other.spec
        )


class Measuring(QObject):
    """Measures what `wanted` returns, and again after each change.

    Parameters
    ----------
    wanted : callable
        Returns `Measured`, or None.

    Signals
    -------
    measured(object)
        There is another table, or None.
    failed(str)
    """

    measured = Signal(object)
    failed = Signal(str)

    def __init__(self, wanted: Callable[[], Measured | None]) -> None:
        super().__init__()
        self._wanted = wanted
        self._of: Measured | None = None
        self._digest = ""
        self._job = Job(is_listed=False)
        self._job.failed.connect(self._on_failed)
        self._timer = debounced(self, DEBOUNCE_MS, self._measure)

    @property
    def is_busy(self) -> bool:
        """Whether something is being measured, or about to be."""
        return self._timer.isActive() or self._job.is_running

    def look_again(self) -> None:
        """Follow a change of layers, if there is one."""
        wanted = self._wanted()
        if wanted is None:
            if self._of is not None:
                self._leave()
                self.measured.emit(None)
        elif not wanted.is_like(self._of):
            self._leave()
            self._of = wanted
            for event in self._events(wanted):
                event.connect(self._on_change)
            self._measure()

    def shut_down(self) -> None:
        """End for good."""
        with suppress(RuntimeError):  # Qt may have deleted the timer
            self._timer.stop()
        # The layer or the viewer may have gone.
        with suppress(RuntimeError, ValueError, AttributeError):
            self._leave()

    def _events(self, of: Measured) -> list[Any]:
        events = of.layer.events
        return [events.paint, events.labels_update, events.set_data, events.data]

    def _leave(self) -> None:
        self._timer.stop()
        self._job.shut_down()
        of, self._of, self._digest = self._of, None, ""
        for event in [] if of is None else self._events(of):
            event.disconnect(self._on_change)

    def _on_change(self, event: Any = None) -> None:
        self._timer.start()

    def _measure(self) -> None:
        of = self._of
        if of is None:
            return

        def done(found: "tuple[str, pd.DataFrame | None]") -> None:
            self._digest, table = found
            if table is not None:
                self.measured.emit(table)

        self._job.restart(
            measuring, of.layer.data, of.image, of.spec, self._digest, done=done
        )

    def _on_failed(self, error: Exception) -> None:
        self.measured.emit(None)
        self.failed.emit(str(error))


def measuring(
    labels: Any, image: Any, spec: ImageSpec, digest: str
) -> "Steps[tuple[str, pd.DataFrame | None]]":
    """Measure labels unless they are those of `digest` (for a worker)."""
    yield Step(0, 0, "Reading the objects")
    ids: Array = np.array(labels)  # one paints on meanwhile
    found = array_hash(ids)
    if found == digest:
        return digest, None
    picture = None if image is None else np.asarray(image)
    table = yield from measure_steps(ids, picture, spec)
    return found, table
