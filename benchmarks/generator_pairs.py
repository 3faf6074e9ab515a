"""What a network learns from generated pairs, beside the real image; prints tables.

    python benchmarks/generator_pairs.py --data DIR --log runs.jsonl [--tasks NAME ...]

From one annotated image (nuclei: object ids; EM: classes) a generator is fitted for
`--fit-seconds`, and makes `--n` pairs. A U-Net is then trained for the same `--steps`
on the real image, on generated pairs alone, and on both: each real image once, or
repeated until it takes half of the pixels ("half and half"). Everything else is at its
defaults; so is the ordinary augmentation of the training patches, in all of them. Seed
i takes the i-th of the shuffled training images, so that `--seeds 10` means ten
different images. Score: mean IoU over the classes, mean over all test images, and for
nuclei the average precision at 0.5 of the objects that `instances` cuts.

Every task, training and seed is one line of `runs.jsonl`; those that are there already
are not run again. Fitted generators are kept beside it.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import napari_segen as ns
from cnn_quality import EM, NUCLEI, Picture, pictures, score
from napari_segen.cnn.backend import warm_up_steps
from napari_segen.workflows.generated import training_pairs_steps

TASKS = {
    "nuclei, 1 image": (NUCLEI, "instances"),
    "EM, 1 image": (EM, "classes"),
}
REAL, ALONE, ONCE, HALF = "real", "generated", "real + generated", "half and half"
KINDS = (REAL, ALONE, ONCE, HALF)


@dataclass(frozen=True)
class Run:
    """One training; `method` is empty where nothing is generated."""

    task: str
    kind: str
    method: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind} ({self.method})" if self.method else self.kind


def runs_of(tasks, kinds, methods, seeds) -> list[Run]:
    return [
        Run(task, kind, method, seed)
        for seed in range(seeds)
        for task in tasks
        for kind in kinds
        for method in ([""] if kind == REAL else methods)
    ]


def real_picture(folder: Path, data: str, seed: int) -> Picture:
    known = pictures(folder, data, "train")
    return known[np.random.default_rng(0).permutation(len(known))[seed]]


def generator_of(run: Run, picture: Picture, options: argparse.Namespace):
    """Fit a generator, or take the one that was fitted before."""
    task = TASKS[run.task][1]
    folder = options.log.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{run.task.split(',')[0]}_{run.method}_{run.seed}.segen"
    if (folder / name).exists():
        return ns.load(folder / name), 0.0
    began = time.perf_counter()
    generator = ns.ImageGenerator(
        run.method, time_limit_s=options.fit_seconds, seed=run.seed
    ).fit(picture.image, picture.ids, task=task)
    seconds = time.perf_counter() - began
    generator.save(folder / name)
    return generator, seconds


def training_pairs(run: Run, picture: Picture, options: argparse.Namespace):
    if run.kind == REAL:
        return [picture.image], [picture.mask], {}
    generator, fitting = generator_of(run, picture, options)
    began = time.perf_counter()
    shape = tuple(min(options.size, n) for n in picture.ids.shape)
    images, labels = ns.run(
        training_pairs_steps(
            generator,
            options.n,
            shape,
            run.seed,
            [] if run.kind == ALONE else [(picture.image, picture.ids)],
            real_share=0.5 if run.kind == HALF else None,
        )
    )
    told = {
        "n": options.n,
        "shape": shape,
        "fit_steps": generator.n_steps_,
        "fit_seconds": round(fitting, 1),
        "generating_seconds": round(time.perf_counter() - began, 1),
    }
    if generator.task_ == "instances":
        labels = [(ids > 0).astype(np.uint8) for ids in labels]
    return images, labels, told


def run_one(run: Run, options: argparse.Namespace) -> dict[str, Any]:
    data = TASKS[run.task][0]
    picture = real_picture(options.data, data, run.seed)
    images, labels, told = training_pairs(run, picture, options)
    network = ns.CnnSegmenter(
        "unet", max_steps=options.steps, time_limit_s=None, seed=run.seed
    )
    began = time.perf_counter()
    network.fit(images, labels)
    told |= {
        "steps": network.n_steps_,
        "seconds": round(time.perf_counter() - began, 1),
        "note": network.note_,
    }
    tests = pictures(options.data, data, "test")[: options.tests]
    return told | score(network.predict_proba, tests)


def table(runs: list[dict[str, Any]]) -> str:
    lines = [
        "| task | trained on | images | mean IoU, test | AP at 0.5 | of the real one's "
        "IoU | more than the real one |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["task"], run["trained_on"]), []).append(run)
    for (task, name), found in sorted(groups.items(), key=_in_order):
        real = {r["seed"]: r["iou"] for r in groups.get((task, REAL), [])}
        both = [(r["iou"], real[r["seed"]]) for r in found if r["seed"] in real]
        cells = [
            _spread([r["iou"] for r in found]),
            _spread([r["ap"] for r in found if "ap" in r]),
            _spread([iou / other for iou, other in both]),
            _spread([iou - other for iou, other in both], sign="+"),
        ]
        if name == REAL:
            cells[2:] = ["", ""]
        lines.append(f"| {task} | {name} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _in_order(item) -> tuple[int, int, str]:
    (task, name), _ = item
    return list(TASKS).index(task), KINDS.index(name.split(" (")[0]), name


def _spread(values: list[float], sign: str = "") -> str:
    if not values:
        return ""
    text = f"{statistics.mean(values):{sign}.3f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.3f}"
    return text


def options_of(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", default=[""], help="parts of their names")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--methods", nargs="+", default=["flow"])
    parser.add_argument("--fit-seconds", type=float, default=150)
    parser.add_argument("--n", type=int, default=48, help="generated pairs")
    parser.add_argument("--size", type=int, default=256, help="of them, in pixels")
    parser.add_argument("--steps", type=int, default=500, help="of the U-Net")
    parser.add_argument("--tests", type=int, default=None, help="test images at most")
    options = parser.parse_args(argv)
    if min(options.seeds, options.n, options.steps) < 1:
        parser.error("--seeds, --n and --steps must be at least 1")
    return options


def main() -> None:
    options = options_of()
    ns.run(warm_up_steps())
    log = options.log
    runs = [json.loads(x) for x in log.read_text().splitlines()] if log.exists() else []
    done = {(r["task"], r["trained_on"], r["seed"]) for r in runs}
    tasks = [t for t in TASKS if any(part in t for part in options.tasks)]
    for run in runs_of(tasks, options.kinds, options.methods, options.seeds):
        if (run.task, run.name, run.seed) in done:
            continue
        who = {"task": run.task, "trained_on": run.name, "seed": run.seed}
        runs.append(who | run_one(run, options))
        print(runs[-1], file=sys.stderr, flush=True)
        with log.open("a") as file:
            file.write(json.dumps(runs[-1]) + "\n")
    print(table(runs))


if __name__ == "__main__":
    main()
