"""Which objects would be found in what is in sight, while one turns the knobs."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_segen.core.imagespec import Array
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.jobs.timers import debounced
from napari_segen.widgets.objects.finding import Classes, finding_in_view
from napari_segen.widgets.passing import PassingLabels
from napari_segen.widgets.visible import View, view_events, visible_part
from napari_segen.workflows.record import ObjectsRequest

TITLE = "objects preview"
LOOK_MS = 60  # after the last move of the view, or turn of a knob
MAX_PIXELS = 2**20

Wanted = tuple[Classes, ObjectsRequest]


class ObjectsPreview(QObject):
    """A layer that shows the objects of the visible part.

    Parameters
    ----------
    viewer : napari.Viewer
    wanted : callable
        Returns what to look for and where, or None.

    Signals
    -------
    failed(str)
        There is no preview, for this reason.
    gone()
        Somebody took the layer out.
    """

    failed = Signal(str)
    gone = Signal()

    def __init__(self, viewer: Any, wanted: Callable[[], Wanted | None]) -> None:
        super().__init__()
        self._viewer, self._wanted = viewer, wanted
        self._layer = PassingLabels(viewer, TITLE)
        self._of: Classes | None = None
        self._job = Job(is_listed=False)
        self._job.failed.connect(lambda error: self.failed.emit(str(error)))
        self._look = debounced(self, LOOK_MS, self._ask)
        self.is_on = False

    @property
    def layer(self):
        """The layer, while there is one."""
        return self._layer.layer

    def switch(self, is_on: bool) -> None:
        """Show the preview from now on, or take it away."""
        if is_on == self.is_on:
            return
        self.is_on = is_on
        for event in view_events(self._viewer):
            if is_on:
                event.connect(self.look_again)
            else:
                event.disconnect(self.look_again)
        if is_on:
            self.look_again()
        else:
            self._leave()

    def look_again(self, event: Any = None) -> None:
        """Follow a change of view, layer or settings."""
        if self.is_on:
            self._look.start()

    def shut_down(self) -> None:
        """End for good: the dock was closed, or the viewer."""
        # RuntimeError, ValueError, KeyError: the window is being closed.
        with suppress(RuntimeError, ValueError, KeyError, AttributeError):
            self.switch(False)
        self._job.shut_down()

    def _leave(self) -> None:
        self._look.stop()
        self._job.shut_down()
        self._layer.remove()
        self._of = None

    def _ask(self) -> None:
        if self._layer.was_deleted:
            self.gone.emit()
            return
        wanted = self._wanted()
        view = None if wanted is None else self._view(wanted[0])
        if wanted is None or view is None:
            self._leave()
            return
        classes, request = wanted
        # The same place as before: the layer can stay, and show something else.
        if self._of is not None and _same_place(self._of, classes):
            classes = replace(classes, source=self._of.source)
        self._of = classes

        def done(found: Array) -> None:
            self._layer.show(classes.source, view, found)

        self._job.restart(finding_in_view, classes, request, view, done=done)

    def _view(self, classes: Classes) -> View | None:
        layer = classes.source.layer()
        if layer is None:
            return None
        return visible_part(self._viewer, layer, classes.source, MAX_PIXELS)


def _same_place(a: Classes, b: Classes) -> bool:
    return (
        a.source.layer() is b.source.layer()
        and a.source.data is b.source.data
        and a.source.spec == b.source.spec
    )
