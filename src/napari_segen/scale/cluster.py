"""Connections to Dask clusters: one that is running, or workers on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_segen.core.errors import MissingBackend

# A message must have come after ten seconds.
TIMEOUT_S = 8

# Dask has workers return freed memory at once, and every part would fetch it again from
# the system, page by page: twice the work was seen. Their statistics of what runs
# where cost some percent, too.
_KEPT_BYTES = 2**30
_FAST = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": _KEPT_BYTES,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": _KEPT_BYTES,
    "distributed.worker.profile.enabled": False,
}


@contextmanager
def connected(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """Open a `distributed.Client`; close it, and the workers that it started.

    Parameters
    ----------
    scheduler : str, optional
        Address of a cluster that is running, such as ``"tcp://10.0.0.1:8786"``.
    workers : int, optional
        How many processes of one thread each to start on this machine instead. With
        neither the client is None.
    """
    if scheduler is not None and workers is not None:
        raise ValueError("--scheduler has its own workers: leave --workers out.")
    if workers is not None and workers < 1:
        raise ValueError(f"--workers must be at least 1, got {workers}.")
    if scheduler is None and workers is None:
        yield None
        return
    opened = _scheduler_client(scheduler) if workers is None else _local(workers)
    with opened as client:
        yield client


@contextmanager
def _local(n_workers: int) -> Iterator[Any]:
    distributed = _distributed()
    import dask
    import psutil

    with (
        dask.config.set(_FAST),
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            memory_limit=psutil.virtual_memory().total // n_workers,
            dashboard_address=":0",
            # Exceptions say what goes wrong.
            silence_logs="CRITICAL",
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _scheduler_client(address: str | None) -> Iterator[Any]:
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as err:
        raise ConnectionError(
            f"no scheduler answers at {address} ({err}). Start one with: dask scheduler"
        ) from err
    with client:
        yield client


def _distributed() -> Any:
    """Import Dask's cluster on first use, or say how to install it."""
    try:
        import distributed
    except ImportError as err:
        raise MissingBackend(
            "--scheduler and --workers need dask.distributed: pip install "
            "'napari-segen[scale]'."
        ) from err
    return distributed
