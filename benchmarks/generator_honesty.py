"""How far generated images are from real ones, and whether they copy; prints a table.

    python benchmarks/generator_honesty.py --data DIR --models DIR [--methods NAME ...]

Each method is fitted with labels, makes `--n` images of the training images' size, and
is measured by `generation.honesty` at its defaults. Every distance stands beside its
yardstick, real against real. "Copies" is the share of generated patches nearer to a
training patch than 95 % of held-out real ones are, with its 95 % interval and the
numbers of generated and of held-out patches: 5 % without copying. Held out are images
of the same kind only. Nuclei differ between images: of one kind are those whose median
area is within a factor of 1.5 of the training image's, and whose background (median)
within 5 grey values; labels and background tell, the measure does not. For one EM
section they are the later ones of its stack that share no cells with it (the test
sections are sharper, so everything else is nearer).

"Near others", for one image of nuclei, is the same share with one held-out image after
the other in the place of the training image, which the generator cannot have copied:
what is above 5 % there is not copied but more regular than real patches are. "Unseen
real" is the held-out images in place of generated ones. `--halves` prints the share for
the unseen half of real images whose other half is in the place of the training image,
over all images of nuclei. "Pasted" must be found: the training image, turned and
mirrored in eight ways, at 70 % of its contrast and under noise of 5 % of its spread.
"Own labels" is the fitted `flow` that paints the training image's own labels: outlines
are copied, textures are new. Random phase cannot copy. `transform` and quilting copy on
purpose. Fitted generators are kept in `--models`, and not fitted again.
"""

import argparse
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from skimage.io import imread

import napari_segen as ns
from napari_segen.generation.copies import Neighbours, Training
from napari_segen.generation.honesty import Figure, Honesty, honesty
from napari_segen.generation.patches import N_TURNS, Basis, turn
from napari_segen.generation.shares import QUANTILE

UNSEEN = "unseen real"
PASTED = "pasted"
REPEATED = "own labels"
# Sections from one to the first that shows other cells, about 50 nm each.
NEIGHBOURS = 8
PATCH_PX = 33
# Images of one kind from which the unseen halves have a yardstick.
LEAST_KIN = 4
MOST_PATCHES = 1500
COLUMNS = ("spectrum, dB", "grey values", "patches", "copies", "near others", "s")
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


