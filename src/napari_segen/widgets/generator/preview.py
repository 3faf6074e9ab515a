"""A few small new images before anything is made: what they will look like."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from magicgui.widgets import CheckBox
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_segen.core.imagespec import CHANNEL, SPACE, Array
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.generator.match import GreyValues
from napari_segen.widgets.generator.middles import middle, middle_to_learn
from napari_segen.widgets.generator.pictures import (
    PictureGrid,
    in_colors,
    label_picture,
    middle_plane,
    with_labels,
)
from napari_segen.widgets.generator.requests import (
    EXAMPLE,
    NOISE,
    PAINTED,
    SHAPES,
    Made,
    Request,
    making,
    spec_of_one,
)
from napari_segen.widgets.jobs.job import Job
from napari_segen.widgets.jobs.steps_worker import Progress
from napari_segen.widgets.jobs.timers import debounced
from napari_segen.widgets.layers import Source
from napari_segen.widgets.parts.panels import side_by_side, stacked
from napari_segen.widgets.tasks import RunSteps, fitted_steps

DEBOUNCE_MS = 250
N_PICTURES = 6
EDGE_PX, DEPTH_PX = 112, 8
_COLUMNS = 3


@dataclass(frozen=True)
class Wanted:
    """What a preview is made of.

    Parameters
    ----------
    run_steps : callable
        Runs the generator's steps, here or in the process for Keras.
    learn : callable
        Generator function that returns the fitted generator.
    request : Request
        The user's own; the preview makes fewer and smaller ones.
    image, labels : array-like, or None
        The example, and its labels or the label map.
    axes : str
        The example's axes.
    is_rgb : bool
        Whether channels are red, green and blue.
    """

    run_steps: RunSteps
    learn: Callable[[], Steps[Any]]
    request: Request
    image: Any = None
    labels: Any = None
    axes: str = "yx"
    is_rgb: bool = False


def previewing(wanted: Wanted, made: Made) -> Steps[None]:
    """Make the preview's images; they are put into `made` one by one."""
    yield Step(0, 0, "Preview")
    made.given = given_middle(wanted)
    made.model = yield from wanted.learn()
    yield from making(wanted.run_steps, made)


def given_middle(wanted: Wanted) -> tuple[Array | None, Array | None]:
    """Cut the middle out of the example and of its labels."""
    image, labels = wanted.image, wanted.labels
    cut = (EDGE_PX, DEPTH_PX, 1)
    if image is not None:
        image = middle(image, wanted.axes, *cut)
    if labels is not None:
        labels = middle(labels, wanted.axes.replace(CHANNEL, ""), *cut)
    if labels is not None and wanted.request.source == PAINTED and "n" in wanted.axes:
        labels = labels[0]
    return image, labels


def small_request(request: Request) -> Request:
    """Ask for a few small images in place of `request`."""
    shape = request.shape
    if request.source in (NOISE, SHAPES):
        limits = (DEPTH_PX, EDGE_PX, EDGE_PX)[-len(shape) :]
        shape = tuple(map(min, shape, limits))
        return replace(request, n=N_PICTURES, shape=shape)
    return replace(request, n=N_PICTURES - 1)


def learning_from_middle(
    run_steps: RunSteps,
    model: Any,
    source: Source,
    labels: Any,
    task: str,
    grey: GreyValues | None,
) -> Steps[Any]:
    """Fit a method without training to the middle of an image: that is fast."""
    yield Step(0, 0, "Reading the image")
    image = middle_to_learn(source.data, source.axes)
    if labels is not None:
        labels = np.array(middle_to_learn(labels, source.spec.label_axes))
    options = {"spec": source.spec, "task": task}
    if grey is not None:
        options["match_to"] = yield from grey.reading(is_preview=True)
    return (yield from fitted_steps(run_steps, model, image, labels, **options))


