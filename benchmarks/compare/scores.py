"""Scores of what the tools answered, all counted here in the same way, and tables."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.compare.adapters.protocol import numbered, tasks_in
from benchmarks.compare.problems import PAINTED_IMAGES, Extent, classes, read
from benchmarks.strokes import average_precision, mean_iou

import napari_segen as ns
from napari_segen.probabilistic.potts import smooth

Row = dict[str, Any]
WAYS = ("own", "smoothed")


def stroke_rows(data: Path, tool: str, smooths: bool, answers: Path) -> list[Row]:
    """Score each run: `same` image, unpainted rest, and `transfer` to the others."""
    rows = []
    for path, answer in tasks_in(answers):
        name, level, seed = path.stem.split("_")
        for way in WAYS[:1] if smooths else WAYS:
            found = dict(answer)
            if way == "smoothed":
                for picture in ["painted", *numbered(answer, "other")]:
                    posterior = answer[picture].astype(np.float32)
                    found[picture] = smooth(posterior, 1.0)
            with np.load(answers.parent.parent / "strokes" / path.name) as task:
                painted = task["strokes"] > 0
            row = {"tool": tool, "way": way, "set": name, "level": int(level)}
            rows.append(row | one_run(data, name, int(seed), found, painted))
    return rows


def one_run(
    data: Path, name: str, seed: int, found: dict[str, np.ndarray], painted: np.ndarray
) -> dict[str, float]:
    _, mask = read(data, name, "train", seed % PAINTED_IMAGES)
    labels = label_values(found["painted"], found["classes"])
    scores = {"same": mean_iou(labels, classes(name, mask), painted)}
    others, objects = [], []
    for i, picture in enumerate(numbered(found, "other")):
        _, mask = read(data, name, "test", i)
        labels = label_values(found[picture], found["classes"])
        others.append(mean_iou(labels, classes(name, mask)))
        if name == "nuclei":
            # Every tool's foreground is cut apart by the same method.
            posterior = found[picture].astype(np.float32)
            ids = ns.instances(posterior, foreground=len(posterior) - 1)
            objects.append(average_precision(ids, mask))
    scores["transfer"] = float(np.mean(others))
    return scores | ({"ap": float(np.mean(objects))} if objects else {})


def label_values(posterior: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Give the most probable class of each pixel, counted from 0."""
    return (values.astype(int) - 1)[posterior.argmax(axis=0)]


def speed_row(tool: str, answers: Path) -> Row:
    (_, answer), *_ = tasks_in(answers)
    return {
        "tool": tool,
        "seconds": float(np.median(answer["seconds"])),
        "processor": float(np.median(answer["processor"])),
        "peak_mb": float(answer["peak_mb"]),
    }


def object_row(data: Path, tool: str, answers: Path) -> Row:
    (_, answer), *_ = tasks_in(answers)
    scores = [
        average_precision(answer[n], read(data, "nuclei", "test", i)[1])
        for i, n in enumerate(numbered(answer, "test"))
    ]
    cost = {k: float(answer[k]) for k in ("seconds", "processor", "steps")}
    return {"tool": tool, "ap": float(np.mean(scores))} | cost


def mean(rows: list[Row], figure: str, **which: Any) -> float:
    """Average a figure over the rows that are as `which` says; NaN without any."""
    found = [
        r[figure]
        for r in rows
        if figure in r and all(r[k] == v for k, v in which.items())
    ]
    return float(np.mean(found)) if found else float("nan")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], rule: str) -> str:
    """Write Markdown; `rule` is that of all columns but the first."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    lines.insert(1, f"|---|{'|'.join([rule] * (len(head) - 1))}|")
    return "\n".join(lines)


def ways_of(rows: list[Row]) -> dict[str, dict[str, str]]:
    """Return what the rows of each tool, with our smoothing or without, have alike."""
    found = {}
    for tool, way in dict.fromkeys((r["tool"], r["way"]) for r in rows):
        name = tool if way == "own" else f"{tool}, with our smoothing"
        found[name] = {"tool": tool, "way": way}
    return found


def score_table(rows: list[Row], extent: Extent, figure: str) -> str:
    lines = []
    for name, way in ways_of(rows).items():
        by_set = [
            [mean(rows, figure, **way, set=s, level=n) for n in extent.levels]
            for s in extent.sets
        ]
        cells = [*by_set, np.mean(by_set, axis=0)]
        lines.append([name, *(" ".join(short(v) for v in cell) for cell in cells)])
    levels = " / ".join(map(str, extent.levels))
    head = [f"{figure}, at {levels} strokes", *extent.sets, "mean"]
    return table(head, lines, "---")


def nuclei_table(rows: list[Row], extent: Extent) -> str:
    lines = [
        [name, *(short(mean(rows, "ap", **way, level=n)) for n in extent.levels)]
        for name, way in ways_of(rows).items()
    ]
    return table(["strokes of each class", *map(str, extent.levels)], lines, "---:")


def speed_table(rows: list[Row]) -> str:
    lines = [
        [
            r["tool"],
            f"{1e3 * r['seconds']:.0f}",
            f"{1e3 * r['processor']:.0f}",
            f"{r['peak_mb']:.0f}",
        ]
        for r in rows
    ]
    return table(["tool", "clock, ms", "processor, ms", "peak, MB"], lines, "---:")


def object_table(rows: list[Row]) -> str:
    lines = [
        [
            r["tool"],
            f"{r['ap']:.3f}",
            f"{r['steps']:.0f}",
            f"{r['seconds']:.0f}",
            f"{r['processor']:.0f}",
        ]
        for r in rows
    ]
    head = ["tool", "AP at 0.5", "steps", "clock, s", "processor, s"]
    return table(head, lines, "---:")


def short(value: float) -> str:
    return f"{value:.3f}".lstrip("0")
