"""Work on many parts: one after the other here, or as tasks on a Dask cluster.

A task gets paths and small values, reads and writes files itself, and returns little.
Done twice it leaves the same bytes, so that it may be given to another worker when its
own is gone.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import local
from typing import Any, TypeVar

from napari_segen.core.steps import Step, Steps, run, stretch_steps
from napari_segen.features.parallel import PATIENCE_S, on_one_thread
from napari_segen.scale.workers import explained, unlike_here, versions_here

S = TypeVar("S")
T = TypeVar("T")

AHEAD = 6  # tasks given out for each thread: more would only fill the scheduler

_kept = local()


class SharedModel:
    """A fitted model that travels to workers as the path of its file.

    Parameters
    ----------
    model : segmenter
        What `get` returns in this process.
    path : Path, optional
        Its file, in a folder that workers see; None: it does not travel.
    """

    def __init__(self, model: Any, path: Path | None = None) -> None:
        self._model, self._path = model, path and path.absolute()

    def __getstate__(self) -> dict[str, Any]:
        return {"_model": None, "_path": self._path}

    def get(self) -> Any:
        """Return the model; each thread of a worker reads it once."""
        if self._model is None:
            assert self._path is not None
            # A file of the same path may be of later work.
            key = (self._path, self._path.stat().st_mtime_ns)
            if getattr(_kept, "key", None) != key:
                _kept.model, _kept.key = _read(self._path), key
            self._model = _kept.model
        return self._model


def shared_model(model: Any, folder: Path, client: Any) -> SharedModel:
    """Share a model with the workers of `client`, if there is one, by a file."""
    if client is None:
        return SharedModel(model)
    path = folder / "model.segen"
    model.save(path)
    return SharedModel(model, path)


def _read(path: Path) -> Any:
    from distributed import get_worker

    from napari_segen.cnn.backend import limit_threads
    from napari_segen.workflows.models import load

    limit_threads(get_worker().state.nthreads)
    return load(path)


def each_task_steps(
    work: Callable[[S], Steps[T]],
    items: Sequence[S],
    take: Callable[[int, T], None] = lambda i, result: None,
    *,
    client: Any = None,
    text: str = "",
) -> Steps[None]:
    """Do `work` on each of many items.

    Parameters
    ----------
    work : callable
        Makes the steps of one item. For a cluster it must be importable there: a
        function of a module, the method of a picklable object, or a partial of these.
    items : sequence
    take : callable
        Gets the number of each item and its result, in any order.
    client : distributed.Client, optional
        Whose cluster does the work; None: this process.
    text : str
        What the work is, for a person, where a cluster does it.
    """
    if client is not None:
        yield from _cluster_steps(client, work, items, take, text)
        return
    n = len(items)
    for i, item in enumerate(items):
        take(i, (yield from stretch_steps(work(item), i / n, (i + 1) / n)))


def _cluster_steps(
    client: Any,
    work: Callable[[S], Steps[T]],
    items: Sequence[S],
    take: Callable[[int, T], None],
    text: str,
) -> Steps[None]:
    left, n_done = iter(enumerate(items)), 0
    running: dict[str, tuple[int, Any]] = {}
    ready: SimpleQueue[Any] = SimpleQueue()
    worked = partial(_worked, tuple(versions_here().items()), work)
    with explained(client):
        try:
            at_once = n_asked = 0
            while True:
                if n_done >= n_asked:  # the cluster may grow meanwhile
                    at_once = AHEAD * max(sum(client.nthreads().values()), 1)
                    n_asked = n_done + at_once // AHEAD
                # Many at once cost little more than one.
                if len(running) <= at_once // 2:
                    batch = list(islice(left, at_once - len(running)))
                    asked = [item for _, item in batch]
                    futures = client.map(worked, asked, pure=False)
                    for (i, _), future in zip(batch, futures, strict=True):
                        running[future.key] = i, future
                        future.add_done_callback(ready.put)
                if not running:
                    return
                yield Step(n_done, len(items), f"{text}, {n_done} of {len(items)}")
                for future in _some_of(ready):
                    take(running.pop(future.key)[0], future.result())
                    n_done += 1
        finally:
            # What is running will write what it would have written anyway.
            if running and client.status == "running":
                client.cancel([future for _, future in running.values()])


def _some_of(ready: "SimpleQueue[Any]") -> Iterator[Any]:
    """Yield what is ready, after a little waiting."""
    try:
        yield ready.get(timeout=PATIENCE_S)
        while True:
            yield ready.get_nowait()
    except Empty:
        return


def _worked(
    versions: tuple[tuple[str, str], ...], work: Callable[[S], Steps[T]], item: S
) -> T:
    # A worker that came later has not been checked.
    if unlike := unlike_here(versions):
        raise RuntimeError(unlike)
    with on_one_thread():
        return run(work(item))


def is_worker() -> bool:
    """Tell whether this is a task on a worker, which shares its machine by threads."""
    if "distributed" not in sys.modules:
        return False
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True
