"""Time the filter bank beside scipy.ndimage, in one run; prints a Markdown table.

The 20 planes are Gaussian, gradient magnitude, Laplacian and two Hessian eigenvalues
at sigma 1, 2, 4 and 8, of a synthetic float32 image. SciPy computes each by its own
function, as its documentation shows, in one thread and with one plane per thread.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from threading import Event

import numpy as np
from scipy import ndimage

from napari_segen.core.tiles import Tile, tile_grid
from napari_segen.features.bank import FilterBank
from napari_segen.features.parallel import usable_processors
from napari_segen.features.scratch import Scratch

SIGMAS = (1.0, 2.0, 4.0, 8.0)
FAMILIES = ("gaussian", "gradient_magnitude", "laplacian", "hessian")


def scipy_hessian(image: np.ndarray, sigma: float) -> list[np.ndarray]:
    yy, xy, xx = (
        sigma**2 * ndimage.gaussian_filter(image, sigma, order=order)
        for order in ((2, 0), (1, 1), (0, 2))
    )
    mean, spread = (yy + xx) / 2, np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    return [mean + spread, mean - spread]


def scipy_jobs(image: np.ndarray) -> list[Callable[[], Sequence[np.ndarray]]]:
    jobs: list[Callable[[], Sequence[np.ndarray]]] = []
    for s in SIGMAS:
        jobs += [
            lambda s=s: [ndimage.gaussian_filter(image, s)],
            lambda s=s: [s * ndimage.gaussian_gradient_magnitude(image, s)],
            lambda s=s: [s**2 * ndimage.gaussian_laplace(image, s)],
            lambda s=s: scipy_hessian(image, s),
        ]
    return jobs


def scipy_planes(image: np.ndarray, n_threads: int) -> list[np.ndarray]:
    with ThreadPoolExecutor(n_threads) as pool:
        parts = pool.map(lambda job: job(), scipy_jobs(image))
        return [plane for part in parts for plane in part]


def bank_planes(image: np.ndarray, n_threads: int) -> np.ndarray:
    bank, scratch, stop = FilterBank(FAMILIES, SIGMAS), Scratch(), Event()
    out = np.empty((len(bank.names(1)), *image.shape), np.float32)

    def fill(tile: Tile) -> None:
        core = tuple((s.start, s.stop) for s in tile.core)
        bank.fill(image[None], core, tile.corner, out, scratch, stop)

    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(fill, tile_grid(image.shape, bank.tile_shape, bank.halo)))
    return out


def median_ms(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="pixels along each side")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    image = rng.random((options.size, options.size), dtype=np.float32)
    cores = usable_processors()

    start = time.perf_counter()
    ours = bank_planes(image, cores)
    first = time.perf_counter() - start
    theirs = np.stack(scipy_planes(image, cores))
    worst = np.abs(ours - theirs).max()

    rows = {
        "scipy.ndimage, 1 thread": partial(scipy_planes, image, 1),
        f"scipy.ndimage, {cores} threads": partial(scipy_planes, image, cores),
        "filter bank, 1 thread": partial(bank_planes, image, 1),
        f"filter bank, {cores} threads": partial(bank_planes, image, cores),
    }
    times = {name: median_ms(work, options.repeats) for name, work in rows.items()}
    base = times["scipy.ndimage, 1 thread"]

    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "numba"))
    print(f"{len(ours)} planes of {options.size} x {options.size} float32, median of")
    print(f"{options.repeats}. {platform.machine()}, {cores} usable processors, ")
    print(f"{platform.system()}, Python {platform.python_version()}, {packages}.")
    print(f"Largest difference {worst:.1e} of the image's range.")
    print(f"First call, with loading or compiling: {first:.2f} s.\n")
    print("| | ms | times faster than scipy.ndimage |\n|---|---:|---:|")
    for name, ms in times.items():
        print(f"| {name} | {ms:.0f} | {base / ms:.1f} |")


if __name__ == "__main__":
    main()
