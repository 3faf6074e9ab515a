"""Time from `pip install` to the demo's result, in a new virtual environment.

Run: python benchmarks/first_result.py
"""

import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def timed(*command: str | Path) -> float:
    """Run a command and return its seconds on the clock."""
    start = time.perf_counter()
    subprocess.run(
        [str(part) for part in command],
        check=True,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "environment"
        venv.create(home, with_pip=True)
        scripts = home / ("Scripts" if sys.platform == "win32" else "bin")
        install = timed(scripts / "python", "-m", "pip", "install", ".[all]")
        demo = [scripts / "napari-segen", "demo", "--headless", "--out"]
        first = timed(*demo, Path(folder) / "first")
        second = timed(*demo, Path(folder) / "second")
    print("| what | seconds |")
    print("|---|---|")
    print(f'| `python -m pip install ".[all]"` | {install:.0f} |')
    print(f"| first `napari-segen demo --headless` | {first:.0f} |")
    print(f"| **from pip install to the demo's result** | {install + first:.0f} |")
    print(f"| the demo again | {second:.0f} |")


if __name__ == "__main__":
    main()
