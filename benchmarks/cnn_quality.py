"""What the networks reach in a given time, beside cheaper methods; prints a table.

    python benchmarks/cnn_quality.py --data DIR --log runs.jsonl [--tasks NAME ...]

`DIR` holds the labelled sets (`<set>/train|test/images|masks`). Every task, method and
seed is one line of `runs.jsonl`; those that are there already are not run again. The
networks train for the seconds of the task, everything else at its defaults. Images are
cut to their central 512 x 512; a seed chooses the training images, and the strokes as
`strokes.py` draws them. Scores: mean IoU over the classes present, mean over the test
images ("same": the unpainted rest of the painted image), and for nuclei the average
precision at 0.5 of the objects that `instances` cuts from the posterior.
"""

import argparse
import json
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from skimage.feature import multiscale_basic_features
from skimage.io import imread
from sklearn.ensemble import RandomForestClassifier

import napari_segen as ns
from napari_segen.cnn.backend import warm_up_steps
from napari_segen.workflows.pixel_labels import pixel_labels
from napari_segen.workflows.teacher import teacher_steps
from strokes import average_precision, make_scribbles, mean_iou

SIDE, STROKES, FOREST_PIXELS = 512, 10, 100_000
GREY = np.array([0.2125, 0.7154, 0.0721])
EM, NUCLEI = "em_membranes_isbi2012", "nuclei_fluorescence_dsb2018"
HISTOLOGY, STEEL = "nuclei_histology_rgb_dsb2018", "steel_microstructure_uhcs"
OVULE = "nuclei3d_ovule"


@dataclass(frozen=True)
class Task:
    """Which labels, and for how long.

    `n_images` 0: strokes on one image.
    """

    name: str
    data: str
    n_images: int
    seconds: float
    networks: tuple[str, ...] = ("unet", "patch")


TASKS = (
    Task("EM, 1 image, strokes, 20 s", EM, 0, 20, ("unet", "unet+teacher", "patch")),
    Task("EM, 1 image, 20 s", EM, 1, 20),
    Task("EM, 1 image, 60 s", EM, 1, 60),
    Task("EM, 20 images, 5 min", EM, 20, 300, ("unet",)),
    Task("nuclei, 1 image, strokes, 20 s", NUCLEI, 0, 20, ("unet", "unet+teacher")),
    Task("nuclei, 4 images, 60 s", NUCLEI, 4, 60),
    Task("nuclei, 16 images, 60 s", NUCLEI, 16, 60),
    Task("nuclei, 48 images, 5 min", NUCLEI, 48, 300, ("unet",)),
    Task("histology, 16 images, 60 s", HISTOLOGY, 16, 60, ("unet",)),
    Task("steel, 16 images, 60 s", STEEL, 16, 60, ("unet",)),
    Task("ovule 3D, 1 volume, 60 s", OVULE, 1, 60, ("unet", "unet3d")),
)
CHEAP = ("pixel classifier", "scikit-image + forest")


@dataclass(frozen=True)
class Picture:
    """An image, its class of each pixel, and its objects' ids (or the classes)."""

    image: np.ndarray
    mask: np.ndarray
    ids: np.ndarray


