"""What a generator is: learn from source images, make new ones, vary given ones."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from napari_segen.core.checks import Pair
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.generation.values import ValueRange

TASKS = ("classes", "instances")


@dataclass(frozen=True, slots=True)
class Source:
    """One frame to learn from, or one that was made.

    Parameters
    ----------
    image : array of shape (C, *S)
    labels : array of shape (*S), or None
    """

    image: Array
    labels: Array | None


def sources_of(pair: Pair) -> list[Source]:
    """Split an image and its labels into frames."""
    labels = [None] * len(pair.frames) if pair.labels is None else list(pair.labels)
    return [Source(f, x) for f, x in zip(pair.frames, labels, strict=True)]


def label_values(sources: Sequence[Source]) -> Array:
    """Return the label values that occur, ascending; none without labels."""
    # One type first: of int64 and uint64 NumPy makes float64.
    found = [
        np.unique(s.labels).astype(np.uint64) for s in sources if s.labels is not None
    ]
    return np.unique(np.concatenate([*found, np.zeros(0, np.uint64)]))


@dataclass(frozen=True, slots=True)
class Budget:
    """When training ends: at whichever limit comes first; None is no limit."""

    epochs: int | None
    max_steps: int | None
    time_limit_s: float | None

    def is_spent(self, n_steps: int, steps_per_epoch: int, started: float) -> bool:
        """Whether a limit is reached after `n_steps` and since `started`.

        Time allows for one step at least, however busy the machine.
        """
        if self.max_steps is not None and n_steps >= self.max_steps:
            return True
        if self.epochs is not None and n_steps >= self.epochs * steps_per_epoch:
            return True
        if self.time_limit_s is None or not n_steps:
            return False
        return time.monotonic() - started >= self.time_limit_s

    def total_steps(self, steps_per_epoch: int) -> int:
        """Optimiser steps at most; 0 where only time limits them."""
        limits = [self.max_steps] if self.max_steps is not None else []
        if self.epochs is not None:
            limits.append(self.epochs * steps_per_epoch)
        return min(limits, default=0)


class GeneratorMethod(ABC):
    """One way to make images; subclasses are listed in the registry.

    A subclass keeps what it has learnt in NumPy arrays and plain values. Class
    attributes say what it can do, so that a form can offer just that.

    Attributes
    ----------
    Params : type
        Frozen dataclass of its parameters.
    title, summary : str
        For forms and tables.
    needs_training : bool
        Whether `fit` is an optimisation with budget, steps and loss curve.
    makes_pairs : bool
        Whether it makes labels along with images, if fitted with labels.
    can_vary : bool
        Whether it can vary a given image.
    can_paint : bool
        Whether it makes an image for given labels, if fitted with labels.
    needs_images : bool
        Whether it must be fitted; the others make images of their own.
    tasks : tuple of str
        What the labels that it can learn from mean: the values of ``"classes"``, or
        the ids of ``"instances"``, with 0 for background.
    dimensions : tuple of int
        Numbers of spatial axes that it takes.
    max_label_values : int or None
        How many different values of classes it can learn.
    can_match : bool
        Whether its images can take over given grey values.
    task : str
        What its labels mean; one of `tasks`.
    """

    Params: ClassVar[type]
    title: ClassVar[str]
    summary: ClassVar[str]
    needs_training: ClassVar[bool]
    makes_pairs: ClassVar[bool]
    can_vary: ClassVar[bool]
    can_paint: ClassVar[bool] = False
    needs_images: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = TASKS
    dimensions: ClassVar[tuple[int, ...]] = (2, 3)
    max_label_values: ClassVar[int | None] = None
    can_match: ClassVar[bool] = False

    def __init__(self, params: Any, sampling: tuple[float, ...]) -> None:
        self.params = params
        self.sampling = sampling
        self.history: dict[str, list[float]] = {}
        self.n_steps = 0
        self.task = TASKS[0]

    def fit_steps(
        self,
        sources: Sequence[Source],
        budget: Budget,
        seed: int,
        task: str = "classes",
    ) -> Steps[None]:
        """Learn from `sources`, all with labels or all without, and set `task`.

        Every method with `needs_images` has one of its own.
        """
        raise NotImplementedError

    def take_over_values(self, match_to: Any, spec: ImageSpec, n_channels: int) -> None:
        """Give new images these grey values; before the fit, for methods that can."""
        raise NotImplementedError

    def range_of(self, frames: Sequence[Array]) -> ValueRange:
        """Return the range that images made from ``(N, C, *S)`` each may fill."""
        return ValueRange.union([ValueRange.of(f) for f in frames])

    def output_range(self) -> ValueRange:
        """Return type and range of the images; for methods without `needs_images`."""
        raise NotImplementedError

    @abstractmethod
    def make_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator, *, with_labels: bool
    ) -> Steps[Source]:
        """Make one image of the spatial `shape`.

        Grey values are on the scale of the sources, of any real dtype, and may
        exceed their range: the caller clips and rounds. Labels are values of the
        training labels, or ids of objects, in any order, and 0.
        """

    def paint_steps(self, labels: Array, rng: np.random.Generator) -> Steps[Array]:
        """Make an image ``(C, *S)`` for labels ``(*S)``; for methods that can."""
        raise NotImplementedError

    def vary_steps(
        self, source: Source, strength: float, rng: np.random.Generator
    ) -> Steps[Source]:
        """Make a variation of `source`, ``0 < strength <= 1``; for methods that can."""
        raise NotImplementedError

    def varied_range(self, image: Array) -> ValueRange:
        """Return the range that a variation of an image ``(C, *S)`` may fill."""
        return ValueRange.of(image[np.newaxis])

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what was learnt, as JSON values and arrays."""

    @abstractmethod
    def restore(
        self, header: Mapping[str, Any], arrays: Mapping[str, Array], n_channels: int
    ) -> None:
        """Take over what `state` returned, of images of so many channels.

        ValueError on anything else.
        """
