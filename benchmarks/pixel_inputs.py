"""What several images, colours, frames and voxel sizes bring; prints Markdown tables.

    python benchmarks/pixel_inputs.py --data DIR

`auto` at its defaults, strokes and scores as in `strokes.py`, 5 seeds. Each line: mean
IoU, seconds of a fit, seconds of a prediction for one image (or volume). Where strokes
are spread, all painted images together get as many as the one image does.
"""

import argparse
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import napari_segen as ns
import pixel_quality_3d as volumes
from pixel_quality import LEVELS, N_IMAGES, SEEDS, SETS, read
from strokes import make_scribbles, mean_iou

SPREAD, N_STROKES = (1, 2, 4), 10
N_SECTIONS, APART = 20, 5  # painted sections of the stack are that far apart
COLOURS = {  # what of an RGB image is shown to the model, and its `channels`
    "RGB": (lambda image: image, None),
    "mean of the channels": (lambda image: image.mean(axis=-1), None),
    "red alone": (lambda image: image, (0,)),
    "green alone": (lambda image: image, (1,)),
    "blue alone": (lambda image: image, (2,)),
}
# Physical sigmas of 1, 2 and 4 pixels in the plane, and of as many voxels by volume.
IN_PLANE, BY_VOLUME = volumes.VOXEL_UM[1], float(np.prod(volumes.VOXEL_UM) ** (1 / 3))
WIDTHS = {
    "pixels": {},
    f"um, times {IN_PLANE:.3f} (a pixel in the plane)": {
        "sigma_unit": "physical",
        "sigmas": tuple(IN_PLANE * s for s in (1, 2, 4)),
    },
    f"um, times {BY_VOLUME:.3f} (cube root of a voxel)": {
        "sigma_unit": "physical",
        "sigmas": tuple(BY_VOLUME * s for s in (1, 2, 4)),
    },
}

# By level and seed: mean IoUs, then seconds of a fit and of a prediction.
Figures = list[list[tuple[float, ...]]]


def strokes(name: str, mask: np.ndarray, n: int, level: int, seed: int) -> np.ndarray:
    key = zlib.crc32(f"{name}{level}{seed}".encode())
    return make_scribbles(mask, n, seed=key)


def shares(n_images: int) -> list[int]:
    """How many strokes of `N_STROKES` each image gets."""
    return [len(part) for part in np.array_split(np.arange(N_STROKES), n_images)]


def fitted(
    image, scribbles, spec=None, **settings
) -> tuple[ns.ProbabilisticSegmenter, float]:
    model = ns.ProbabilisticSegmenter(**settings)
    began = time.perf_counter()
    model.fit(image, scribbles, spec=spec)
    return model, time.perf_counter() - began


def scored(model, images, masks, painted=None, spec=None) -> tuple[float, float]:
    """Mean IoU over images, and seconds an image."""
    scores, began = [], time.perf_counter()
    for image, mask in zip(images, masks, strict=True):
        found = model.predict(image, spec=spec).astype(int) - 1
        scores.append(mean_iou(found, mask, painted))
    return float(np.mean(scores)), (time.perf_counter() - began) / len(scores)


