"""How well pixel classifiers do from few strokes; prints Markdown tables.

    python benchmarks/pixel_quality.py --data DIR [--methods NAME ...] [--log FILE]

Strokes and scores as in `strokes.py`: four sets, 1, 3 and 10 strokes per class, 5
seeds on the first four training images; "same": the unpainted rest of the painted
image, "transfer": the first four test images, "ece": calibration error on the same
image. Beside ours scikit-image's features with a random forest, on grey values as
`strokes.py` defines them. The stored defaults of `auto` are found anew for each set
from the other three ("leave one set out"). `--log` keeps what was run, and goes on from
there.
"""

import argparse
import json
import time
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from skimage.feature import multiscale_basic_features
from skimage.io import imread
from sklearn.ensemble import RandomForestClassifier

import napari_segen as ns
from napari_segen.probabilistic.registry import CLASSIFIERS
from strokes import expected_calibration_error, make_scribbles, mean_iou

SETS = {
    "nuclei": "nuclei_fluorescence_dsb2018",
    "EM": "em_membranes_isbi2012",
    "histology": "nuclei_histology_rgb_dsb2018",
    "steel": "steel_microstructure_uhcs",
}
OBJECTS = ("nuclei", "histology")
LEVELS, SEEDS, N_IMAGES, SIDE = (1, 3, 10), range(5), 4, 512
GREY = np.array([0.2125, 0.7154, 0.0721])
THEIRS = "scikit-image + forest"
# Defaults of `auto` to choose from: trust in the forest before held-out strokes speak.
CANDIDATES = (0.0, 0.2, 0.5)
FIGURES = ("same", "transfer", "ece")

Predict = Callable[[np.ndarray], np.ndarray]


