"""Seconds and memory of fit and prediction by image size; prints a Markdown table.

    python benchmarks/ladder.py [--method NAME]

Blobs in noise, 8 bits, two classes with ten strokes each, median of three runs, or of
as many as two seconds hold. Each line in a process of its own, after a small image has
loaded all code: "peak" is the most memory above that, results included. "processor":
time of all cores per pixel, which a busy machine changes less. Beside it
scikit-image's features and a random forest, which hold the features of the whole image.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

SHAPES = ((512, 512), (1024, 1024), (2048, 2048), (4096, 4096), (64, 256, 256))
REPEATS = 3
AT_LEAST_S = 2.0  # the first runs of a process get their memory from the system
THEIRS = "scikit-image + forest"


def problem(shape):
    rng = np.random.default_rng(0)
    bright = np.ones((1,), bool)
    for n in shape:
        bright = np.logical_xor.outer(bright, np.arange(n) // 32 % 2 == 0)
    bright = bright[0]
    image = rng.normal(90 + 60 * bright, 25).clip(0, 255).astype(np.uint8)
    scribbles = np.zeros(shape, np.uint8)
    plane = scribbles if len(shape) == 2 else scribbles[shape[0] // 2]
    shown = bright if len(shape) == 2 else bright[shape[0] // 2]
    for i in range(10):
        for value in (1, 2):
            y = 10 + 20 * i + 7 * value
            strip = plane[y : y + 3, 4:120]
            strip[shown[y : y + 3, 4:120] == (value == 2)] = value
    return image, scribbles


def ours(method):
    import napari_segen as ns

    def both(image, scribbles):
        began = time.perf_counter()
        model = ns.ProbabilisticSegmenter(method).fit(image, scribbles)
        fitted, worked = time.perf_counter(), time.process_time()
        model.predict_proba(image)
        done = time.perf_counter() - fitted
        return fitted - began, done, time.process_time() - worked

    return both


def theirs():
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    def both(image, scribbles):
        began = time.perf_counter()
        features = multiscale_basic_features(
            image, edges=False, sigma_min=1, sigma_max=16
        )
        painted = scribbles > 0
        forest = RandomForestClassifier(
            50, max_depth=10, max_samples=0.05, n_jobs=-1, random_state=0
        ).fit(features[painted], scribbles[painted])
        fitted, worked = time.perf_counter(), time.process_time()
        forest.predict_proba(features.reshape(-1, features.shape[-1]))
        done = time.perf_counter() - fitted
        return fitted - began, done, time.process_time() - worked

    return both


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(method: str, shape: tuple[int, ...]) -> str:
    """Print one line; called in a process of its own."""
    both = theirs() if method == THEIRS else ours(method)
    both(*problem((256, 256) if len(shape) == 2 else (24, 128, 256)))
    before = peak_mb()
    image, scribbles = problem(shape)
    times, began = [], time.perf_counter()
    while len(times) < REPEATS or time.perf_counter() - began < AT_LEAST_S:
        times.append(both(image, scribbles))
    fit, predict, worked = (statistics.median(t) for t in zip(*times, strict=True))
    name = " x ".join(map(str, shape))
    return (
        f"| {name} | `{method}` | {fit:.2f} | {predict:.2f} | "
        f"{1e6 * predict / image.size:.3f} | {1e6 * worked / image.size:.3f} | "
        f"{peak_mb() - before:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="auto")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(options.method, tuple(map(int, options.one))), flush=True)
        return
    print("| image | method | fit, s | prediction, s | us per pixel | ", end="")
    print("processor | peak, MB |\n|---|---|---:|---:|---:|---:|---:|")
    sys.stdout.flush()
    for method in (options.method, THEIRS):
        for shape in SHAPES:
            command = [sys.executable, __file__, "--method", method, "--one"]
            subprocess.run([*command, *map(str, shape)], check=True)


if __name__ == "__main__":
    main()
