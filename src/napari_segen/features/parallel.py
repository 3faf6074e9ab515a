"""Independent pieces of array work on several threads, as steps."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from threading import Event

from napari_segen.core.steps import Step, Steps

PATIENCE_S = 0.1  # between two Steps, so that Cancel is heard
AHEAD = 3  # jobs in the queue for each thread: others shall not wait for all of them

_is_alone: ContextVar[bool] = ContextVar("is_alone", default=False)


def side_by_side_steps(
    jobs: Sequence[Callable[[], None]],
    text: str,
    *,
    stop: Event | None = None,
) -> Steps[None]:
    """Run all `jobs`, each of which writes into its own part of a result.

    Closing the generator sets `stop`, which the jobs may look at, cancels those that
    have not begun and waits for the others, so that nothing is written afterwards.
    There is one thread per usable processor. They are shared, in turn, with whoever
    else is here; a job must not come here itself. `on_one_thread`, the caller's own
    does all of it.
    """
    if is_on_one_thread():
        for i, work in enumerate(jobs):
            yield Step(i, len(jobs), text)
            work()
        return
    n_threads = usable_processors()
    pool, left, done = _pool(n_threads), iter(jobs), 0
    waiting: set[Future[None]] = set()
    try:
        waiting.update(pool.submit(job) for job in islice(left, AHEAD * n_threads))
        while waiting:
            ready, waiting = wait(waiting, PATIENCE_S, FIRST_COMPLETED)
            for job in ready:
                job.result()
            waiting.update(pool.submit(job) for job in islice(left, len(ready)))
            done += len(ready)
            yield Step(done, len(jobs), text)
    finally:
        if stop is not None:
            stop.set()
        wait([job for job in waiting if not job.cancel()])


@lru_cache
def _pool(n_threads: int) -> ThreadPoolExecutor:
    """Return threads that stay: small images take less time than starting some."""
    return ThreadPoolExecutor(n_threads, "napari-segen")


if hasattr(os, "register_at_fork"):
    # Threads do not come along into a forked process.
    os.register_at_fork(after_in_child=_pool.cache_clear)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Keep the work of the calling thread on it: the others have work of their own."""
    token = _is_alone.set(True)
    try:
        yield
    finally:
        _is_alone.reset(token)


def is_on_one_thread() -> bool:
    """Tell whether the calling thread is within `on_one_thread`."""
    return _is_alone.get()


def usable_processors() -> int:
    """Count the processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
