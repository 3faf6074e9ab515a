"""Strokes where `suggest` says against strokes at random; prints Markdown tables.

    python benchmarks/guided_strokes.py --data DIR [--log FILE]

A simulated user begins with one stroke of each class and adds one stroke at a time, 40
in all: at a pixel that a rule chooses, of the class that the truth has there, drawn as
in `strokes.py`. Four sets, three training images each (the middle 320 x 320), two runs,
`softmax`. The target is 95 % of the mean IoU that 30 strokes per class at random
pixels give (mean of three draws). "Strokes": how many it takes until the mean IoU of
five fits in a row reaches the target; 41 where it never does. "IoU": mean over the 40
fits, over what the 30 random strokes per class give. All rules but the random one
choose by `suggested_places`, from different values. `--log` keeps what was run, and
goes on from there.
"""

import argparse
import json
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np

import napari_segen as ns
from napari_segen.core.labels import Segmentation
from napari_segen.probabilistic.guidance.suggestion import (
    Grid,
    suggested_places,
    teaching_value,
)
from pixel_quality import SETS, read
from strokes import make_scribbles, mean_iou

SIDE, MOST, TARGET_STROKES, ENOUGH, IN_A_ROW = 320, 40, 30, 0.95, 5
IMAGES, RUNS = (0, 1, 2), (0, 1)
RANDOM = "random"
CACHE = ns.FeatureCache(2**28)


def margin_doubt(found: Segmentation) -> np.ndarray:
    best = np.sort(found.posterior, axis=0)
    return 1 - (best[-1] - best[-2])


def shares(found: Segmentation, painted: np.ndarray) -> np.ndarray:
    """How many times as frequent as painted the pixel's classes are found."""
    mean = found.posterior.mean(axis=(1, 2))
    return np.tensordot(np.clip(mean / painted, 0.2, 5), found.posterior, 1)


# From what is known of each pixel, and how often the classes are painted, to its value.
RULES: dict[str, Callable[[Segmentation, np.ndarray], np.ndarray]] = {
    "entropy": lambda f, _: f.uncertainty,
    "margin": lambda f, _: margin_doubt(f),
    "entropy x novelty": lambda f, _: teaching_value(f.uncertainty, f.novelty),
    "entropy x shares": lambda f, p: f.uncertainty * shares(f, p),
    "margin x shares": lambda f, p: margin_doubt(f) * shares(f, p),
    "entropy x shares x root of novelty": lambda f, p: (
        f.uncertainty * shares(f, p) * np.sqrt(f.novelty)
    ),
    "margin x shares x root of novelty": lambda f, p: (
        margin_doubt(f) * shares(f, p) * np.sqrt(f.novelty)
    ),
}


