"""Score and time the cutting of masks into objects beside scikit-image; prints tables.

Truth: label images with object ids (a folder of PNG or TIFF files). Each method gets
the mask of all objects, as it is and enlarged, and must find the objects again.
scikit-image: maxima of the distance (`peak_local_max`), smoothed or not, and
`watershed` from them. Score: average precision, TP / (TP + FP + FN) of objects matched
at an intersection over union above 0.5, mean over the images. Without a folder only the
times of a drawn image are printed. With `--images` the foreground is also what
`ProbabilisticSegmenter` finds from ten simulated strokes of each class on each image:
ours get its posterior, scikit-image's where that is above a half; all objects count,
or those of 20 pixels at least.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.io import imread
from skimage.segmentation import watershed

import napari_segen as ns
from strokes import average_precision, make_scribbles

STROKES_PER_CLASS, SEEDS, LEAST_PX = 10, range(3), 20

# From the foreground's probability (a mask's is 0 and 1) to object ids.
Cut = Callable[[np.ndarray], np.ndarray]


def ours(method: str, inside: np.ndarray) -> np.ndarray:
    return ns.instances(np.stack([1 - inside, inside]), foreground=1, method=method)


def skimage_watershed(
    min_distance: int, smoothing: float, inside: np.ndarray
) -> np.ndarray:
    mask = inside > 0.5
    distance = ndimage.distance_transform_edt(mask)
    if smoothing:
        distance = ndimage.gaussian_filter(distance, smoothing)
    groups, _ = ndimage.label(mask)
    peaks = peak_local_max(
        distance, min_distance=min_distance, labels=groups, exclude_border=False
    )
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, seeds, mask=mask)


METHODS: dict[str, Cut] = {
    "ours, distance": partial(ours, "distance"),
    "ours, components": partial(ours, "components"),
    **{
        f"scikit-image, min_distance={d}, sigma={s}": partial(skimage_watershed, d, s)
        for d, s in ((3, 1), (7, 0), (10, 0), (9, 3))
    },
}


def drawn_nuclei(size: int = 1024, n: int = 500, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[-20:21, -20:21]
    padded = np.zeros((size + 40, size + 40), bool)
    for y, x, a, b in zip(
        *rng.integers(0, size, (2, n)), *rng.uniform(9, 18, (2, n)), strict=True
    ):
        padded[y : y + 41, x : x + 41] |= (yy / a) ** 2 + (xx / b) ** 2 < 1
    return padded[20:-20, 20:-20]


def median_ms(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def print_scores(masks: Path, enlarged: int) -> None:
    truths = [imread(f).astype(np.int64) for f in sorted(masks.iterdir())]
    large = [np.kron(t, np.ones((enlarged, enlarged), int)) for t in truths]
    print(
        f"\n{len(truths)} images, {sum(len(np.unique(t)) - 1 for t in truths)} objects"
    )
    print(f"\n| | AP at 0.5 | enlarged {enlarged} times |\n|---|---:|---:|")
    for name, cut in METHODS.items():
        scores = [
            statistics.mean(
                average_precision(cut((t > 0).astype(np.float32)), t) for t in some
            )
            for some in (truths, large)
        ]
        print(f"| {name} | {scores[0]:.3f} | {scores[1]:.3f} |")


def own_foreground(image: np.ndarray, truth: np.ndarray, seed: int) -> np.ndarray:
    """Probability of foreground from ten simulated strokes of each class on it."""
    inside = (truth > 0).astype(np.uint8)
    strokes = make_scribbles(inside, STROKES_PER_CLASS, seed=seed)
    segmenter = ns.ProbabilisticSegmenter().fit(image, strokes)
    return segmenter.predict_proba(image)[-1]


def without_small(ids: np.ndarray, least: int) -> np.ndarray:
    return np.where(np.bincount(ids.ravel())[ids] < least, 0, ids)


def print_own_scores(images: Path, masks: Path) -> None:
    files = sorted(images.iterdir())
    truths = [imread(masks / f.name).astype(np.int64) for f in files]
    pictures = [imread(f) for f in files]
    found = [
        [own_foreground(i, t, seed) for i, t in zip(pictures, truths, strict=True)]
        for seed in SEEDS
    ]
    print("\n| from own foreground | AP at 0.5, by seed | mean |", end="")
    print(f" of {LEAST_PX} pixels at least |\n|---|---|---:|---:|")
    for name, cut in METHODS.items():
        objects = [[cut(p) for p in own] for own in found]
        every, large = (
            [
                statistics.mean(
                    average_precision(without_small(ids, least), t)
                    for ids, t in zip(of_seed, truths, strict=True)
                )
                for of_seed in objects
            ]
            for least in (0, LEAST_PX)
        )
        each = " ".join(f"{x:.3f}" for x in every)
        means = f"{statistics.mean(every):.3f} | {statistics.mean(large):.3f}"
        print(f"| {name} | {each} | {means} |")


def print_times(repeats: int) -> None:
    mask = drawn_nuclei().astype(np.float32)
    soft = ndimage.gaussian_filter(mask, 1.5)
    start = time.perf_counter()
    METHODS["ours, distance"](mask)
    first = time.perf_counter() - start
    print(f"1024 x 1024, 500 ellipses, median of {repeats}; ours first {first:.2f} s")
    print("(with loading or compiling). Blurred: by 1.5 px, as a posterior is.\n")
    print("| | mask, ms | objects | blurred, ms |\n|---|---:|---:|---:|")
    for name, cut in METHODS.items():
        n = len(np.unique(cut(mask))) - 1
        sharp, blurred = (
            median_ms(partial(cut, inside), repeats) for inside in (mask, soft)
        )
        print(f"| {name} | {sharp:.0f} | {n} | {blurred:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("masks", type=Path, nargs="?", help="folder of label images")
    parser.add_argument("--images", type=Path, help="their images: own foreground")
    parser.add_argument("--enlarged", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    packages = ", ".join(
        f"{p} {version(p)}" for p in ("numpy", "scipy", "scikit-image", "numba")
    )
    print(f"{platform.machine()}, Python {platform.python_version()}, {packages}.\n")
    print_times(options.repeats)
    if options.masks is not None:
        print_scores(options.masks, options.enlarged)
    if options.masks is not None and options.images is not None:
        print_own_scores(options.images, options.masks)


if __name__ == "__main__":
    main()
