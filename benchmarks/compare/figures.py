"""Plots of the comparison, for docs/comparison.md."""

from pathlib import Path

from benchmarks.compare.problems import Extent
from benchmarks.compare.scores import Row, mean
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

OURS, THEIRS = "#0072b2", "#e69f00"


def colour(tool: str) -> str:
    return OURS if tool.startswith("napari-segen") else THEIRS


def bare(tool: str) -> str:
    return tool.replace("`", "")


def quality(rows: list[Row], extent: Extent, path: Path) -> None:
    """Mean IoU by set at the most strokes, own settings, same image and transfer."""
    own = [r for r in rows if r["way"] == "own"]
    tools = list(dict.fromkeys(r["tool"] for r in own))
    figure = Figure(figsize=(9, 0.55 * len(tools) + 1.6), dpi=80, layout="constrained")
    places = figure.subplots(2, len(extent.sets), sharey=True, squeeze=False)
    level = max(extent.levels)
    for row, what in zip(places, ("same", "transfer"), strict=True):
        for place, name in zip(row, extent.sets, strict=True):
            values = [mean(own, what, tool=t, set=name, level=level) for t in tools]
            bars(place, tools, values, "{:.2f}")
            place.set_title(f"{name}, {what}", fontsize=9)
            place.set_xlim(0, 1.15)
            place.set_xticks([0, 0.5, 1])
    figure.suptitle(f"mean IoU, {level} strokes of each class", fontsize=10)
    save(figure, path)


def cost(rows: list[Row], path: Path) -> None:
    """Seconds of the processor and peak memory."""
    tools = [r["tool"] for r in rows]
    figure = Figure(figsize=(9, 0.3 * len(tools) + 0.9), dpi=80, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    bars(left, tools, [1e3 * r["processor"] for r in rows], "{:.0f}")
    left.set_title("new strokes to posterior, ms of the processor", fontsize=9)
    bars(right, tools, [r["peak_mb"] for r in rows], "{:.0f}")
    right.set_title("peak memory of the process, MB", fontsize=9)
    for place in (left, right):
        place.margins(x=0.15)
    save(figure, path)


def bars(place, tools: list[str], values: list[float], form: str) -> None:
    names = [bare(t) for t in tools]
    drawn = place.barh(names, values, color=[colour(t) for t in tools])
    place.bar_label(drawn, [form.format(v) for v in values], fontsize=7, padding=2)
    place.tick_params(labelsize=8)
    if not place.yaxis_inverted():
        place.invert_yaxis()


def save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_png(path)
