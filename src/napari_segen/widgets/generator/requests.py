"""What the generator's dock asks for, how large that is, and how it is made.

Also runs in the process for Keras, so nothing here imports napari or Qt.
"""

import time
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps, retold_steps
from napari_segen.widgets.jobs.kept_model import run_with_model
from napari_segen.workflows.cost import in_time, said_of_size
from napari_segen.workflows.plans import (
    Plan,
    new_images,
    painted_images,
    variations,
)

NOISE, EXAMPLE, PAINTED, SHAPES = "noise", "example", "labels", "shapes"

ASK_BYTES = 2 * 10**9
ASK_SECONDS = 600.0
_WORTH_TELLING_S = 5.0


@dataclass(frozen=True)
class Request:
    """New images that are asked for.

    Parameters
    ----------
    source : str
        What they are made from: `NOISE`, `EXAMPLE`, `PAINTED` or `SHAPES`.
    n : int
        How many.
    shape : tuple of int
        Spatial shape; of an example or a label map that of its array.
    seed : int
        Image i depends on `seed` and i only.
    strength : float
        How far a variation departs from its example.
    pairs : bool
        Whether labels come with the images.
    """

    source: str
    n: int
    shape: tuple[int, ...]
    seed: int
    strength: float = 0.5
    pairs: bool = False


class Made:
    """What has been made so far; a thread adds to it while another looks.

    Parameters
    ----------
    request : Request

    Attributes
    ----------
    model : ImageGenerator, or None
        What makes them, once it is ready.
    given : array or None, array or None
        The example, and its labels or the label map.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.model: Any = None
        self.given: tuple[Array | None, Array | None] = (None, None)
        self.n_done = 0
        self._times: list[float] = []
        self._images: Array | None = None
        self._labels: Array | None = None
        self._waiting: Array | None = None

    def frozen(self) -> "Made":
        """Return what is ready now; whoever was left behind adds to it no more."""
        now = copy(self)
        now._times = list(self._times)
        return now

    @property
    def images(self) -> Array:
        """Those that are ready, ``(n_done, ...)``."""
        return _first(self._images, self.n_done)

    @property
    def labels(self) -> Array | None:
        """Their labels, if they have some."""
        return _first(self._labels, self.n_done) if self.request.pairs else None

    @property
    def seconds_each(self) -> float:
        """Time for one image, without what came before the first; 0 if not known."""
        if len(self._times) < 2:
            return 0.0
        return (self._times[-1] - self._times[0]) / (len(self._times) - 1)

    def take(self, array: Array) -> None:
        """Add what `made_in_child` sends: an image, and then its labels if any."""
        if self.request.pairs and self._waiting is None:
            self._waiting = array
            return
        image, labels = (self._waiting, array) if self.request.pairs else (array, None)
        assert image is not None
        self._images = self._with(self._images, image)
        if labels is not None:
            self._labels = self._with(self._labels, labels)
        self._waiting = None
        self.n_done += 1
        self._times.append(time.monotonic())

    def _with(self, stack: Array | None, one: Array) -> Array:
        if stack is None:
            # Untouched memory costs nothing until it is written to.
            stack = np.empty((self.request.n, *one.shape), one.dtype)
        elif np.result_type(stack, one) != stack.dtype:
            stack = stack.astype(np.result_type(stack, one))
        stack[self.n_done] = one
        return stack

    def remaining_text(self) -> str:
        """Say how long the rest will take, once that can be told."""
        seconds = self.seconds_each * (self.request.n - self.n_done)
        return f", about {in_time(seconds)} left" if seconds > _WORTH_TELLING_S else ""


def _first(stack: Array | None, n: int) -> Array:
    return np.zeros((0, 1, 1), np.uint8) if stack is None else stack[:n]


def made_in_child(
    model: Any, request: Request, image: Array | None, labels: Array | None
) -> Steps[None]:
    """Make images one by one; each travels as the `picture` of a step, then its labels.

    Parameters
    ----------
    model : ImageGenerator
    request : Request
    image : array, or None
        The example.
    labels : array, or None
        The example's labels, or the label map that an image is made for.
    """
    plan = plan_of(model, request, image, labels)
    for i in range(plan.n):
        made, marks = yield from _as_part(plan.make(i), i, plan.n)
        text = f"Image {i + 1} of {plan.n}"
        yield Step(i + 1, plan.n, text, picture=made)
        if request.pairs:
            yield Step(i + 1, plan.n, text, picture=marks)


def plan_of(
    model: Any, request: Request, image: Array | None, labels: Array | None
) -> Plan:
    """Return how a request's images are made one by one."""
    n, seed = request.n, request.seed
    if request.source == EXAMPLE:
        marks = labels if request.pairs else None
        return variations(model, image, marks, n, request.strength, seed)
    if request.source == PAINTED:
        assert labels is not None
        is_stack = labels.ndim > model.spec_.n_space
        return painted_images(model, labels, 1 if is_stack else n, seed)
    return new_images(model, n, request.shape, seed, pairs=request.pairs)


def _as_part(steps: Steps[Any], i: int, n: int) -> Steps[Any]:
    """Pass the steps of one image on as part of all."""

    def retold(step: Step) -> Step:
        text = step.text.removeprefix("Image 1 of 1: ")
        return Step(i, n, f"Image {i + 1} of {n}: {text}", step.figures)

    return retold_steps(steps, retold)


def making(run_steps: Any, made: Made) -> Steps[None]:
    """Make what `made` asks for, where `run_steps` runs it."""
    steps = run_with_model(
        run_steps, made_in_child, made.model, made.request, *made.given
    )

    def retold(step: Step) -> Step:
        if step.picture is not None:
            made.take(step.picture)
        return replace(step, text=step.text + made.remaining_text(), picture=None)

    return retold_steps(steps, retold)


def spec_of_one(made: Made) -> ImageSpec:
    """Describe one of the images that were made (of an example: its own axes)."""
    if made.request.source == SHAPES:
        return made.model.spec_for(made.request.shape)
    return made.model.spec_


def recipe_json(made: Made) -> dict[str, Any]:
    """Describe the images that were made, so that they can be made again."""
    plan = plan_of(made.model, made.request, *made.given)
    return dict(plan.recipe(made.n_done))


def said_of(request: Request, size: int, seconds: float | None) -> str:
    """Say how large a request is, and how long it takes if that is known."""
    return said_of_size(request.n, request.shape, size, seconds)


def is_large(size: int, seconds: float | None) -> bool:
    """Whether the user should be asked before."""
    return size > ASK_BYTES or (seconds is not None and seconds > ASK_SECONDS)