def test_images(data: Path, name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    pairs = [read(data, name, "test", i) for i in range(N_IMAGES)]
    return [image for image, _ in pairs], [mask for _, mask in pairs]


def several_images(data: Path) -> Iterator[tuple[str, Figures]]:
    for name in SETS:
        test = test_images(data, name)
        for n in SPREAD:
            rows = []
            for seed in SEEDS:
                chosen = [read(data, name, "train", (seed + i) % 4) for i in range(n)]
                painted = [
                    strokes(SETS[name], mask, share, N_STROKES, seed + 100 * i)
                    for i, ((_, mask), share) in enumerate(
                        zip(chosen, shares(n), strict=True)
                    )
                ]
                images = [image for image, _ in chosen]
                model, fit = fitted(images, painted, seed=seed)
                iou, predict = scored(model, *test)
                rows.append((iou, fit, predict))
            yield f"{name}, strokes on {n}", [rows]


def by_level(
    name: str, train, test, settings: dict, spec: ns.ImageSpec | None = None
) -> Figures:
    """Score on the painted image, which `train` gives by seed, and on others."""
    return [
        [one_run(name, train(s), test, level, s, settings, spec) for s in SEEDS]
        for level in LEVELS
    ]


def one_run(name, train, test, level, seed, settings, spec) -> tuple[float, ...]:
    image, mask = train
    painted = strokes(name, mask, level, level, seed)
    model, fit = fitted(image, painted, spec, seed=seed, **settings)
    same, _ = scored(model, [image], [mask], painted > 0)
    iou, predict = scored(model, *test)
    return same, iou, fit, predict


def colours(data: Path) -> Iterator[tuple[str, Figures]]:
    name = "histology"
    for way, (shown, channels) in COLOURS.items():

        def train(seed: int, shown=shown):
            image, mask = read(data, name, "train", seed % 4)
            return shown(image), mask

        images, masks = test_images(data, name)
        test = [shown(image) for image in images], masks
        yield way, by_level(SETS[name], train, test, {"channels": channels})


def frames(data: Path) -> Iterator[tuple[str, Figures]]:
    pairs = [read(data, "EM", "train", i) for i in range(N_SECTIONS)]
    stack, truth = (np.stack(part) for part in zip(*pairs, strict=True))
    spec = ns.ImageSpec("tyx")
    for n in SPREAD:
        rows = []
        for seed in SEEDS:
            painted = np.zeros(stack.shape, np.uint8)
            at = [(seed + APART * i) % N_SECTIONS for i in range(n)]
            for t, share in zip(at, shares(n), strict=True):
                key = seed + 100 * t
                painted[t] = strokes(SETS["EM"], truth[t], share, N_STROKES, key)
            model, fit = fitted(stack, painted, spec, seed=seed)
            # The sections that are painted with this seed in none of the ways.
            rest = (np.arange(N_SECTIONS) - seed) % APART != 0
            iou, predict = scored(model, [stack[rest]], [truth[rest]])
            rows.append((iou, fit, predict / rest.sum()))
        yield f"strokes on {n} of {N_SECTIONS} sections", [rows]


def voxel_sizes(data: Path) -> Iterator[tuple[str, Figures]]:
    spec = ns.ImageSpec("zyx", pixel_size=volumes.VOXEL_UM)
    volume, mask = volumes.read(data, "test")
    for way, settings in WIDTHS.items():
        yield (
            f"sigmas in {way}",
            by_level(
                volumes.NAME,
                lambda seed: volumes.read(data, "train"),
                ([volume], [mask]),
                settings,
                spec,
            ),
        )


TABLES = {
    "Ten strokes per class on one image or spread over several": (
        several_images,
        ("transfer",),
    ),
    "Histology by colour, at 1, 3 and 10 strokes": (colours, ("same", "transfer")),
    "The EM sections as frames (`t`) of one stack, ten strokes": (
        frames,
        ("sections never painted",),
    ),
    "Ovule nuclei, true 3D, at 1, 3 and 10 strokes": (
        voxel_sizes,
        ("same", "transfer"),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    # Compiling the kernels is not what is measured.
    for shape in ((64, 64), (16, 64, 64)):
        image = np.random.default_rng(0).normal(size=shape)
        model, _ = fitted(image, strokes("", (image > 0).astype(int), 2, 0, 0))
        model.predict(image)
    for title, (lines, scores) in TABLES.items():
        heads = (*scores, "fit, s", "predict, s")
        print(f"\n{title}:\n\n| | {' | '.join(heads)} |\n|---|" + "---|" * len(heads))
        for label, figures in lines(data):
            *ious, fit, predict = np.mean(figures, axis=1).T
            cells = [" ".join(f"{v:.3f}".lstrip("0") for v in iou) for iou in ious]
            cells += [f"{np.mean(fit):.2f}", f"{np.mean(predict):.2f}"]
            print(f"| {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
