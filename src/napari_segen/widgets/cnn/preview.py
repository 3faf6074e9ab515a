"""What the network in training makes of the visible part of an image."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Show
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.layers import Source
from napari_segen.widgets.passing import PassingLabels
from napari_segen.widgets.visible import View, visible_part

TITLE = "CNN preview"
MAX_PIXELS = 2**20
LEAST_SECONDS = 3.0
# A picture may take this share of the time; the rest is for training.
SHARE = 0.1
# Then a picture that was asked for will not come: ask for another.
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class _Asked:
    """What a picture was asked of, and when."""

    source: Source
    view: View
    at: float


class TrainingPreview:
    """One layer that shows how the network in training labels what is in sight.

    Parameters
    ----------
    viewer : napari.Viewer
    send : callable
        Sends a `Show` to the training.
    """

    def __init__(self, viewer: Any, send: Callable[[Show], None]) -> None:
        self._viewer = viewer
        self._send = send
        self._sources: list[Source] = []
        self._colormap: Any = None
        self._shown = PassingLabels(viewer, TITLE)
        self._asked: _Asked | None = None
        self._next = 0.0
        self._is_unwanted = False
        self.is_on = True

    @property
    def layer(self) -> Labels | None:
        """The preview, while there is one."""
        return self._shown.layer

    def begin(self, sources: Sequence[Source], colormap: Any) -> None:
        """Begin to show a training on these images."""
        self.end()
        self._sources, self._colormap = list(sources), colormap
        self._next = 0.0
        self._is_unwanted = False

    def end(self) -> None:
        """Remove the preview: the training is over."""
        self._shown.remove()
        self._sources, self._asked = [], None

    def abandon(self) -> None:
        """Remove the preview if there still is a window."""
        # RuntimeError, ValueError, KeyError: the window is being closed.
        with suppress(RuntimeError, ValueError, KeyError):
            self.end()

    def switch(self, is_on: bool) -> None:
        """Show previews from now on, or none."""
        self.is_on = is_on
        self._is_unwanted = False
        if not is_on:
            self._shown.remove()

    def on_progress(self, progress: Progress, may_ask: bool) -> None:
        """Show the picture that came, and ask for the next when it is time."""
        if not self._sources:
            return
        now = time.monotonic()
        self._respect_deletion()
        if progress.picture is not None and self._asked is not None:
            asked, self._asked = self._asked, None
            self._next = now + max(LEAST_SECONDS, (now - asked.at) / SHARE)
            if self.is_on and not self._is_unwanted:
                self._show(asked.source, asked.view, progress.picture)
        elif self._asked is not None and now - self._asked.at > PATIENCE_SECONDS:
            self._asked = None
        if may_ask and self._is_due(now):
            self._ask(now)

    def _is_due(self, now: float) -> bool:
        is_wanted = self.is_on and not self._is_unwanted
        return is_wanted and self._asked is None and now >= self._next

    def _respect_deletion(self) -> None:
        if self._shown.was_deleted:
            self._shown.remove()
            self._is_unwanted = True

    def _ask(self, now: float) -> None:
        for layer in reversed(self._viewer.layers):
            for i, source in enumerate(self._sources):
                if source.layer() is layer and layer.visible:
                    view = visible_part(self._viewer, layer, source, MAX_PIXELS)
                    if view is not None:
                        self._asked = _Asked(source, view, now)
                        self._send(Show(i, view.frame, view.window))
                        return

    def _show(self, source: Source, view: View, picture: Array) -> None:
        if source.layer() is not None and picture.size == np.prod(view.shape):
            self._shown.show(source, view, picture, colormap=self._colormap)
