"""How soon the live preview follows a stroke, and what it takes from the window.

    xvfb-run -a -s "-screen 0 1400x1000x24 +extension GLX" python benchmarks/live.py

Two parts, each prints a Markdown table. "Answer": from a finished stroke to the tiles
of a view of 1024 x 1024 pixels, in images of 1k and 8k squared, by the engine alone;
the first stroke is left out. "Advice": from the final answer to where to paint next,
score and doubtful strokes; "a pixel explained": on a click. Beside it scikit-image's
features and a random forest (50 trees, max_depth=10, max_samples=0.05) on the same view
and on the whole image. "Window": strokes painted in napari on a small canvas with Live
off and on, in turn: longest gap between two beats of a Qt timer of 2 ms, time that a
dab of the brush takes, and the time from the end of a stroke to the screen. `--part`
runs one of them.
"""

import argparse
import statistics
import time

import numpy as np

import napari_segen as ns
from napari_segen.core.steps import run
from napari_segen.features.parallel import usable_processors
from napari_segen.probabilistic.live.session import LiveSession
from napari_segen.probabilistic.live.store import TileStore
from napari_segen.probabilistic.live.view import SHOW, View
from napari_segen.probabilistic.live.wish import Wish
from new_strokes import discs, forest, paint, skimage_features

SIDES, VIEW = (1024, 8192), 1024
BEAT_MS, BRUSH_PX, ROUNDS, STROKES, DABS = 2, 4, 4, 6, 25


