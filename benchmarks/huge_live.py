"""Strokes and live preview on huge images in the window, beside a small one.

    xvfb-run -a -s "-screen 0 1400x1000x24 +extension GLX" \\
        python benchmarks/huge_live.py

"1k": discs of 1024 x 1024 in memory, a stock strokes layer. "4k": the same, repeated in
memory, so that as many tiles are in sight as in the others. "64k": a multiscale layer
of 65 536 x 65 536 uint16, made where it is read, sparse strokes. "stack": 200 planes of
4096 x 4096 uint16, made where they are read, sparse strokes. Each in a process of its
own: 6 strokes of each class, then `--strokes` more, a dab of the brush every 12 ms.
"first": from the end of a stroke to the first answer on the screen, "final": to the
final one, of the view. "gap": longest between two beats of a Qt timer of 2 ms while
strokes are painted and answered, Live off and on. "memory": of the process at the end,
and what the strokes take. "read": megapixels that were read for the first answer.

`--run SIDE` instead writes an OME-Zarr image of this side, presses Run, and prints what
the dock said that it takes beside what it took: seconds, most memory over that before
the run, and bytes on disk.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from new_strokes import discs

TILE, SHOWN, CASES = 1024, 512, ("1k", "4k", "64k", "stack")
BEAT_MS, DABS, FIRST_STROKES = 2, 12, 6
N_PLANES, STACK_SIDE, SIDE = 200, 4096, 65_536


class Repeated:
    """A plane repeated over any shape, which is computed where it is read."""

    def __init__(self, shape, plane):
        self.shape, self.plane, self.dtype = shape, plane, plane.dtype
        self.chunks = (1,) * (len(shape) - 2) + (SHOWN, SHOWN)
        self.n_read = 0

    def read(self, spans):
        rows, columns = (
            np.arange(*span) % n
            for span, n in zip(spans[-2:], self.plane.shape, strict=True)
        )
        part = self.plane[np.ix_(rows, columns)]
        lead = [stop - start for start, stop in spans[:-2]]
        self.n_read += int(np.prod(lead)) * part.size
        return np.broadcast_to(part, (*lead, *part.shape)).copy()


def layer_of(case, viewer, plane):
    """Add the image; returns what is read from, the corner of a tile, and the lead."""
    from napari_segen.core.lazyview import LazyView

    look = {"name": case, "contrast_limits": (0, int(plane.max()))}
    if case in ("1k", "4k"):
        n = 1 if case == "1k" else 4
        viewer.add_image(np.tile(plane, (n, n)), **look)
        return None, (n // 2) * TILE, ()
    if case == "stack":
        reader = Repeated((N_PLANES, STACK_SIDE, STACK_SIDE), plane)
        axes = ("t", "y", "x")
        viewer.add_image(LazyView.of(reader), axis_labels=axes, **look)
        viewer.dims.set_point(0, N_PLANES // 2)
        return reader, STACK_SIDE // 2, (N_PLANES // 2,)
    readers, side = [], SIDE
    while side > SHOWN:
        readers.append(Repeated((side, side), plane))
        side, plane = side // 2, plane[::2, ::2] if plane.shape[0] > 1 else plane
    levels = [LazyView.of(reader) for reader in readers]
    viewer.add_image(levels, multiscale=True, **look)
    return readers[0], SIDE // 2, ()


class Window:
    """napari with the dock, painted on as by a mouse."""

    def __init__(self, case):
        import napari
        from qtpy.QtCore import QTimer

        plane, mask = discs(TILE, np.random.default_rng(0))
        self.mask = mask > 0
        self.viewer = napari.Viewer()
        self.viewer.window._qt_window.resize(900, 600)
        self.reader, self.corner, self.lead = layer_of(
            case, self.viewer, plane.astype(np.uint16)
        )
        title = "Probabilistic segmentation"
        self.dock = self.viewer.window.add_plugin_dock_widget("napari-segen", title)[1]
        self.spin(1)
        middle = self.corner + TILE // 2
        self.viewer.scene.camera.center = (middle, middle)
        self.viewer.scene.camera.zoom = 1
        self.strokes = self.dock.add_strokes()
        self.strokes.brush_size = 3
        self.preview = self.dock._live.preview
        self.rng = np.random.default_rng(1)
        self.beats = []
        self.timer = QTimer()
        self.timer.setInterval(BEAT_MS)
        self.timer.timeout.connect(lambda: self.beats.append(time.perf_counter()))
        self.timer.start()
        self.spin(1)

    def spin(self, seconds):
        from qtpy.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(round(1e3 * seconds), loop.quit)
        loop.exec()

    def stroke(self, value):
        inner = self.mask[256:-256, 256:-256]
        at = np.argwhere(inner if value == 2 else ~inner)
        y, x = at[self.rng.integers(len(at))] + 256 + self.corner
        with self.strokes.block_history():
            for i in range(DABS):
                self.strokes.paint((*self.lead, y + i % 3, x + i // 3), value)
                self.spin(0.012)

    def until_answered(self):
        """Spin until all is answered; returns seconds to the first and final view."""
        began, seen = time.perf_counter(), []
        usual = self.preview.layers.refresh

        def refresh():
            usual()
            seen.append(time.perf_counter() - began)

        self.preview.layers.refresh = refresh
        while self.preview.is_busy:
            self.spin(0.005)
        self.preview.layers.refresh = usual
        return seen[0], seen[-1]

    def gap(self):
        return 1e3 * float(np.max(np.diff(self.beats)))


def measured(case, n_strokes):
    window = Window(case)
    for _ in range(FIRST_STROKES):
        for value in (1, 2):
            window.stroke(value)
    window.spin(1)
    before = window.reader.n_read if window.reader else 0
    window.preview.turn_on()
    window.until_answered()
    read = (window.reader.n_read - before) / 1e6 if window.reader else 0.0
    window.stroke(1)
    window.until_answered()  # what is compiled and imported late
    window.spin(1)
    window.beats.clear()
    answers = []
    for k in range(n_strokes):
        window.stroke(1 + k % 2)
        answers.append(window.until_answered())
        window.spin(0.1)
    gaps = {"on": window.gap()}
    window.preview.turn_off()
    window.spin(1)
    window.beats.clear()
    for k in range(n_strokes):
        window.stroke(1 + k % 2)
        window.spin(0.1)
    gaps["off"] = window.gap()
    data = window.strokes.data
    held = data[0].n_bytes if window.strokes.multiscale else data.nbytes
    memory = psutil.Process().memory_info().rss
    window.dock.shut_down()
    window.viewer.close()
    first, final = np.transpose(answers)
    return {
        "first": first.tolist(),
        "final": final.tolist(),
        "gaps": gaps,
        "memory": memory,
        "held": held,
        "read": read,
    }


def spread(seconds):
    p50, p95 = np.percentile(1e3 * np.array(seconds), [50, 95])
    return f"{p50:.0f} / {p95:.0f}"


def print_live(n_strokes):
    print(
        "| image | first, p50 / p95 ms | final, p50 / p95 ms | gap, Live off, ms | "
        "gap, on, ms | read, Mpx | memory, MB | of it strokes, MB |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for case in CASES:
        command = [sys.executable, __file__, "--case", case]
        command += ["--strokes", str(n_strokes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        cells = [
            case,
            spread(found["first"]),
            spread(found["final"]),
            f"{found['gaps']['off']:.0f}",
            f"{found['gaps']['on']:.0f}",
            f"{found['read']:.0f}" if found["read"] else "-",
            f"{found['memory'] / 1e6:.0f}",
            f"{found['held'] / 1e6:.2f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def print_run(side):
    """Press Run on an OME-Zarr image, and compare with what was said."""
    import zarr

    from napari_segen.widgets.huge import runs

    folder = Path(tempfile.mkdtemp())
    plane, _ = discs(TILE, np.random.default_rng(0))
    shape = (side, side)
    array = zarr.create_array(
        folder / "image.zarr", shape=shape, chunks=(TILE, TILE), dtype=np.uint16
    )
    for y in range(0, side, TILE):
        array[y : y + TILE] = np.tile(plane, (1, side // TILE))
    window = Window("1k")
    viewer = window.viewer
    viewer.add_image(array, name="slide", contrast_limits=(0, 200))
    window.dock.reset_choices()
    window.dock._image.value = viewer.layers["slide"]
    window.strokes = window.dock.add_strokes()
    window.strokes.brush_size = 3
    for _ in range(FIRST_STROKES):
        for value in (1, 2):
            window.stroke(value)
    window.spin(2)
    said, most, process = [], [0], psutil.Process()
    before: list[int] = []

    def answer(parent, text):
        said.append(text)
        before.append(process.memory_info().rss)
        return str(folder)

    def watch():
        while not stop.wait(0.05):
            most[0] = max(most[0], process.memory_info().rss)

    stop = threading.Event()
    runs.where_to_write = answer
    window.dock.run()
    while not said and window.dock._job.is_running:
        window.spin(0.05)
    window.spin(0.2)
    threading.Thread(target=watch, daemon=True).start()
    window.beats.clear()
    began = time.perf_counter()
    while window.dock._job.is_running:
        window.spin(0.05)
    took = time.perf_counter() - began
    stop.set()
    written = sum(
        p.stat().st_size for p in (folder / "slide.zarr").rglob("*") if p.is_file()
    )
    print(f"{side} x {side}: said: {said[0]}")
    print(window.dock.message)
    print(
        f"took {took:.0f} s, {(most[0] - before[0]) / 1e6:.0f} MB more than before "
        f"({most[0] / 1e6:.0f} in all), {written / 1e6:.1f} MB on disk; "
        f"longest gap of the window {window.gap():.0f} ms"
    )
    window.dock.shut_down()
    viewer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strokes", type=int, default=15)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=int, metavar="SIDE")
    options = parser.parse_args()
    if options.run:
        print_run(options.run)
    elif options.case:
        print(json.dumps(measured(options.case, options.strokes)))
    else:
        print_live(options.strokes)
