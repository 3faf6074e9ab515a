"""Time new images: fitting, the first one, and the next ones; prints tables.

    python benchmarks/generator_speed.py [--image FILE --labels FILE]

Without files the image and labels are a drawn scene (`shapes`). "First preview" is six
images of 128 x 128 by a method that has never been called in this process, its import
and its keeping of the source included: what the dock shows before anything is fitted.
scikit-image stands beside ours where it makes something of the kind: noise on an image
(`random_noise`) beside `transform` with noise only, and random blobs with a mask
(`binary_blobs`) beside `shapes`. They know neither camera nor objects.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from skimage.data import binary_blobs
from skimage.io import imread
from skimage.util import random_noise

import napari_segen as ns
from napari_segen.cnn.backend import warm_up_steps
from napari_segen.generation.registry import GENERATORS

PREVIEW, PREVIEW_PX = 6, 128
NOISE_ONLY = {
    "flips": False,
    "quarter_turns": False,
    "scale": 1.0,
    "elastic": 0.0,
    "gain": 1.0,
    "offset": 0.0,
    "noise": 0.1,
}


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    return statistics.median(seconds_of(work) for _ in range(repeats))


def fitted(method: str, options: argparse.Namespace, image, labels):
    generator = ns.ImageGenerator(
        method, max_steps=options.steps, time_limit_s=options.fit_seconds
    )
    if not GENERATORS.get(method).needs_images:
        return generator
    try:
        return generator.fit(image, labels)
    except ValueError:  # it does not learn labels, or not these
        return generator.fit(image)


def make(generator, size: int, seed: int, n: int = 1) -> None:
    shape = (size, size)
    if generator.makes_pairs:
        generator.generate_pairs(n, shape, seed)
    else:
        generator.generate(n, shape, seed)


def of_method(method: str, options, image, labels) -> str:
    """Return a row of the table: fit, first preview, one image of each size."""
    needs_training = GENERATORS.get(method).needs_training
    began = time.perf_counter()
    generator = fitted(method, options, image, labels)
    fit = time.perf_counter() - began
    make(generator, PREVIEW_PX, 0, PREVIEW)
    preview = "" if needs_training else f"{time.perf_counter() - began:.2f}"
    cells = [f"{fit:.2f}", preview]
    for size in options.sizes:
        make(generator, size, 1)  # the first of a size compiles
        seconds = median_seconds(lambda s=size: make(generator, s, 2), options.repeats)
        cells.append(f"{seconds:.3f}")
    return f"| `{method}` | {' | '.join(cells)} |"


def beside_skimage(options, image) -> list[str]:
    """Return rows: ours and scikit-image's, one image of each size."""
    noisy = ns.ImageGenerator("transform", params=NOISE_ONLY).fit(image)
    shapes = ns.ImageGenerator("shapes")
    works = {
        "`transform`, Gaussian noise only": lambda s: noisy.generate(1, (s, s), 1),
        "`random_noise` of scikit-image": lambda s: random_noise(
            np.resize(image, (s, s)), "gaussian"
        ),
        "`shapes`: nuclei, camera, labels": lambda s: make(shapes, s, 1),
        "`binary_blobs` of scikit-image: a mask": lambda s: binary_blobs(s, rng=1),
    }
    rows = []
    for name, work in works.items():
        cells = []
        for size in options.sizes:
            work(size)
            cells.append(
                f"{median_seconds(lambda s=size, w=work: w(s), options.repeats):.3f}"
            )
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--labels", type=Path, help="classes of the image")
    parser.add_argument("--methods", nargs="+", default=list(GENERATORS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--fit-seconds", type=float, default=30)
    parser.add_argument("--steps", type=int, default=None, help="of a fit, at most")
    options = parser.parse_args()
    if options.image is None:
        scene = ns.ImageGenerator("shapes").generate_pairs(1, (256, 256), seed=0)
        image, labels = scene[0][0], (scene[1][0] > 0).astype(np.uint8)
    else:
        image = imread(options.image)
        labels = None if options.labels is None else imread(options.labels)
    packages = ", ".join(
        f"{p} {version(p)}" for p in ("numpy", "scipy", "scikit-image", "tensorflow")
    )
    print(f"{platform.machine()}, Python {platform.python_version()}, {packages}.\n")
    ns.run(warm_up_steps())
    sizes = " | ".join(f"{s} x {s}, s" for s in options.sizes)
    rule = "---:|" * len(options.sizes)
    print(f"| method | fit, s | first preview, s | {sizes} |\n|---|---:|---:|{rule}")
    for method in options.methods:
        print(of_method(method, options, image, labels), flush=True)
    print(f"\n| | {sizes} |\n|---|{rule}")
    print("\n".join(beside_skimage(options, image)))


if __name__ == "__main__":
    main()
