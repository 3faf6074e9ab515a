"""Seconds of labelling an OME-Zarr image by workers of one thread, and without Dask.

    python benchmarks/cluster.py [--side N] [--workers N ...] [--runs N] [--tasks N]

The image is that of bigger_than_memory.py, the model its probabilistic one. "loop":
`segment_omezarr` in one process kept to one processor. Otherwise the same with so many
worker processes of one thread, as `--workers` starts them. Each has labelled a small
image before, so that starting and loading do not count. "processor": seconds that this
process (with it the scheduler) and the workers have worked. "speed-up" is against one
worker. For two workers two processors must be free. All labels are compared with the
loop's.
Prints a Markdown table; of several runs the median. With `--tasks` it gives out
so many tasks that do nothing instead, to two workers, and says what that takes.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from bigger_than_memory import spots, train, write_image

LOOP = 0


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    parts = [f"{p.relative_to(folder)}{p.read_bytes()}".encode() for p in files]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def processor_seconds(client):
    """Return how long the processors have worked for this process and its workers."""
    workers = client.run(time.process_time).values() if client else ()
    return time.process_time() + sum(workers)


def timed(model, image, client):
    """Label an image anew; returns seconds, those of processors, the labels' hash."""
    import napari_segen as ns

    worked, began = processor_seconds(client), time.perf_counter()
    labels = ns.segment_omezarr(model, image, image, client=client)
    seconds = time.perf_counter() - began
    worked = processor_seconds(client) - worked
    found = digest(labels)
    shutil.rmtree(labels)
    return seconds, worked, found


def measure(model_path, small, image, n_workers):
    """Print the figures of one way; runs in a process of its own."""
    import napari_segen as ns

    model = ns.load(model_path)
    if n_workers == LOOP:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        timed(model, small, None)
        print(json.dumps(timed(model, image, None)))
        return
    from napari_segen.scale.cluster import connected

    with connected(None, n_workers) as client:
        timed(model, small, client)
        print(json.dumps(timed(model, image, client)))


def nothing_steps(luggage, item):
    yield from ()


def give_out(n):
    """Print how many tasks are given out in a second."""
    from napari_segen.core.steps import run
    from napari_segen.scale.cluster import connected
    from napari_segen.scale.tasks import each_task_steps

    # What a part of an image comes with is of about this size.
    work = partial(nothing_steps, bytes(4000))
    with connected(None, 2) as client:
        run(each_task_steps(work, range(100), client=client))
        began = time.process_time()
        run(each_task_steps(work, range(n), client=client))
        ms = 1e3 * (time.process_time() - began) / n
        print(f"client and scheduler work {ms:.2f} ms for each task")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        *paths, n_workers = arguments.measure
        measure(*paths, int(n_workers))
        return
    if arguments.tasks:
        give_out(arguments.tasks)
        return
    rng = np.random.default_rng(0)
    bases = [spots(rng) for _ in range(4)]
    ways = [LOOP, *arguments.workers]
    found = {n: [] for n in ways}
    with tempfile.TemporaryDirectory() as folder:
        model = train("probabilistic", Path(folder), rng, bases[0])
        small, image = Path(folder) / "small.zarr", Path(folder) / "image.zarr"
        write_image(small, 4096, rng, bases)
        write_image(image, arguments.side, rng, bases)
        for _ in range(arguments.runs):
            for n in ways:
                command = [sys.executable, __file__, "--measure", model, small, image]
                said = subprocess.run(
                    [*map(str, command), str(n)], stdout=subprocess.PIPE, check=True
                )
                found[n].append(json.loads(said.stdout))
    names = "way|seconds|least to most|processor, s|Mpx/s|speed-up|same bytes"
    print(f"| {' | '.join(names.split('|'))} |")
    print("|---|---:|---:|---:|---:|---:|---|")
    medians = {
        n: statistics.median(run[0] for run in runs) for n, runs in found.items()
    }
    whole = found[LOOP][0][2]
    for n, runs in found.items():
        seconds, worked, digests = zip(*runs, strict=True)
        name = "loop" if n == LOOP else f"{n} worker{'s' * (n > 1)}"
        one = medians.get(1, float("nan"))
        print(
            f"| {name} | {medians[n]:.1f} | {min(seconds):.1f} to {max(seconds):.1f} | "
            f"{statistics.median(worked):.1f} | "
            f"{arguments.side**2 / 1e6 / medians[n]:.2f} | {one / medians[n]:.2f} | "
            f"{'yes' if set(digests) == {whole} else 'no'} |"
        )


if __name__ == "__main__":
    main()
