"""Long work as a generator of small messages that returns its result.

Whoever drives the generator decides what to do with a message: print it, draw it,
drop it. ``steps.close()`` cancels the work; ``steps.send(FINISH)`` asks it to stop
early and return the best it has. Other commands pause the work, or ask for a look at
what it would answer now. Only work that can do so listens to them.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from napari_segen.core.imagespec import Array

S = TypeVar("S")
T = TypeVar("T")

# Units of a job that is made of other jobs.
PARTS = 1000


class Command(Enum):
    """What a driver may send into a generator of steps."""

    FINISH = "finish"
    PAUSE = "pause"
    RESUME = "resume"


FINISH, PAUSE, RESUME = Command.FINISH, Command.PAUSE, Command.RESUME


@dataclass(frozen=True, slots=True)
class Show:
    """Sent into a training: label a part of a training image as things stand.

    The next `Step` holds the answer, `Step.picture`.

    Parameters
    ----------
    pair : int
        Which of the training images.
    frame : int
        Which of its frames (time point or separate image).
    window : tuple of slice
        One per spatial axis of the frame, with start and stop; of a volume one plane
        is ``slice(z, z + 1)``.
    """

    pair: int
    frame: int
    window: tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a long job.

    Parameters
    ----------
    done, total : int
        Units of work done, and in all; ``total=0`` where it is not known.
    text : str
        What is going on, for a person.
    figures : mapping of str to float
        Named numbers to plot over time, such as ``{"loss": 0.31}``.
    picture : array, optional
        Class values of the window that a `Show` asked for.
    """

    done: int
    total: int
    text: str
    figures: Mapping[str, float] = field(default_factory=dict)
    picture: Array | None = field(default=None, compare=False, repr=False)


Order = Command | Show
Steps = Generator[Step, Order | None, T]


def run(steps: Steps[T]) -> T:
    """Drive `steps` to its end and return its result.

    Parameters
    ----------
    steps : generator of Step
        A long job, such as ``segmenter.fit_steps(image, scribbles)``.

    Returns
    -------
    Whatever the job returns. What it raises is passed on.
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def retold_steps(steps: Steps[T], retell: Callable[[Step], Step]) -> Steps[T]:
    """Pass `steps` on, each as `retell` makes it, and orders back to them."""
    order: Order | None = None
    while True:
        try:
            step = steps.send(order)
        except StopIteration as end:
            result: T = end.value
            return result
        order = yield retell(step)


def each_steps(items: Sequence[S], work: Callable[[S], Steps[T]]) -> Steps[list[T]]:
    """Do `work` on one item after the other; returns the list of results."""
    results = []
    for i, item in enumerate(items):
        steps = stretch_steps(work(item), i / len(items), (i + 1) / len(items))
        results.append((yield from steps))
    return results


def stretch_steps(steps: Steps[T], start: float, stop: float) -> Steps[T]:
    """Pass `steps` on as the part from `start` to `stop` (0 to 1) of a longer job."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        fraction = step.done / step.total if step.total else 0.0
        done = round(PARTS * (start + (stop - start) * fraction))
        yield Step(done, PARTS, step.text, step.figures)