class Previewer(QObject):
    """Keeps a grid of previews up to date; the newest choice wins.

    Parameters
    ----------
    make : callable
        Returns what is wanted now, or a sentence that says why nothing can be shown;
        None leaves everything as it is.

    Signals
    -------
    made()
        All samples are there.
    """

    made = Signal()

    def __init__(self, make: Callable[[], Wanted | str | None]) -> None:
        super().__init__()
        self._make = make
        self._job = Job(is_listed=False)
        self._job.progressed.connect(self._on_progress)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_timeout)
        self._timer = debounced(self, DEBOUNCE_MS, self._on_timeout)
        self._wanted: Wanted | None = None
        self._made: Made | None = None
        self._n_shown = -1
        self._is_due = False
        self._is_shut = False
        self.grid = PictureGrid(_COLUMNS, "Small samples of what would be made now.")
        self.is_on = CheckBox(
            text="live preview",
            value=True,
            tooltip="Make a few small samples whenever something is chosen.",
        )
        self.is_on.changed.connect(lambda _: self.ask())
        self.outlines = CheckBox(
            text="outlines",
            value=True,
            tooltip="Draw the labels over the samples.",
        )
        self.outlines.changed.connect(lambda _: self._draw())

    def native(self) -> QWidget:
        """Return the grid with its switches."""
        switches = side_by_side(self.is_on.native, self.outlines.native)
        return stacked(self.grid, switches)

    @property
    def is_running(self) -> bool:
        """Whether samples are being made."""
        return self._job.is_running or self._timer.isActive()

    @property
    def seconds_per_value(self) -> float | None:
        """Time for each grey value of the last samples; None if not known."""
        if self._made is None or not self._made.seconds_each:
            return None
        return self._made.seconds_each / max(self._made.images[0].size, 1)

    def ask(self) -> None:
        """Ask for new samples, in a moment."""
        if not self._is_shut:
            self._timer.start()

    def hold(self) -> None:
        """End what runs: a job of the user's own comes first."""
        self._timer.stop()
        self._is_due = False
        self._job.cancel()

    def _on_timeout(self) -> None:
        if self._is_shut:
            return
        if self._job.is_running:
            self._is_due = True
            self._job.cancel()
            return
        if self._job_was_held():
            return
        self._start()

    def _job_was_held(self) -> bool:
        # The cancel's answer comes here too: go on only if something is due.
        held = not self._is_due and self.sender() is self._job
        self._is_due = False
        return held

    def _start(self) -> None:
        wanted = self._make() if self.is_on.value else "The live preview is off."
        if wanted is None:
            return
        if isinstance(wanted, str):
            self._wanted = self._made = None
            self.grid.show_text(wanted)
            return
        self._wanted, self._made = wanted, Made(small_request(wanted.request))
        self._n_shown = -1
        self._job.start(previewing, wanted, self._made, done=self._on_made)

    def _on_progress(self, progress: Progress) -> None:
        if self._made is not None and self._made.n_done != self._n_shown:
            self._draw()

    def _on_made(self, _: object) -> None:
        self._draw()
        self.made.emit()

    def _on_failed(self, error: BaseException) -> None:
        self.grid.show_text(f"No preview: {error}")

    def _draw(self) -> None:
        if self._wanted is None or self._made is None or self._is_shut:
            return
        self._n_shown = self._made.n_done
        if self._n_shown:
            pictures = pictures_of(self._wanted, self._made, self.outlines.value)
            self.grid.show_pictures(pictures, N_PICTURES)
        elif not self.grid.n_pictures:
            self.grid.show_text("Making samples…")

    def shut_down(self) -> None:
        """End for good."""
        self._is_shut = True
        with suppress(RuntimeError):  # Qt may have deleted the timer
            self._timer.stop()
        self._job.shut_down()


def pictures_of(wanted: Wanted, made: Made, outlines: bool) -> list[Array]:
    """Draw what has been made, after what it was made from."""
    source = made.request.source
    axes = wanted.axes if source == EXAMPLE else made_axes(made)
    planes = [middle_plane(image, axes) for image in made.images]
    label_axes = axes.replace(CHANNEL, "")
    marks: list[Array | None] = [None] * len(planes)
    if made.labels is not None:
        marks = [middle_plane(x, label_axes)[0] for x in made.labels]
    image, labels = made.given
    given = None if labels is None else middle_plane(labels, label_axes)[0]
    if source == PAINTED:
        marks = [given] * len(planes)
    if source == EXAMPLE and image is not None:
        planes = [middle_plane(image, axes), *planes]
        marks = [given if made.request.pairs else None, *marks]
    pictures = in_colors(planes, wanted.is_rgb)
    if outlines:
        pictures = [
            picture if mark is None else with_labels(picture, mark)
            for picture, mark in zip(pictures, marks, strict=True)
        ]
    if source == PAINTED and given is not None:
        pictures = [label_picture(given), *pictures]
    return pictures


def made_axes(made: Made) -> str:
    """Return the axes of one image that was made from nothing."""
    n_space = spec_of_one(made).n_space
    return SPACE[-n_space:] + CHANNEL * (made.images.ndim - 1 - n_space)
