"""Time `import napari_segen`, and opening each dock in a napari that has started.

Run: python benchmarks/start_up.py     (needs a display, real or virtual)
"""

import json
import statistics
import subprocess
import sys

REPEATS = 5
IMPORT = """
import json, sys, time
start = time.perf_counter()
import napari_segen
seconds = {"import": time.perf_counter() - start}
print(json.dumps([seconds, "tensorflow" in sys.modules]))
"""
OPEN = """
import json, sys, time
import napari
viewer = napari.Viewer()
from qtpy.QtWidgets import QApplication
QApplication.processEvents()
seconds = {}
for name in sys.argv[1:]:
    start = time.perf_counter()
    viewer.window.add_plugin_dock_widget("napari-segen", name)
    QApplication.processEvents()
    seconds[name] = time.perf_counter() - start
print(json.dumps([seconds, "tensorflow" in sys.modules]))
viewer.close()
"""
DOCKS = ("Probabilistic segmentation", "CNN segmentation", "Image generator")


def row(title: str, code: str, *args: str) -> str:
    """Run code in new interpreters; make a table row of what they print."""
    command = [sys.executable, "-c", code, *args]
    runs = []
    for _ in range(REPEATS):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout.strip().splitlines()[-1]))
    seconds = statistics.median(sum(run[0].values()) for run in runs)
    imported = "yes" if any(run[1] for run in runs) else "no"
    return f"| {title} | {seconds:.2f} | {imported} |"


def main() -> None:
    print("| what | seconds (median of 5 fresh processes) | imports TensorFlow |")
    print("|---|---|---|")
    print(row("`import napari_segen`", IMPORT))
    for dock in DOCKS:  # each as the first dock of its process
        print(row(f"first dock: {dock}", OPEN, dock))


if __name__ == "__main__":
    main()
