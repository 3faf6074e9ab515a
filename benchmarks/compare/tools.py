"""The tools compared, and the environments that they run in."""

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tool:
    """One way to get labels.

    `requirements` is the file that its environment is made from, None for this one;
    `smooths`: whether its posterior is smoothed by itself.
    """

    name: str
    adapter: str
    setting: str
    requirements: str | None
    smooths: bool = False


FROM_STROKES = (
    Tool("napari-segen `auto`", "ours", "auto 1", None, smooths=True),
    Tool("napari-segen `auto`, smoothing 0", "ours", "auto 0", None),
    Tool("scikit-image + forest", "skimage_forest", "", "scikit_image"),
    Tool("napari-xgboost's way", "xgboost_apoc", "", "xgboost_apoc"),
    Tool("Convpaint `gaussian`", "convpaint", "1", "convpaint"),
    Tool("Convpaint `gaussian`, scalings 1 2 4", "convpaint", "1 2 4", "convpaint"),
)
FROM_OBJECTS = (
    Tool("napari-segen U-Net", "ours_objects", "unet", None),
    Tool("napari-segen pixel classifier", "ours_objects", "pixels", None),
    Tool("StarDist", "stardist_2d", "256 0.0003", "stardist"),
    Tool(
        "StarDist, patches of 128, rate 0.001", "stardist_2d", "128 0.001", "stardist"
    ),
)


def python_of(tool: Tool, cache: Path) -> Path:
    """Find the interpreter of a tool's environment, made first where it is missing."""
    if tool.requirements is None:
        return Path(sys.executable)
    wanted = HERE / "requirements" / f"{tool.requirements}.txt"
    home = cache / tool.requirements
    python, installed = home / "bin" / "python", home / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        print(f"Making the environment {home}", flush=True)
        venv.create(home, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", wanted], check=True)
        installed.write_text(wanted.read_text())
    return python


def run(tool: Tool, cache: Path, tasks: Path, out: Path) -> str:
    """Run a tool on a folder of tasks; answer with why it failed, or nothing."""
    out.mkdir(parents=True, exist_ok=True)
    adapter = HERE / "adapters" / f"{tool.adapter}.py"
    log = out / "log.txt"
    with log.open("w") as file:
        done = subprocess.run(
            [python_of(tool, cache), adapter, tasks, out, tool.setting],
            stdout=file,
            stderr=subprocess.STDOUT,
            # Where the adapter writes of its own accord, as CatBoost does.
            cwd=out,
            check=False,
        )
    return "" if done.returncode == 0 else log.read_text()[-2000:]


def versions(tool: Tool) -> Iterator[str]:
    """Name the pinned packages of a tool."""
    if tool.requirements is not None:
        text = (HERE / "requirements" / f"{tool.requirements}.txt").read_text()
        lines = (line.split(" #")[0].strip() for line in text.splitlines())
        yield from (line.replace("==", " ") for line in lines if "==" in line)


def use_one_core() -> int:
    """Bind this process, and all that it starts, to the first core it may use."""
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core
