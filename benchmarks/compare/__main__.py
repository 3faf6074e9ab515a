"""Ours beside other tools: quality, latency, memory; one run, one command.

    python -m benchmarks.compare --data DIR --out DIR [--quick] [--tools NAME ...]

`DIR` of `--data` holds the labelled sets (`<set>/train|test/images|masks`). Each tool
runs in an environment of its own, made below `--cache` from a pinned file of
`requirements/`, on one core; tasks and answers are files (`adapters/protocol.py`), and
all answers are scored here. Writes `tables.md`, `rows.json` and plots to `--out`.
Linux only, and some 7 GB of disk for the environments.
"""

import argparse
import datetime
import json
import tempfile
from pathlib import Path

import platformdirs
from benchmarks.compare import figures, problems, scores, tools

CACHE = Path(platformdirs.user_cache_dir("napari-segen-compare"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE, help="for environments")
    parser.add_argument("--quick", action="store_true", help="a little of everything")
    parser.add_argument("--tools", nargs="+", default=[""], help="parts of their names")
    options = parser.parse_args()
    extent = problems.QUICK if options.quick else problems.FULL
    options.out.mkdir(parents=True, exist_ok=True)
    core = tools.use_one_core()
    chosen = [
        [t for t in some if any(part in t.name for part in options.tools)]
        for some in (tools.FROM_STROKES, tools.FROM_OBJECTS)
    ]
    for tool in (*chosen[0], *chosen[1]):
        tools.python_of(tool, options.cache)
    with tempfile.TemporaryDirectory() as name:
        rows = compare(options, extent, chosen, Path(name))
    (options.out / "rows.json").write_text(json.dumps(rows, indent=1))
    head = [f"{datetime.date.today()}, core {core}.", *sorted(pinned(chosen))]
    text = "\n".join(head) + "\n\n" + "\n\n".join(report(rows, extent, options.out))
    (options.out / "tables.md").write_text(text + "\n")
    print(text)


def compare(
    options: argparse.Namespace,
    extent: problems.Extent,
    chosen: list[list[tools.Tool]],
    work: Path,
) -> dict[str, list]:
    """Run and score every tool on every kind of task."""
    writers = {
        "timed": problems.write_timed,
        "strokes": problems.write_strokes,
        "objects": problems.write_objects,
    }
    for kind, write in writers.items():
        (work / kind).mkdir()
        write(options.data, extent, work / kind)
    rows: dict[str, list] = {kind: [] for kind in (*writers, "failed")}
    for kind in writers:
        for i, tool in enumerate(chosen[kind == "objects"]):
            start = datetime.datetime.now()
            answers = work / "answers" / f"{kind}{i}"
            failure = tools.run(tool, options.cache, work / kind, answers)
            took = (datetime.datetime.now() - start).seconds
            print(f"{kind}, {tool.name}: {took} s {failure}", flush=True)
            if failure:
                rows["failed"].append({"tool": tool.name, "kind": kind, "why": failure})
            elif kind == "timed":
                rows[kind].append(scores.speed_row(tool.name, answers))
            elif kind == "strokes":
                found = (options.data, tool.name, tool.smooths, answers)
                rows[kind] += scores.stroke_rows(*found)
            else:
                row = scores.object_row(options.data, tool.name, answers)
                rows[kind].append(row)
    return rows


def pinned(chosen: list[list[tools.Tool]]) -> set[str]:
    return {
        f"{t.requirements}: {', '.join(tools.versions(t))}."
        for t in (*chosen[0], *chosen[1])
        if t.requirements
    }


def report(rows: dict[str, list], extent: problems.Extent, out: Path) -> list[str]:
    """Tables as text; plots are written to `out`."""
    parts = []
    if found := rows["timed"]:
        parts.append(scores.speed_table(found))
        figures.cost(found, out / "compare_cost.png")
    if found := rows["strokes"]:
        parts += [scores.score_table(found, extent, f) for f in ("same", "transfer")]
        parts.append(scores.nuclei_table(found, extent))
        figures.quality(found, extent, out / "compare_quality.png")
    if found := rows["objects"]:
        parts.append(scores.object_table(found))
    parts += [f"{r['tool']} failed ({r['kind']}): {r['why']}" for r in rows["failed"]]
    return parts


if __name__ == "__main__":
    main()
