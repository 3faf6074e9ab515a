"""Time and disk from `pip install` to the demo's result, in a new virtual environment.

Run: python benchmarks/first_result.py

Packages are fetched anew, whatever pip's cache holds. Seconds are those on the clock,
and those of the processor, which other work on the machine hardly changes. Disk is what
its files take in blocks of 4 KiB after the demo, in all and of the largest packages.
"""

import math
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
from joblib import cpu_count

REPOSITORY = Path(__file__).resolve().parents[1]
BLOCK = 4096
N_LARGEST = 5


def timed(*command: str | Path) -> np.ndarray:
    """Run a command and return its seconds on the clock and of the processor."""
    start = seconds()
    subprocess.run(
        [str(part) for part in command],
        check=True,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PIP_NO_CACHE_DIR": "1"},
    )
    return seconds() - start


def seconds() -> np.ndarray:
    spent = os.times()
    return np.array([spent.elapsed, spent.children_user + spent.children_system])


def gigabytes(folder: Path) -> float:
    sizes = (p.lstat().st_size for p in folder.rglob("*") if not p.is_dir())
    return sum(math.ceil(size / BLOCK) * BLOCK for size in sizes) / 1e9


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "environment"
        venv.create(home, with_pip=True)
        scripts = home / ("Scripts" if sys.platform == "win32" else "bin")
        install = timed(scripts / "python", "-m", "pip", "install", ".[all]")
        demo = [scripts / "napari-segen", "demo", "--headless", "--out"]
        first = timed(*demo, Path(folder) / "first")
        second = timed(*demo, Path(folder) / "second")
        disk = gigabytes(home)
        (site,) = home.rglob("site-packages")
        packages = {p.name: gigabytes(p) for p in site.iterdir() if p.is_dir()}
    print(f"{cpu_count()} cores, Python {sys.version.split()[0]}")
    print("| what | seconds | of the processor |")
    print("|---|---|---|")
    for what, (clock, processor) in {
        '`python -m pip install ".[all]"`': install,
        "first `napari-segen demo --headless`": first,
        "**from pip install to the demo's result**": install + first,
        "the demo again": second,
    }.items():
        print(f"| {what} | {clock:.0f} | {processor:.0f} |")
    print()
    print("| disk | GB |")
    print("|---|---|")
    print(f"| the environment | {disk:.2f} |")
    for name in sorted(packages, key=packages.get)[-N_LARGEST:][::-1]:
        print(f"| of it `{name}` | {packages[name]:.2f} |")


if __name__ == "__main__":
    main()
