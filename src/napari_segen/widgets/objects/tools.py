"""Tools in hand: correct objects with a click on them; each click can be undone."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_segen.core.imagespec import FRAME, Array, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.objects.editing import Change, merge, remove, renumber, split
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.parts.clicks import Clicks

MERGE, SPLIT, NUMBER, REMOVE = "Merge", "Split", "New id", "Remove"
HINTS = {
    MERGE: "Click the object to keep, then each that belongs to it.",
    SPLIT: "Click the two halves of an object, one after the other.",
    NUMBER: "Click an object: it gets an id that no other has.",
    REMOVE: "Click an object: it becomes background.",
}

Pixel = tuple[int, ...]
Edit = Callable[[Array], Change]


@dataclass(frozen=True)
class Target:
    """The layer that is corrected, and the meaning of its axes."""

    layer: Labels
    spec: ImageSpec


class Tools(QObject):
    """One tool in hand, or none: then a click chooses an object.

    Parameters
    ----------
    viewer : napari.Viewer
    target : callable
        Returns the `Target`, or why there is none.

    Signals
    -------
    changed()
        Another tool is in hand, or none.
    said(str)
        What to do next, or what was wrong.
    """

    changed = Signal()
    said = Signal(str)

    def __init__(self, viewer: Any, target: Callable[[], Target | str]) -> None:
        super().__init__()
        self._viewer, self._target = viewer, target
        self._job = Job(is_listed=False)
        self._job.failed.connect(lambda error: self.said.emit(str(error)))
        # The pixel clicked before, of which the tool needs two, and its frame.
        self._first: Pixel | None = None
        self.tool: str | None = None
        self._clicks = Clicks(viewer, self._layer, self._on_click)
        viewer.layers.selection.events.active.connect(self._on_active)

    def take(self, tool: str | None) -> None:
        """Take a tool in hand; None puts it down."""
        self._first, self.tool = None, None
        target = self._target()
        if tool is not None and not isinstance(target, str):
            self._clicks.take(target.layer)
            self.tool = tool
        self.said.emit(HINTS[self.tool] if self.tool else "")
        self.changed.emit()

    def shut_down(self) -> None:
        """Let go of the viewer."""
        self._job.shut_down()
        self._clicks.shut_down()
        # RuntimeError, ValueError: the viewer has gone, and the connections with it.
        with suppress(RuntimeError, ValueError, AttributeError):
            self._viewer.layers.selection.events.active.disconnect(self._on_active)

    # -- clicks ---------------------------------------------------------------

    def _on_active(self, event: Any = None) -> None:
        """Another layer is worked on: the tool would be in the way."""
        target = self._target()
        active = self._viewer.layers.selection.active
        if self.tool and (isinstance(target, str) or active is not target.layer):
            self.take(None)

    def _layer(self) -> Labels | None:
        target = self._target()
        return None if isinstance(target, str) else target.layer

    def _on_click(self, position: Any) -> None:
        if self._viewer.dims.ndisplay == 2:
            self.click(position)
        else:
            self.said.emit("Objects are clicked in the 2D display: go back to it.")

    def click(self, position: Any) -> None:
        """Use the tool at a position of the world."""
        target = self._target()
        if isinstance(target, str):
            return
        layer = target.layer
        index = tuple(round(c) for c in layer.world_to_data(position))
        if not all(0 <= i < n for i, n in zip(index, layer.data.shape, strict=True)):
            return
        label = int(layer.data[index])
        if self.tool is None:
            if label:
                layer.selected_label = label
        elif self._job.is_running:
            self.said.emit("One moment: the last click is being carried out.")
        elif self.tool in (MERGE, SPLIT):
            self._click_of_two(target, index, label)
        elif label:
            do = remove if self.tool == REMOVE else renumber
            self._edit(target, index, partial(do, label=label))
        else:
            self.said.emit(f"This is background. {HINTS[self.tool]}")

    def _click_of_two(self, target: Target, index: Pixel, label: int) -> None:
        first = self._first
        if not label:
            self._first = None
            self.said.emit(f"This is background. {HINTS[self.tool]}")
        elif first is None or not _same_frame(target.spec.axes, first, index):
            self._first = index
            target.layer.selected_label = label
            more = "those that belong to it" if self.tool == MERGE else "its other half"
            self.said.emit(f"Object {label}: now click {more}.")
        elif self.tool == MERGE:
            into = int(target.layer.data[first])
            if into and into != label:
                self._edit(target, index, partial(merge, into=into, other=label))
        else:
            self._first = None
            one, other = (_in_frame(target.spec.axes, i) for i in (first, index))
            size = target.spec.sampling
            cut = partial(split, first=one, second=other, sampling=size)
            self._edit(target, index, cut)

    # -- edits ----------------------------------------------------------------

    def _edit(self, target: Target, index: Pixel, edit: Edit) -> None:
        data = target.layer.data

        def done(change: Change) -> None:
            if target.layer.data is data:
                target.layer.data_setitem(change.at, change.value)
                said = f"Done: {len(change.at[0])} pixels are {change.value} now."
                self.said.emit(f"{said} Undo with Ctrl-Z.")

        self._job.start(editing, data, target.spec.axes, index, edit, done=done)


def editing(data: Array, axes: str, index: Pixel, edit: Edit) -> Steps[Change]:
    """Find out what an edit changes in the frame of pixel `index` (for a worker)."""
    yield Step(0, 0, "Correcting")
    within = tuple(
        i if a in FRAME else slice(None) for a, i in zip(axes, index, strict=True)
    )
    change = edit(data[within])
    found = iter(change.at)
    n = len(change.at[0])
    at = tuple(
        np.full(n, i) if a in FRAME else next(found)
        for a, i in zip(axes, index, strict=True)
    )
    return Change(at, change.value)


def _in_frame(axes: str, index: Pixel) -> Pixel:
    return tuple(i for a, i in zip(axes, index, strict=True) if a not in FRAME)


def _same_frame(axes: str, one: Pixel, other: Pixel) -> bool:
    pairs = zip(axes, one, other, strict=True)
    return all(i == j for a, i, j in pairs if a in FRAME)