def problem(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Discs, repeated, and ten strokes of each class in the first 1024 x 1024."""
    plane, mask = discs(VIEW, np.random.default_rng(0))
    strokes = np.zeros((side, side), np.uint8)
    strokes[:VIEW, :VIEW] = paint(mask, np.random.default_rng(1))
    return np.tile(plane, (side // VIEW,) * 2), strokes


def stroke(strokes: np.ndarray, k: int, rng: np.random.Generator) -> None:
    y, x = rng.integers(0, VIEW - 64, 2)
    strokes[y : y + 3, x : x + 40] = 1 + k % 2


def answers(side: int, method: str, n: int) -> list[list[float]]:
    """Milliseconds from each of n strokes to the first and to the final answer.

    Then from the final answer to the advice, and from a click to the explanation.
    """
    image, strokes = problem(side)
    cache, store = ns.FeatureCache(), TileStore()
    session = LiveSession(image, ns.ImageSpec("yx"), store, cache)
    model = ns.ProbabilisticSegmenter(method)
    view = View(0, (slice(0, VIEW), slice(0, VIEW)))
    rng, rows = np.random.default_rng(2), []
    for k in range(n + 1):
        began, shown, advised = time.perf_counter(), [], 0.0
        session.advice = None
        for step in session.answer_steps(model, strokes, view, wish=Wish(5, ())):
            now = 1e3 * (time.perf_counter() - began)
            if step.text == SHOW:
                shown.append(now)
            if session.advice is not None and not advised:
                advised = now
        clicked = time.perf_counter()
        advised = advised or 1e3 * (clicked - began)
        run(session.explain_steps(model, rng.integers(0, VIEW, 2).tolist()))
        explained = 1e3 * (time.perf_counter() - clicked)
        rows.append([shown[0], shown[-1], advised - shown[-1], explained])
        stroke(strokes, k, rng)
    return np.transpose(rows[1:]).tolist()


def theirs(side: int) -> float:
    image, strokes = problem(max(side, VIEW))
    image, strokes = image[:side, :side], strokes[:side, :side]
    began = time.perf_counter()
    forest(skimage_features(image), strokes)
    return 1e3 * (time.perf_counter() - began)


def spread(times: list[float]) -> str:
    p50, p95 = np.percentile(times, [50, 95])
    return f"{p50:.0f} / {p95:.0f}"


def print_answers(n: int) -> None:
    print(f"{usable_processors()} processors, {n} strokes\n")
    print(
        "| image | method | first answer, p50 / p95 ms | final answer, ms | advice, ms "
        "| a pixel explained, ms |"
    )
    print("|---|---|---:|---:|---:|---:|")
    for side in SIDES:
        for method in ("auto", "softmax"):
            times = " | ".join(map(spread, answers(side, method, n)))
            print(f"| {side} x {side} | `{method}` | {times} |", flush=True)
    theirs(256)
    # On all of 8192 x 8192 its features alone would need 12 GB.
    for side in (VIEW, 4 * VIEW):
        cells = f"{side} x {side} | scikit-image + forest | - | {theirs(side):.0f}"
        print(f"| {cells} | - | - |")
    print()


class Window:
    """napari with a small canvas, painted on as by a mouse."""

    def __init__(self) -> None:
        import napari
        from qtpy.QtCore import QTimer

        self.viewer = napari.Viewer()
        self.viewer.window._qt_window.resize(900, 600)
        image, strokes = problem(VIEW)
        self.viewer.add_image(image, name="discs")
        dock = "Probabilistic segmentation"
        self.dock = self.viewer.window.add_plugin_dock_widget("napari-segen", dock)[1]
        self.layer = self.viewer.add_labels(strokes, name="strokes")
        self.layer.brush_size = BRUSH_PX
        self.dock.reset_choices()
        self.preview = self.dock._live.preview
        self.beats: list[float] = []
        self.timer = QTimer()
        self.timer.setInterval(BEAT_MS)
        self.timer.timeout.connect(lambda: self.beats.append(time.perf_counter()))
        self.timer.start()
        self.rng = np.random.default_rng(3)

    def spin(self, seconds: float) -> None:
        from qtpy.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(round(1e3 * seconds), loop.quit)
        loop.exec()

    def until_answered(self) -> float:
        """Spin until the last answer is there; returns when the first was shown."""
        refreshed: list[float] = []
        usual = self.preview.layers.refresh

        def refresh() -> None:
            usual()
            refreshed.append(time.perf_counter())

        self.preview.layers.refresh = refresh
        while self.preview.is_busy:
            self.spin(0.005)
        self.preview.layers.refresh = usual
        return refreshed[0] if refreshed else time.perf_counter()

    def stroke(self, value: int) -> list[float]:
        """Paint one stroke, a dab at each turn; returns what the dabs took, in ms."""
        y, x = (int(v) for v in self.rng.integers(100, VIEW - 200, 2))
        took = []
        with self.layer.block_history():
            for i in range(DABS):
                began = time.perf_counter()
                self.layer.paint((y, x + 3 * i), value)
                took.append(1e3 * (time.perf_counter() - began))
                self.spin(0.012)
        return took

    def round(self, is_live: bool) -> tuple[float, list[float], list[float]]:
        """Paint some strokes; returns longest gap, dabs and answers, in ms."""
        if is_live:
            self.preview.turn_on()
            self.until_answered()
        self.spin(1.0)
        self.beats.clear()
        dabs, shown = [], []
        for k in range(STROKES):
            dabs += self.stroke(1 + k % 2)
            ended = time.perf_counter()
            if is_live and k % 2:  # every second is painted into a running answer
                shown.append(1e3 * (self.until_answered() - ended))
            self.spin(0.2)
        gap = 1e3 * max(np.diff(self.beats))
        self.preview.turn_off()
        self.spin(0.3)
        return gap, dabs, shown


def print_window() -> None:
    window = Window()
    window.spin(1)
    window.round(is_live=True)  # compiles and imports
    found = {is_live: ([], [], []) for is_live in (False, True)}
    for _ in range(ROUNDS):
        for is_live, (gaps, dabs, shown) in found.items():
            gap, took, times = window.round(is_live)
            gaps.append(gap)
            dabs += took
            shown += times
    print(
        "| Live | longest gap, ms (median of rounds; all) | dab, ms | shown after, ms |"
    )
    print("|---|---:|---:|---:|")
    for is_live, (gaps, dabs, shown) in found.items():
        each = " ".join(f"{g:.0f}" for g in gaps)
        cells = [
            "on" if is_live else "off",
            f"{statistics.median(gaps):.0f} ({each})",
            spread(dabs),
            spread(shown) if shown else "-",
        ]
        print(f"| {' | '.join(cells)} |")
    window.dock.shut_down()
    window.viewer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("answer", "window"))
    parser.add_argument("--strokes", type=int, default=30)
    options = parser.parse_args()
    if options.part != "window":
        print_answers(options.strokes)
    if options.part != "answer":
        print_window()
