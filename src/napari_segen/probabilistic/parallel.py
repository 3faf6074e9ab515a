"""Independent pieces of array work on several threads, as steps."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from napari_segen.core.steps import Step, Steps
from napari_segen.features.bank import usable_processors

T = TypeVar("T")

PARTS = 1000


def side_by_side_steps(jobs: Sequence[Callable[[], None]], text: str) -> Steps[None]:
    """Run all `jobs`, each of which writes into its own part of a result.

    Closing the generator cancels those that have not begun and waits for the others,
    so that nothing is written afterwards.
    """
    n_threads = min(len(jobs), usable_processors())
    with ThreadPoolExecutor(n_threads) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for i, future in enumerate(futures, start=1):
                future.result()
                yield Step(i, len(jobs), text)
        finally:
            for future in futures:
                future.cancel()


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