def all_nuclei(data: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    parts = [read(data / "nuclei_fluorescence_dsb2018", s) for s in ("train", "test")]
    (images, ids), (more, more_ids) = parts
    return images + more, ids + more_ids


def same_kind(images: list[np.ndarray], ids: list[np.ndarray], chosen: int):
    """Return the other images with objects and background like those of one."""
    area = np.array(
        [np.median(np.unique(m[m > 0], return_counts=True)[1]) for m in ids]
    )
    ground = np.array([np.median(image) for image in images])
    alike = np.abs(np.log(area / area[chosen])) <= np.log(1.5)
    alike &= np.abs(ground - ground[chosen]) <= 5
    return [images[i] for i in np.flatnonzero(alike) if i != chosen]


def tasks_of(data: Path, chosen: int) -> list[Task]:
    nuclei, em = data / "nuclei_fluorescence_dsb2018", data / "em_membranes_isbi2012"
    images, ids = read(nuclei, "train")
    sections, membranes = read(em, "train")
    kin = same_kind(*all_nuclei(data), chosen)
    tasks = [
        Task("nuclei, 1 image", "instances", [images[chosen]], [ids[chosen]], kin),
        Task("nuclei, 48 images", "instances", images, ids, read(nuclei, "test")[0]),
    ]
    later = sections[chosen + NEIGHBOURS :]
    if later:
        one, marks = [sections[chosen]], [membranes[chosen]]
        tasks.append(Task("EM, 1 image", "classes", one, marks, later))
    return tasks


def fitted(name: str, task: Task, image: int, seed: int, options: argparse.Namespace):
    method, params = METHODS[name]
    path = options.models / f"{task.name}, {name}, {image}, {seed}.segen"
    if path.exists():
        return ns.load(path)
    generator = ns.ImageGenerator(
        method,
        params=params,
        max_steps=options.max_steps,
        time_limit_s=None if options.max_steps else options.seconds,
        seed=seed,
    )
    if method == "decoder" and task.meaning == "instances":
        labels, meaning = [(m > 0).astype(np.uint8) for m in task.labels], "classes"
    else:
        labels, meaning = task.labels, task.meaning
    generator.fit(task.images, labels, task=meaning)
    options.models.mkdir(parents=True, exist_ok=True)
    generator.save(path)
    return generator


def pasted(image: np.ndarray) -> np.ndarray:
    """Repeat an image: turned, in another light, with a little noise."""
    rng, inner = np.random.default_rng(0), image[3:-3, 3:-3].astype(np.float32)
    turned = np.stack([turn(inner, which) for which in range(N_TURNS)])
    return 0.7 * turned + 5 + 0.05 * image.std() * rng.standard_normal(turned.shape)


def made_by(
    name: str, task: Task, image: int, seed: int, options: argparse.Namespace
) -> np.ndarray:
    if name == UNSEEN:
        return np.stack(task.held_out)
    if name == PASTED:
        return pasted(task.images[0])
    if name == REPEATED:
        generator = fitted("flow", task, image, seed, options)
        painted = (generator.from_labels(task.labels[0], k) for k in range(options.n))
        return np.stack(list(painted))
    generator = fitted(name, task, image, seed, options)
    return generator.generate(options.n, task.images[0].shape, seed)


def neighbours(
    known: np.ndarray, groups: list[list[np.ndarray]], seed: int
) -> list[Neighbours]:
    """Find the nearest patches of one image for those of groups of others."""
    rng = np.random.default_rng(seed)
    planes = [known[np.newaxis]]
    training = Training.of(planes, Basis.fit(planes, PATCH_PX, rng), rng)
    steps = (
        training.neighbours_steps([i[np.newaxis] for i in g], MOST_PATCHES, rng)
        for g in groups
    )
    return [ns.run(s) for s in steps]


def near_others(made: np.ndarray, others: list[np.ndarray]) -> float:
    """Mean share for generated patches beside images that were never learnt from."""
    shares = []
    for i, other in enumerate(others):
        rest = others[:i] + others[i + 1 :]
        usual, new = neighbours(other, [rest, list(made)], seed=0)
        if len(usual) and len(new):
            limit = np.quantile(usual.distance, QUANTILE)
            shares.append(np.mean(new.distance < limit))
    return float(np.mean(shares))


def halves(data: Path) -> str:
    """Tell the share of patches of unseen halves, its 95 % interval by images."""
    images, ids = all_nuclei(data)
    found = []
    for chosen, image in enumerate(images):
        kin = same_kind(images, ids, chosen)
        if len(kin) < LEAST_KIN:
            continue
        upper, lower = np.split(image, 2)
        near = []
        for known, other in ((upper, lower), (lower, upper)):
            usual, unseen = neighbours(known, [kin, [other]], seed=0)
            if len(usual):
                limit = np.quantile(usual.distance, QUANTILE)
                near += list(unseen.distance < limit)
        found.append((sum(near), len(near)))
    counts, rng = np.array(found), np.random.default_rng(0)
    drawn = counts[rng.integers(len(counts), size=(2000, len(counts)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    share, n = counts[:, 0].sum() / counts[:, 1].sum(), counts[:, 1].sum()
    return f"{share:.1%} ({low:.1%} to {high:.1%}) of {n} patches"


def told(figure: Figure, form: str) -> str:
    return f"{figure.value:{form}} ({figure.yardstick:{form}})"


def told_share(found: Honesty) -> str:
    share = found.memorised
    if share is None:
        return found.untold
    counts = f"{share.n_generated} / {share.n_unseen}"
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}; {counts})"


def row(task: Task, name: str, image: int, seed: int, options) -> list[str]:
    made = made_by(name, task, image, seed, options)
    began = time.perf_counter()
    found = honesty(made, task.images, patch_px=PATCH_PX, held_out=task.held_out)
    seconds = time.perf_counter() - began
    others = "-"
    if name in METHODS and task.name == "nuclei, 1 image":
        others = f"{near_others(made, task.held_out):.1%}"
    return [
        f"{task.name} ({image})",
        f"{name} ({seed})",
        told(found.spectrum, ".2f"),
        told(found.histogram, ".2%"),
        told(found.patch_distance, ".3f"),
        told_share(found),
        others,
        f"{seconds:.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--max-steps", type=int, help="of a fit, instead of seconds")
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--images", type=int, nargs="+", default=[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--methods", nargs="+", default=[UNSEEN, PASTED, *METHODS])
    parser.add_argument("--tasks", nargs="+", default=[])
    parser.add_argument("--halves", action="store_true")
    options = parser.parse_args()
    if options.halves:
        print("unseen halves of nuclei images:", halves(options.data))
        return
    print("| task | images |", " | ".join(COLUMNS), "|")
    print("|" + "---|" * (2 + len(COLUMNS)))
    for image in options.images:
        for task in tasks_of(options.data, image):
            if options.tasks and task.name not in options.tasks:
                continue
            for name, seed in product(options.methods, options.seeds):
                cells = row(task, name, image, seed, options)
                print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