def middle(data: Path, name: str, i: int) -> tuple[np.ndarray, np.ndarray]:
    image, mask = read(data, name, "train", i)
    y, x = (max((n - SIDE) // 2, 0) for n in mask.shape)
    return image[y : y + SIDE, x : x + SIDE], mask[y : y + SIDE, x : x + SIDE]


def with_stroke(painted: np.ndarray, mask: np.ndarray, at: tuple, seed: int):
    """Add a stroke that begins at a pixel, of the class that is there."""
    there = mask[at]
    new = walk_from(mask == there, at, seed)
    return np.where((painted == 0) & new, there + 1, painted).astype(np.uint8)


def walk_from(own: np.ndarray, at: tuple, seed: int) -> np.ndarray:
    """Return a stroke within `own` from one of its pixels, as `make_scribbles` goes."""
    rng, result = np.random.default_rng(seed), np.zeros(own.shape, bool)
    disc = np.array([(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)])
    place, angle = np.array(at, float), rng.uniform(0, 2 * np.pi)
    bend = rng.normal(0, 0.06)
    for _ in range(40):
        pixels = np.rint(place).astype(int) + disc
        pixels = pixels[((pixels >= 0) & (pixels < own.shape)).all(axis=1)]
        pixels = pixels[own[tuple(pixels.T)]]
        result[tuple(pixels.T)] = True
        bend = 0.9 * bend + rng.normal(0, 0.04)
        angle += bend
        side = rng.choice([-1, 1])
        for turn in (0, 0.4, -0.4, 0.9, -0.9, 1.6, -1.6, 2.4, -2.4, 3.1):
            turned = angle + side * turn
            ahead = place + np.array([np.sin(turned), np.cos(turned)])
            y, x = np.rint(ahead).astype(int)
            if 0 <= y < own.shape[0] and 0 <= x < own.shape[1] and own[y, x]:
                place, angle = ahead, turned
                break
        else:
            break
    return result


def iou_of(model, image, mask, painted) -> float:
    return mean_iou(
        model.predict(image, cache=CACHE).astype(int) - 1, mask, painted > 0
    )


def target(data: Path, name: str, i: int) -> float:
    image, mask = middle(data, name, i)
    found = []
    for draw in range(3):
        key = zlib.crc32(f"target{name}{i}{draw}".encode())
        rng, painted = np.random.default_rng(key), make_scribbles(mask, 1, seed=key)
        n_classes = len(np.unique(mask))
        for n in range((TARGET_STROKES - 1) * n_classes):
            at = np.unravel_index(rng.integers(mask.size), mask.shape)
            painted = with_stroke(painted, mask, at, key + n)
        model = ns.ProbabilisticSegmenter("softmax").fit(image, painted, cache=CACHE)
        found.append(iou_of(model, image, mask, painted))
    return float(np.mean(found))


def play(data: Path, name: str, i: int, run: int, rule: str) -> list[float]:
    """Return the mean IoU after each stroke."""
    image, mask = middle(data, name, i)
    key = zlib.crc32(f"guided{name}{i}{run}".encode())
    rng, painted = np.random.default_rng(key), make_scribbles(mask, 1, seed=key)
    curve = []
    for n in range(MOST + 1):
        model = ns.ProbabilisticSegmenter("softmax").fit(image, painted, cache=CACHE)
        steps = model.segment_steps(image, cache=CACHE, novelty="novelty" in rule)
        found = ns.run(steps)
        score = mean_iou(found.labels.astype(int) - 1, mask, painted > 0)
        curve.append(float(score))
        if rule == RANDOM:
            free = np.argwhere(painted == 0)
            at = free[rng.integers(len(free))]
        else:
            value = RULES[rule](found, model.class_shares_)
            grid = Grid.of(model.spec_, model.bank((1.0, 1.0)).sigmas_px)
            (at,) = suggested_places(value, 1, grid, labelled=painted)
        painted = with_stroke(painted, mask, tuple(at), key + n)
    return curve[1:]


def strokes_needed(curve: list[float], goal: float) -> int:
    means = np.convolve(curve, np.ones(IN_A_ROW) / IN_A_ROW, "valid")
    reached = np.flatnonzero(means >= ENOUGH * goal)
    return int(reached[0]) + 1 if len(reached) else MOST + 1


def rows_of(data: Path, log: Path | None) -> list[dict]:
    kept = {}
    if log and log.exists():
        for line in log.read_text().splitlines():
            row = json.loads(line)
            kept[row["set"], row["image"], row["run"], row["rule"]] = row
    goals: dict[tuple[str, int], float] = {}
    for name, i, run, rule in product(SETS, IMAGES, RUNS, (RANDOM, *RULES)):
        key = name, i, run, rule
        if key in kept:
            continue
        if (name, i) not in goals:
            goals[name, i] = target(data, name, i)
        goal = goals[name, i]
        curve = play(data, *key)
        kept[key] = dict(zip(("set", "image", "run", "rule"), key, strict=True)) | {
            "strokes": strokes_needed(curve, goal),
            "iou": float(np.mean(curve)) / goal,
            "last": float(np.mean(curve[-IN_A_ROW:])) / goal,
        }
        if log:
            with log.open("a") as file:
                file.write(json.dumps(kept[key]) + "\n")
    return [row for row in kept.values() if row["rule"] in (RANDOM, *RULES)]


def mean(rows: list[dict], rule: str, figure: str, sets: tuple[str, ...]) -> float:
    some = [r[figure] for r in rows if r["rule"] == rule and r["set"] in sets]
    return float(np.mean(some))


def print_tables(rows: list[dict]) -> None:
    sets = tuple(SETS)
    print(f"\n| rule | {' | '.join(sets)} | mean | IoU at the end |")
    print("|---|" + "---|" * (len(sets) + 2))
    for rule in (RANDOM, *RULES):
        cells = [
            f"{mean(rows, rule, 'strokes', some):.1f}, "
            f"{mean(rows, rule, 'iou', some):.3f}"
            for some in (*((s,) for s in sets), sets)
        ]
        print(
            f"| {rule} | {' | '.join(cells)} | {mean(rows, rule, 'last', sets):.3f} |"
        )
    chosen = {
        left: max(
            RULES,
            key=lambda rule, left=left: mean(
                rows, rule, "iou", tuple(s for s in sets if s != left)
            ),
        )
        for left in sets
    }
    needed = [mean(rows, chosen[s], "strokes", (s,)) for s in sets]
    print(f"\nChosen for each set by the mean IoU on the other three: {chosen};")
    print(
        f"strokes then: {np.mean(needed):.1f}, at random "
        f"{mean(rows, RANDOM, 'strokes', sets):.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path, help="JSON lines of single runs")
    options = parser.parse_args()
    print_tables(rows_of(options.data, options.log))


if __name__ == "__main__":
    main()
