"""The next batch, drawn while the last one is being learnt from."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from napari_segen.cnn.batches import Batch, PatchSampler


class Feeder:
    """Draws batches one ahead, in one thread: the order of draws stays the same.

    Parameters
    ----------
    sampler : PatchSampler
    rng : numpy.random.Generator
        Its own: nobody else may draw from it meanwhile.
    """

    def __init__(self, sampler: PatchSampler, rng: np.random.Generator) -> None:
        self._sampler, self._rng = sampler, rng
        self._thread = ThreadPoolExecutor(1, "napari-segen patches")
        self._next: Future[Batch] = self._thread.submit(sampler.draw, rng)

    def draw(self) -> Batch:
        """Return the next batch."""
        batch = self._next.result()
        self._next = self._thread.submit(self._sampler.draw, self._rng)
        return batch

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)
