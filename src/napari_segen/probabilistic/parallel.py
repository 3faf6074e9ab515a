"""Independent pieces of array work on several threads, as steps."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from napari_segen.core.steps import Step, Steps
from napari_segen.features.bank import usable_processors


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
