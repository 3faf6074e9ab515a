"""How far generated images are from real ones, and whether they copy; prints a table.

    python benchmarks/generator_honesty.py --data DIR [--seconds S] [--methods NAME ...]

Each method is fitted with labels, makes `--n` images of the training images' size, and
is measured by `generation.honesty` at its defaults. Every distance stands beside its
yardstick, real against real. "Copies" is the share of generated patches nearer to a
training patch than 95 % of held-out real ones are: 5 % without copying. Held out are
images of the same kind only: for one image of the mixed nuclei its own lower half, and
the generator gets the upper one; for one EM section the later ones of its stack that
share no cells with it (the test sections are sharper, so everything else is nearer).
"Unseen real" is the held-out images in place of generated ones. Random phase cannot
copy: its share is what the figure shows without any. `transform` and quilting copy on
purpose.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from skimage.io import imread

import napari_segen as ns
from napari_segen.generation.honesty import Figure, honesty

UNSEEN = "unseen real"
# Sections from one to the first that shows other cells, about 50 nm each.
NEIGHBOURS = 8
METHODS = {
    "flow": ("flow", {}),
    "decoder": ("decoder", {}),
    "transform": ("transform", {}),
    "quilting": ("texture", {"mode": "quilting"}),
    "random phase": ("texture", {"mode": "random phase"}),
}


@dataclass(frozen=True)
class Task:
    """Images with labels to fit on, and images of the same kind held out."""

    name: str
    meaning: str
    images: list[np.ndarray]
    labels: list[np.ndarray]
    held_out: list[np.ndarray]


def read(folder: Path, split: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    images = sorted((folder / split / "images").glob("*.png"))
    return [imread(f) for f in images], [
        imread(folder / split / "masks" / f.name) for f in images
    ]


def tasks_of(data: Path, chosen: int) -> list[Task]:
    nuclei, em = data / "nuclei_fluorescence_dsb2018", data / "em_membranes_isbi2012"
    images, ids = read(nuclei, "train")
    sections, membranes = read(em, "train")
    one, marks = images[chosen], ids[chosen]
    half = len(one) // 2
    return [
        Task(
            "nuclei, half an image",
            "instances",
            [one[:half]],
            [marks[:half]],
            [one[half:]],
        ),
        Task("nuclei, 48 images", "instances", images, ids, read(nuclei, "test")[0]),
        Task(
            "EM, 1 image",
            "classes",
            [sections[chosen]],
            [membranes[chosen]],
            sections[chosen + NEIGHBOURS :],
        ),
    ]


def made_by(name: str, task: Task, options: argparse.Namespace) -> np.ndarray:
    if name == UNSEEN:
        return np.stack(task.held_out)
    method, params = METHODS[name]
    generator = ns.ImageGenerator(method, params=params, time_limit_s=options.seconds)
    if method == "decoder" and task.meaning == "instances":
        labels, meaning = [(m > 0).astype(np.uint8) for m in task.labels], "classes"
    else:
        labels, meaning = task.labels, task.meaning
    generator.fit(task.images, labels, task=meaning)
    return generator.generate(options.n, task.images[0].shape, options.seed)


def told(figure: Figure, form: str) -> str:
    return f"{figure.value:{form}} ({figure.yardstick:{form}})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--image", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", nargs="+", default=[UNSEEN, *METHODS])
    parser.add_argument("--tasks", nargs="+", default=[])
    options = parser.parse_args()
    print("| task | images | spectrum, dB | grey values | patches | copies | s |")
    print("|---|---|---|---|---|---|---|")
    for task in tasks_of(options.data, options.image):
        if options.tasks and task.name not in options.tasks:
            continue
        for name in options.methods:
            made = made_by(name, task, options)
            began = time.perf_counter()
            found = honesty(made, task.images, held_out=task.held_out)
            seconds = time.perf_counter() - began
            cells = [
                task.name,
                name,
                told(found.spectrum, ".2f"),
                told(found.histogram, ".2%"),
                told(found.patch_distance, ".3f"),
                "-" if found.memorised is None else f"{found.memorised:.1%}",
                f"{seconds:.1f}",
            ]
            print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