def pictures(folder: Path, data: str, part: str) -> list[Picture]:
    found = []
    for path in sorted((folder / data / part / "images").iterdir()):
        mask_path = next((folder / data / part / "masks").glob(f"{path.stem}.*"))
        image, ids = imread(path), imread(mask_path).astype(np.int32)
        middle = tuple(
            slice(max(0, (n - SIDE) // 2), max(0, (n - SIDE) // 2) + SIDE)
            for n in ids.shape
        )
        image, ids = image[middle], ids[middle]
        mask = ids if data in (EM, STEEL) else (ids > 0).astype(np.int32)
        found.append(Picture(image, mask, ids))
    return found


def training_set(
    task: Task, seed: int, known: list[Picture]
) -> tuple[list[Picture], list[np.ndarray], int | None]:
    """Choose images and their labels; last, the label value that is unlabelled."""
    if task.n_images == 0:
        picture = known[seed % 4]
        drawn = zlib.crc32(f"{task.data}{STROKES}{seed}".encode())
        return [picture], [make_scribbles(picture.mask, STROKES, seed=drawn)], 0
    order = np.random.default_rng(seed).permutation(len(known))[: task.n_images]
    chosen = [known[i] for i in order]
    return chosen, [p.mask for p in chosen], None


Predict = Callable[[np.ndarray], np.ndarray]


def fit_network(name, task, seed, images, labels, unlabelled) -> tuple[Predict, dict]:
    kind, _, extra = name.partition("+")
    network = ns.CnnSegmenter(kind, time_limit_s=task.seconds, seed=seed)
    teacher = None
    began = time.perf_counter()
    if extra:
        steps = teacher_steps(network, images, labels, unlabelled=unlabelled)
        teacher = ns.run(steps)
    network.fit(images, labels, unlabelled=unlabelled, teacher=teacher)
    seconds = time.perf_counter() - began
    return network.predict_proba, {
        "steps": network.n_steps_,
        "seconds": round(seconds, 1),
        "precision": network.precision_,
        "note": network.note_,
    }


def fit_pixels(images, labels, unlabelled) -> tuple[Predict, dict]:
    marks = labels if unlabelled == 0 else pixel_labels([m + 1 for m in labels])
    began = time.perf_counter()
    model = ns.ProbabilisticSegmenter().fit(images, marks)
    return model.predict_proba, {"seconds": round(time.perf_counter() - began, 1)}


def features(image: np.ndarray) -> np.ndarray:
    grey = image @ GREY if image.shape[-1] == 3 else image
    return multiscale_basic_features(
        grey, intensity=True, edges=False, texture=True, sigma_min=1, sigma_max=16
    )


def fit_forest(seed, images, labels, unlabelled) -> tuple[Predict, dict]:
    rng = np.random.default_rng(seed)
    began = time.perf_counter()
    x, y = [], []
    for image, marks in zip(images, labels, strict=True):
        at = np.flatnonzero(marks) if unlabelled == 0 else np.arange(marks.size)
        at = rng.permutation(at)[: FOREST_PIXELS // len(images)]
        maps = features(image)
        x.append(maps.reshape(-1, maps.shape[-1])[at])
        y.append(marks.ravel()[at])
    forest = RandomForestClassifier(
        50, max_depth=10, max_samples=0.05, n_jobs=2, random_state=seed
    ).fit(np.concatenate(x), np.concatenate(y))

    def predict(image: np.ndarray) -> np.ndarray:
        maps = features(image)
        found = forest.predict_proba(maps.reshape(-1, maps.shape[-1]))
        return found.T.reshape(-1, *maps.shape[:-1]).astype(np.float32)

    return predict, {"seconds": round(time.perf_counter() - began, 1)}


def score(predict: Predict, tests: list[Picture]) -> dict[str, float]:
    ious, precisions = [], []
    for picture in tests:
        posterior = predict(picture.image)
        found = posterior.argmax(axis=0)
        ious.append(mean_iou(found.ravel(), picture.mask.ravel()))
        if picture.ids is not picture.mask:
            ids = ns.instances(posterior, foreground=1)
            precisions.append(average_precision(ids, picture.ids))
    scores = {"iou": float(np.mean(ious))}
    return scores | ({"ap": float(np.mean(precisions))} if precisions else {})


def run_one(folder: Path, task: Task, method: str, seed: int) -> dict[str, Any]:
    known = pictures(folder, task.data, "train")
    chosen, labels, unlabelled = training_set(task, seed, known)
    images = [p.image for p in chosen]
    if method == CHEAP[0]:
        predict, told = fit_pixels(images, labels, unlabelled)
    elif method == CHEAP[1]:
        predict, told = fit_forest(seed, images, labels, unlabelled)
    else:
        predict, told = fit_network(method, task, seed, images, labels, unlabelled)
    result = told | score(predict, pictures(folder, task.data, "test"))
    if unlabelled == 0:
        found = predict(images[0]).argmax(axis=0).ravel()
        painted = labels[0].ravel() > 0
        result["same"] = float(mean_iou(found, chosen[0].mask.ravel(), painted))
    return result


def table(runs: list[dict[str, Any]]) -> str:
    lines = [
        "| task | method | mean IoU, test | same image | AP at 0.5 | steps |",
        "|---|---|---:|---:|---:|---:|",
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["task"], run["method"]), []).append(run)
    order = [task.name for task in TASKS]
    for (task, method), found in sorted(
        groups.items(), key=lambda item: order.index(item[0][0])
    ):
        cells = [
            _spread([r[k] for r in found if k in r]) for k in ("iou", "same", "ap")
        ]
        steps = " to ".join(
            str(s) for s in _ends([r["steps"] for r in found if "steps" in r])
        )
        lines.append(f"| {task} | {method} | {' | '.join(cells)} | {steps} |")
    return "\n".join(lines)


def _ends(values: list[int]) -> list[int]:
    return sorted({min(values), max(values)}) if values else []


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    text = f"{statistics.mean(values):.3f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.3f}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", help="parts of their names")
    parser.add_argument("--methods", nargs="+")
    arguments = parser.parse_args()
    ns.run(warm_up_steps())
    log = arguments.log
    runs = [json.loads(x) for x in log.read_text().splitlines()] if log.exists() else []
    done = {(r["task"], r["method"], r["seed"]) for r in runs}
    wanted = [
        (seed, task, method)
        for seed in range(arguments.seeds)
        for task in TASKS
        for method in (*task.networks, *CHEAP)
        if not arguments.tasks or any(t in task.name for t in arguments.tasks)
        if not arguments.methods or method in arguments.methods
        if (task.name, method, seed) not in done
    ]
    for seed, task, method in wanted:
        found = run_one(arguments.data, task, method, seed)
        runs.append({"task": task.name, "method": method, "seed": seed} | found)
        print(runs[-1], file=sys.stderr, flush=True)
        with log.open("a") as file:
            file.write(json.dumps(runs[-1]) + "\n")
    print(table(runs))


if __name__ == "__main__":
    main()
