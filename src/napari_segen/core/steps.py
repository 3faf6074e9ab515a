"""Long work as a generator of small messages that returns its result.

Whoever drives the generator decides what to do with a message: print it, draw it,
drop it. ``steps.close()`` cancels the work; ``steps.send(FINISH)`` asks it to stop
early and return the best it has, which only work that can do so listens to.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

T = TypeVar("T")


class Command(Enum):
    """What a driver may send into a generator of steps."""

    FINISH = "finish"


FINISH = Command.FINISH


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
    """

    done: int
    total: int
    text: str
    figures: Mapping[str, float] = field(default_factory=dict)


Steps = Generator[Step, Command | None, T]


def run(steps: Steps[T]) -> T:
    """Drive `steps` to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
