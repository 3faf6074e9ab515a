"""The workers of a Dask cluster: whether they are there and can do tasks."""

import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from napari_segen.core.provenance import package_versions

# What the bytes of a result depend on, or what makes one process understand another.
PACKAGES = ("napari-segen", "numpy", "scipy", "numba", "zarr", "numcodecs")

# What a pixel classifier's part takes with all code; of networks' it is half.
THREAD_BYTES = 2**29


def versions_here() -> dict[str, str]:
    """Return the versions that all processes must have in common."""
    found = package_versions(PACKAGES)
    # A patch of Python changes no result.
    return found | {"python": ".".join(map(str, sys.version_info[:2]))}


@cache
def unlike_here(versions: tuple[tuple[str, str], ...]) -> str:
    """Say which versions are not those of this process; empty: none."""
    here, there = versions_here(), dict(versions)
    unlike = [
        f"{name} {here.get(name, 'missing')} instead of {there.get(name, 'none')}"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]
    return ", ".join(unlike)


def check_workers(client: Any, image: Path, out: Path) -> None:
    """Raise where workers could not do their tasks.

    Parameters
    ----------
    client : distributed.Client
    image : Path
        What they must be able to read.
    out : Path
        A folder that is there, to which they must be able to write.

    Raises
    ------
    OSError
        There are none, or they do not see the files.
    ValueError
        Their versions are not those of this process, or they have too little memory.
    """
    with explained(client):
        if not client.nthreads():
            raise OSError(
                f"the scheduler at {address_of(client)} has no workers: start some "
                f"with: dask worker {address_of(client)}"
            )
        versions = tuple(versions_here().items())
        places = image.absolute(), out.absolute()
        try:
            found: Mapping[str, _Problems] = client.run(
                _problems_here, versions, *map(os.fspath, places)
            )
        except (ImportError, AttributeError) as err:
            raise ValueError(
                f"workers cannot run napari-segen's tasks ({err}): install the version "
                "of this machine there."
            ) from err
    for worker, problems in found.items():
        _check_worker(worker, *problems)


def _check_worker(worker: str, unlike: str, unseen: str, memory: float) -> None:
    if unlike:
        raise ValueError(
            f"worker {worker} has {unlike}: install the same versions everywhere."
        )
    if unseen:
        raise OSError(
            f"worker {worker} {unseen}: workers need a file system in common with "
            "this machine, under the same path."
        )
    if memory < THREAD_BYTES:
        raise ValueError(
            f"worker {worker} has {memory / 2**20:.0f} MB for each of its threads, "
            f"and a part takes about {THREAD_BYTES / 2**20:.0f} MB: start it with "
            "fewer threads (--nthreads) or more memory (--memory-limit)."
        )


# What is unlike, what is not seen, bytes for each thread.
_Problems = tuple[str, str, float]


def _problems_here(
    versions: tuple[tuple[str, str], ...], image: str, out: str, dask_worker: Any = None
) -> _Problems:
    limit = dask_worker.memory_manager.memory_limit or math.inf
    unseen = ""
    if not os.path.exists(image):
        unseen = f"does not see {image}"
    elif not os.access(out, os.W_OK):
        unseen = f"cannot write to {out}"
    return unlike_here(versions), unseen, limit / dask_worker.state.nthreads


def address_of(client: Any) -> str:
    """Return the address of a client's scheduler."""
    return str(client.scheduler.address if client.scheduler else "?")


@contextmanager
def explained(client: Any) -> Iterator[None]:
    """Turn what Dask raises when a cluster fails into errors that say what to do."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm.core import CommClosedError

    address = address_of(client)
    try:
        yield
    except KilledWorker as err:
        raise OSError(
            f"a part killed {err.allowed_failures + 1} workers, the last of them "
            f"{err.last_worker.address}: probably they have too little memory. Start "
            "workers with fewer threads or more memory."
        ) from err
    except (CancelledError, CommClosedError) as err:
        raise ConnectionError(
            f"the scheduler at {address} is gone. What is complete stays: start it "
            "again and resume."
        ) from err
