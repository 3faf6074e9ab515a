"""The next batch, drawn while the last one is being learnt from."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

import numpy as np

B = TypeVar("B", covariant=True)


class Sampler(Protocol[B]):
    """What draws batches of some kind."""

    def draw(self, rng: np.random.Generator) -> B:
        """Return the next batch."""


class Feeder(Generic[B]):
    """Draws batches one ahead, in one thread: the order of draws stays the same.

    Parameters
    ----------
    sampler : Sampler
    rng : numpy.random.Generator
        Its own: nobody else may draw from it meanwhile.
    """

    def __init__(self, sampler: Sampler[B], rng: np.random.Generator) -> None:
        self._sampler, self._rng = sampler, rng
        self._thread = ThreadPoolExecutor(1, "napari-segen patches")
        self._next: Future[B] = self._thread.submit(sampler.draw, rng)

    def draw(self) -> B:
        """Return the next batch."""
        batch = self._next.result()
        self._next = self._thread.submit(self._sampler.draw, self._rng)
        return batch

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)
