"""What an adapter reads and writes; needs NumPy only, since it runs everywhere.

An adapter is called as `python NAME.py TASKS OUT SETTING`. `TASKS` is a folder of
`.npz` files, and for each the adapter writes one of the same name to `OUT`.

Strokes: `painted` (H, W[, 3]) uint8, `strokes` (H, W), 0 = unlabelled, and images
`other_0`, ...; answered by `classes` (K) and posteriors `painted` and `other_0`, ...
(K, H, W). With `repeats` the same is done so many times more after a first one, and
`seconds`, `processor` (both per repeat) and `peak_mb` are answered.

Objects: `image_0`, `ids_0`, ... to learn from within `seconds`, `seed`; answered by
ids `test_0`, ... for the images `test_0`, ..., and by `seconds`, `processor`, `steps`.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Predict = Callable[[np.ndarray], np.ndarray]
# From an image and its strokes to what gives posteriors, classes in ascending order.
Learn = Callable[[np.ndarray, np.ndarray], Predict]
# From images, ids, seconds and a seed to what gives ids, and the number of steps.
Train = Callable[[list[np.ndarray], list[np.ndarray], float, int], tuple[Predict, int]]


def serve_strokes(learn: Learn, tasks: Path, out: Path) -> None:
    for path, task in tasks_in(tasks):
        predict = learn(task["painted"], task["strokes"])
        strokes = task["strokes"]
        answer: dict[str, Any] = {"classes": np.unique(strokes[strokes > 0])}
        for name in ["painted", *numbered(task, "other")]:
            answer[name] = predict(task[name]).astype(np.float16)
        times = []
        for _ in range(int(task.get("repeats", 0))):
            start = time.perf_counter(), time.process_time()
            learn(task["painted"], strokes)(task["painted"])
            times.append(
                (time.perf_counter() - start[0], time.process_time() - start[1])
            )
        if times:
            answer["seconds"], answer["processor"] = np.array(times).T
            answer["peak_mb"] = memory_mb()
        np.savez(out / path.name, **answer)


def serve_objects(train: Train, tasks: Path, out: Path) -> None:
    for path, task in tasks_in(tasks):
        images = [task[n] for n in numbered(task, "image")]
        ids = [task[n] for n in numbered(task, "ids")]
        start = time.perf_counter(), time.process_time()
        predict, steps = train(images, ids, float(task["seconds"]), int(task["seed"]))
        answer: dict[str, Any] = {
            "seconds": time.perf_counter() - start[0],
            "processor": time.process_time() - start[1],
            "steps": steps,
        }
        for name in numbered(task, "test"):
            answer[name] = predict(task[name])
        np.savez(out / path.name, **answer)


def arguments() -> tuple[Path, Path, str]:
    tasks, out, setting = sys.argv[1:]
    return Path(tasks), Path(out), setting


def tasks_in(folder: Path) -> Iterator[tuple[Path, dict[str, np.ndarray]]]:
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            yield path, dict(file)


def numbered(task: dict[str, np.ndarray], kind: str) -> list[str]:
    """Names `kind_0`, `kind_1`, ... as far as there are any."""
    count = sum(name.startswith(f"{kind}_") for name in task)
    return [f"{kind}_{i}" for i in range(count)]


def memory_mb() -> float:
    """Most memory that this process has held so far (Linux)."""
    # Not getrusage: its figure is inherited from the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) / 1024 for x in lines if x.startswith("VmHWM"))
