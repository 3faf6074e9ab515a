"""How smooth the window is while a network is trained in its dock, and how it ends.

Needs a display, real or virtual, and nothing else to do for the machine::

    xvfb-run -a -s "-screen 0 1400x1000x24 +extension GLX" \
        env QT_QPA_PLATFORM=xcb python benchmarks/cnn_window.py IMAGE MASK

Without files it trains on a generated image of 512 x 512 pixels.
"""

import argparse
import time
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

DOCK = ("napari-segen", "CNN segmentation")
HEARTBEAT_MS = 5
START_SECONDS, LONGEST_SECONDS = 120.0, 300.0


class Heartbeat:
    """Beats every 5 ms in the window's thread, and notes the gaps between beats."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(HEARTBEAT_MS)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now

    def take(self) -> np.ndarray:
        """Return the gaps since the last call, in milliseconds."""
        gaps, self.gaps = self.gaps, []
        return 1000 * np.array(gaps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", nargs="?", type=Path)
    parser.add_argument("mask", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=20, help="of each phase")
    args = parser.parse_args()
    image, mask = read(args.image, args.mask)
    viewer = napari.Viewer(title="cnn_window")
    viewer.window.resize(1200, 850)
    try:
        rows = measured(viewer, image, mask, args.seconds)
    finally:
        viewer.close()
    print("| what | figure |")
    print("|---|---|")
    for row in rows:
        print(row)


def read(image: Path | None, mask: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return an image and a mask of 0 and 1."""
    if image is not None and mask is not None:
        return np.asarray(Image.open(image)), np.asarray(Image.open(mask))
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:512, :512]
    truth = (np.sin(x / 9) * np.sin(y / 9 + x / 40) > 0.3).astype(np.uint8)
    return rng.normal(100 + 40 * truth, 25).clip(0, 255).astype(np.uint8), truth


def measured(
    viewer: napari.Viewer, image: np.ndarray, mask: np.ndarray, seconds: float
) -> list[str]:
    """Do all phases; returns the lines of a table."""
    viewer.add_image(image, name="image")
    viewer.add_labels(mask, name="mask").visible = False
    _, dock = viewer.window.add_plugin_dock_widget(*DOCK)
    dock._form.zero.value = -1
    dock._form.budget.value = 1800.0
    until(lambda: "ready" in dock._keras.text(), START_SECONDS)
    heart = Heartbeat()
    rows = []
    live(seconds)
    rows.append(gaps_row("idle", heart.take()))
    panning(viewer, seconds)
    rows.append(gaps_row("idle, panning", heart.take()))
    layer = viewer.add_labels(np.zeros_like(mask), name="by hand")
    live(1.0)
    rows.append(gaps_row("idle, napari adds a labels layer", heart.take()))
    viewer.layers.remove(layer)
    live(1.0)
    rows.append(gaps_row("idle, napari removes it", heart.take()))
    start = time.perf_counter()
    dock.train()
    until(lambda: bool(dock._plot.curves), START_SECONDS)
    rows.append(f"| first loss | {time.perf_counter() - start:.1f} s |")
    rows.append(gaps_row("starting to train", heart.take()))
    dock._preview.switch(False)
    live(seconds)
    rows.append(gaps_row("training, no preview", heart.take()))
    before = steps_done(dock)
    live(seconds)
    plain = steps_done(dock) - before
    dock._preview.switch(True)
    until(lambda: dock._preview.layer is not None, START_SECONDS)
    rows.append(gaps_row("the preview's layer comes", heart.take()))
    before = steps_done(dock)
    live(seconds)
    with_preview = steps_done(dock) - before
    rows.append(gaps_row("training, preview on", heart.take()))
    share = 1 - with_preview / max(plain, 1)
    rows.append(
        f"| steps in {seconds:g} s without, with preview | {plain:g}, "
        f"{with_preview:g} ({share:.0%} fewer) |"
    )
    panning(viewer, seconds)
    rows.append(gaps_row("training, preview on, panning", heart.take()))
    rows += ending(dock, heart)
    rows.append(closing(viewer, dock))
    return rows


def ending(dock, heart: Heartbeat) -> list[str]:
    """Stop, and see how long it takes until all is idle."""
    start = time.perf_counter()
    dock._stop.button.click()
    until(lambda: dock._stage.name != "TRAINING", LONGEST_SECONDS)
    rows = [f"| Stop until training has ended | {time.perf_counter() - start:.2f} s |"]
    until(lambda: dock._stage.name == "COMPARING", LONGEST_SECONDS)
    rows.append(
        f"| Stop until the result is seen | {time.perf_counter() - start:.2f} s |"
    )
    rows.append(gaps_row("the result comes", heart.take()))
    until(lambda: not dock._job.is_running, LONGEST_SECONDS)
    rows.append(f"| Stop until it is compared | {time.perf_counter() - start:.2f} s |")
    rows.append(gaps_row("comparing", heart.take()))
    return rows


def closing(viewer: napari.Viewer, dock) -> str:
    """Close the viewer in the middle of a training."""
    dock.train()
    n = steps_done(dock)
    until(lambda: steps_done(dock) != n, START_SECONDS)
    child = dock._child
    start = time.perf_counter()
    viewer.close()
    until(lambda: not child.is_alive, LONGEST_SECONDS)
    seconds = time.perf_counter() - start
    return f"| close while training, until all has ended | {seconds:.2f} s |"


def steps_done(dock) -> float:
    """Return the number of the last step that the curves know."""
    return dock._plot.last_figures.get("step", 0.0)


def gaps_row(what: str, gaps: np.ndarray) -> str:
    """Say the longest gap, and how many were over 50 ms."""
    over = int((gaps > 50).sum())
    return (
        f"| {what} | longest gap {gaps.max():.0f} ms, "
        f"99.9 % under {np.percentile(gaps, 99.9):.0f} ms, {over} over 50 ms |"
    )


def live(seconds: float) -> None:
    """Let the window live."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def panning(viewer: napari.Viewer, seconds: float) -> None:
    """Move the camera around as a user would."""
    start, (y, x) = time.monotonic(), viewer.scene.camera.center[-2:]
    while (t := time.monotonic() - start) < seconds:
        viewer.scene.camera.center = (y + 30 * np.sin(3 * t), x + 30 * np.cos(3 * t))
        live(0.03)
    viewer.scene.camera.center = (y, x)


def until(condition, seconds: float) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        live(0.02)


if __name__ == "__main__":
    main()