def centre(image: np.ndarray) -> np.ndarray:
    y, x = (max((n - SIDE) // 2, 0) for n in image.shape[:2])
    return image[y : y + SIDE, x : x + SIDE]


@lru_cache
def read(data: Path, name: str, split: str, i: int) -> tuple[np.ndarray, np.ndarray]:
    """One image and its classes from 0."""
    folder = data / SETS[name] / split
    path = sorted((folder / "images").glob("*.png"))[i]
    mask = centre(imread(folder / "masks" / path.name))
    return centre(imread(path)), (mask > 0 if name in OBJECTS else mask).astype(int)


@lru_cache(maxsize=16)
def their_features(data: Path, name: str, split: str, i: int) -> np.ndarray:
    image, _ = read(data, name, split, i)
    grey = image @ GREY if image.ndim == 3 else image
    return multiscale_basic_features(
        (grey / 255).astype(np.float32),
        intensity=True,
        edges=False,
        texture=True,
        sigma_min=1,
        sigma_max=16,
    )


def theirs(data: Path, name: str, seed: int, scribbles: np.ndarray):
    features, painted = their_features(data, name, "train", seed % 4), scribbles > 0
    model = RandomForestClassifier(
        50, max_depth=10, max_samples=0.05, n_jobs=-1, random_state=seed
    )
    model.fit(features[painted], scribbles[painted])

    def predict(split: str, i: int) -> np.ndarray:
        planes = their_features(data, name, split, i)
        found = model.predict_proba(planes.reshape(-1, planes.shape[-1]))
        return found.T.reshape(-1, *planes.shape[:2])

    return predict, model.classes_, None


def ours(data: Path, name: str, seed: int, scribbles: np.ndarray, method: str):
    kind, _, trust = method.partition(" ")
    params = {"forest": float(trust)} if trust else None
    model = ns.ProbabilisticSegmenter(kind, params=params, seed=seed)
    model.fit(read(data, name, "train", seed % 4)[0], scribbles)
    score = None if model.score_ is None else model.score_.mean_iou
    return (
        lambda split, i: model.predict_proba(read(data, name, split, i)[0]),
        model.classes_,
        score,
    )


def run(data: Path, name: str, level: int, seed: int, method: str) -> dict:
    _, mask = read(data, name, "train", seed % 4)
    key = zlib.crc32(f"{SETS[name]}{level}{seed}".encode())
    scribbles = make_scribbles(mask, level, seed=key)
    began = time.perf_counter()
    fitted = (
        theirs(data, name, seed, scribbles)
        if method == THEIRS
        else ours(data, name, seed, scribbles, method)
    )
    predict, classes, score = fitted
    values = np.asarray(classes) - 1
    posterior = predict("train", seed % 4)
    painted = scribbles > 0
    truth = np.searchsorted(values, mask).clip(max=len(values) - 1)
    found = {
        "same": mean_iou(values[posterior.argmax(0)], mask, painted),
        "ece": expected_calibration_error(posterior, truth, ignore=painted),
        "score": score,
    }
    others = [read(data, name, "test", i)[1] for i in range(N_IMAGES)]
    found["transfer"] = float(
        np.mean(
            [
                mean_iou(values[predict("test", i).argmax(0)], other)
                for i, other in enumerate(others)
            ]
        )
    )
    return found | {
        "set": name,
        "level": level,
        "seed": seed,
        "method": method,
        "seconds": time.perf_counter() - began,
    }


def runs(options: argparse.Namespace) -> Iterator[dict]:
    kept = {}
    if options.log and options.log.exists():
        for line in options.log.read_text().splitlines():
            row = json.loads(line)
            kept[row["set"], row["level"], row["seed"], row["method"]] = row
    for name in SETS:
        for level in LEVELS:
            for method in options.methods:
                for seed in SEEDS:
                    key = (name, level, seed, method)
                    if key not in kept:
                        kept[key] = run(options.data, *key)
                        if options.log:
                            with options.log.open("a") as file:
                                file.write(json.dumps(kept[key]) + "\n")
                    yield kept[key]


def means(rows: list[dict], method: str, figure: str) -> dict[tuple[str, int], float]:
    return {
        (name, level): float(
            np.mean(
                [
                    r[figure]
                    for r in rows
                    if (r["set"], r["level"], r["method"]) == (name, level, method)
                ]
            )
        )
        for name in SETS
        for level in LEVELS
    }


def left_out(rows: list[dict], figure: str) -> tuple[dict, dict[str, float]]:
    """Figures of `auto` by the defaults that are best on the other sets."""
    table, chosen = {}, {}
    score = {c: means(rows, f"auto {c}", "same") for c in CANDIDATES}
    for name in SETS:
        others = {
            c: np.mean([v for (s, _), v in score[c].items() if s != name])
            for c in CANDIDATES
        }
        chosen[name] = max(others, key=others.get)
        found = means(rows, f"auto {chosen[name]}", figure)
        table |= {k: v for k, v in found.items() if k[0] == name}
    return table, chosen


def line(label: str, table: dict[tuple[str, int], float]) -> str:
    by_level = [np.mean([table[s, level] for s in SETS]) for level in LEVELS]
    cells = [
        " ".join(f"{table[s, level]:.3f}".lstrip("0") for level in LEVELS) for s in SETS
    ]
    mean = " ".join(f"{m:.3f}".lstrip("0") for m in by_level)
    return f"| {label} | {' | '.join(cells)} | {mean} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path, help="JSON lines of single runs")
    trained = [m for m in CLASSIFIERS if m not in ("auto", "mixture")]
    every = [THEIRS, *(f"auto {c}" for c in CANDIDATES), *trained]
    parser.add_argument("--methods", nargs="+", default=every)
    options = parser.parse_args()
    rows = list(runs(options))
    for figure in FIGURES:
        print(f"\n{figure}, at {', '.join(map(str, LEVELS))} strokes per class:\n")
        print(f"| method | {' | '.join(SETS)} | mean |")
        print("|---|" + "---|" * (len(SETS) + 1))
        for method in options.methods:
            print(line(f"`{method}`", means(rows, method, figure)))
        if all(f"auto {c}" in options.methods for c in CANDIDATES):
            table, chosen = left_out(rows, figure)
            print(line("`auto`, leave one set out", table))
            if figure == "same":
                print(f"\nTrust in the forest found for each set: {chosen}")
    scored = [r for r in rows if r["method"] == "auto 0.2" and r["score"] is not None]
    if scored:
        pairs = np.array([[r["score"], r["same"]] for r in scored])
        r = np.corrcoef(pairs.T)[0, 1]
        print(f"\n`score_` of `auto` against the true IoU: correlation {r:.2f}")


if __name__ == "__main__":
    main()
