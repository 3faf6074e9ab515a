"""Time and memory from new strokes to the posterior, from small images to large ones.

    python benchmarks/ladder.py [--method NAME] [--largest SIDE] [--repeats N]

Each line is measured in processes of their own: a fit to strokes and the posterior of
the whole 8-bit image, features not cached, after the same on a small image (which
compiles and imports). Memory is the highest of the process above what it had before,
the image included. Beside it scikit-image's features with a random forest
(50 trees, max_depth=10, max_samples=0.05), where its features fit into memory.
Prints a Markdown table.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import numpy as np
import psutil

import napari_segen as ns
from napari_segen.features.parallel import usable_processors
from new_strokes import discs, forest, paint, skimage_features

SHAPES = ((512,) * 2, (1024,) * 2, (2048,) * 2, (4096,) * 2, (64, 256, 256))
SMALL = {2: (128, 128), 3: (16, 64, 64)}
SKIMAGE_BYTES_PER_PIXEL = 200  # 16 features and copies of them
MAX_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
PACKAGES = ("numpy", "numba", "scikit-image", "scikit-learn")

Job = Callable[[np.ndarray, np.ndarray], object]


def problem(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Discs, repeated to the shape, and strokes in one corner of them."""
    plane, mask = discs(min(shape[-1], 512), np.random.default_rng(0))
    strokes = paint(mask, np.random.default_rng(1))
    if len(shape) == 3:
        strokes = strokes[np.newaxis]
    image = np.tile(plane, [-(-n // len(plane)) for n in shape[-2:]])
    scribbles = np.zeros(shape, np.uint8)
    corner = tuple(slice(min(n, m)) for n, m in zip(strokes.shape, shape, strict=True))
    scribbles[corner] = strokes[corner]
    return np.broadcast_to(image[: shape[-2], : shape[-1]], shape).copy(), scribbles


def ours(method: str, image: np.ndarray, scribbles: np.ndarray) -> object:
    segmenter = ns.ProbabilisticSegmenter(method) if method else None
    segmenter = segmenter or ns.ProbabilisticSegmenter()
    spec = ns.ImageSpec("zyx"[-image.ndim :])
    return segmenter.fit(image, scribbles, spec=spec).predict_proba(image)


def theirs(image: np.ndarray, scribbles: np.ndarray) -> object:
    return forest(skimage_features(image), scribbles)


def measure(job: Job, shape: tuple[int, ...], repeats: int) -> dict[str, float]:
    """Median seconds, and highest MB above what was there before the image."""
    job(*problem(SMALL[len(shape)]))
    before = psutil.Process().memory_info().rss
    image, scribbles = problem(shape)
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        job(image, scribbles)
        seconds.append(time.perf_counter() - began)
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAX_RSS_UNIT
    return {"seconds": statistics.median(seconds), "mb": (highest - before) / 2**20}


def in_a_process(name: str, shape: tuple[int, ...], args: argparse.Namespace) -> str:
    """Measure in a fresh process; returns three cells of the table."""
    here = [sys.executable, __file__, "--measure", name, *map(str, shape)]
    options = [f"--repeats={args.repeats}", f"--method={args.method}"]
    done = subprocess.run([*here, *options], capture_output=True, text=True)
    if done.returncode:
        return " - | - | - "
    found = json.loads(done.stdout.splitlines()[-1])
    microseconds = 1e6 * found["seconds"] / np.prod(shape)
    return f" {found['seconds']:.2f} | {found['mb']:.0f} | {microseconds:.3f} "


def table(args: argparse.Namespace) -> None:
    versions = ", ".join(f"{p} {version(p)}" for p in PACKAGES)
    print(
        f"New strokes to posterior, 2 classes, method {args.method or 'by default'}, "
        f"features not cached, median of {args.repeats}; {usable_processors()} "
        f"processors, {platform.machine()}, {versions}\n"
    )
    columns = "seconds | peak MB | µs per pixel"
    print(f"| shape | {columns} | scikit-image: {columns} |")
    print("|---|" + "---:|" * 6)
    for shape in SHAPES:
        if max(shape) > args.largest:
            continue
        row = in_a_process("ours", shape, args)
        needed = SKIMAGE_BYTES_PER_PIXEL * np.prod(shape)
        fits = needed < psutil.virtual_memory().available
        beside = in_a_process("theirs", shape, args) if fits else " - | - | - "
        print(f"| {' x '.join(map(str, shape))} |{row}|{beside}|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="", help="the segmenter's default if empty")
    parser.add_argument("--largest", type=int, default=4096, metavar="SIDE")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure is None:
        table(args)
        return
    name, *shape = args.measure
    job = partial(ours, args.method) if name == "ours" else theirs
    print(json.dumps(measure(job, tuple(map(int, shape)), args.repeats)))


if __name__ == "__main__":
    main()
