"""Time from new strokes to the posterior of a 1024 x 1024 image.

Each method of `ProbabilisticSegmenter`, with the image's features in a cache and
without, beside scikit-image's features with a random forest. Prints a Markdown table.

    python benchmarks/new_strokes.py [--data DIR] [--repeats N] [--side N]

`--data` is a folder of images; the first is tiled to the size. Without it a synthetic
image of bright discs is used.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from skimage.draw import disk
from skimage.feature import multiscale_basic_features
from skimage.io import imread
from sklearn.ensemble import RandomForestClassifier

import napari_segen as ns
from napari_segen.features.parallel import usable_processors
from napari_segen.probabilistic.registry import methods_with_strokes

STROKES_PER_CLASS, STROKE_LENGTH, STROKE_WIDTH = 10, 40, 3
PACKAGES = ("numpy", "numba", "scikit-image", "scikit-learn")


def discs(side, rng):
    """Bright discs on a dark ground with noise, uint8, and their mask."""
    mask = np.zeros((side, side), bool)
    for _ in range(side * side // 4000):
        centre, radius = rng.uniform(0, side, 2), rng.uniform(8, 16)
        mask[disk(centre, radius, shape=mask.shape)] = True
    image = rng.normal(60, 15, mask.shape) + 70 * mask
    return image.clip(0, 255).astype(np.uint8), mask


def real(folder, side):
    """Tile the first image of a folder by reflection; its bright half is the mask."""
    path = sorted(p for p in folder.rglob("*.png") if "mask" not in str(p))[0]
    image = imread(path)
    if image.ndim == 3:
        image = image[..., 1]
    tiled = np.pad(image, [(0, max(side - n, 0)) for n in image.shape], "reflect")
    tiled = tiled[:side, :side]
    return tiled, tiled > np.median(tiled)


def paint(mask, rng):
    """Straight strokes within each class, 1 where `mask` is False and 2 elsewhere."""
    scribbles = np.zeros(mask.shape, np.uint8)
    for value, region in ((1, ~mask), (2, mask)):
        starts = rng.permutation(np.argwhere(region))[:STROKES_PER_CLASS]
        for y, x in starts:
            box = np.s_[y : y + STROKE_WIDTH, x : x + STROKE_LENGTH]
            scribbles[box][region[box]] = value
    return scribbles


def fit_and_predict(method, image, scribbles, cache):
    segmenter = ns.ProbabilisticSegmenter(method).fit(image, scribbles, cache=cache)
    return segmenter.predict_proba(image, cache=cache)


def skimage_features(image):
    return multiscale_basic_features(
        image, intensity=True, edges=False, texture=True, sigma_min=1, sigma_max=16
    )


def forest(features, scribbles):
    painted = scribbles > 0
    model = RandomForestClassifier(50, max_depth=10, max_samples=0.05, n_jobs=-1)
    model.fit(features[painted], scribbles[painted])
    return model.predict_proba(features.reshape(-1, features.shape[-1]))


def median_ms(job: Callable[[], object], repeats: int) -> float:
    job()  # compiles, and fills the cache
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def rows(image, scribbles, repeats):
    """Yield name, time with cached features, time without."""
    for method in methods_with_strokes():
        cache = ns.FeatureCache()

        def fresh(method=method):
            return fit_and_predict(method, image, scribbles, ns.FeatureCache())

        def cached(method=method, cache=cache):
            return fit_and_predict(method, image, scribbles, cache)

        yield (
            f"napari-segen `{method}`",
            median_ms(cached, repeats),
            median_ms(fresh, repeats),
        )
    features = skimage_features(image)
    yield (
        "scikit-image features + random forest",
        median_ms(lambda: forest(features, scribbles), repeats),
        median_ms(lambda: forest(skimage_features(image), scribbles), repeats),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder of images (PNG)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", type=int, default=1024)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    image, mask = real(args.data, args.side) if args.data else discs(args.side, rng)
    scribbles = paint(mask, rng)
    versions = ", ".join(f"{p} {version(p)}" for p in PACKAGES)
    print(
        f"New strokes to posterior, {args.side} x {args.side}, 2 classes, "
        f"{STROKES_PER_CLASS} strokes each, median of {args.repeats}; "
        f"{usable_processors()} processors, {platform.machine()}, {versions}\n"
    )
    print("| method | features cached, ms | not cached, ms |")
    print("|---|---:|---:|")
    for name, cached, fresh in rows(image, scribbles, args.repeats):
        print(f"| {name} | {cached:.0f} | {fresh:.0f} |")


if __name__ == "__main__":
    main()
