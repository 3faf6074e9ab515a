"""What texture energy brings to `auto`, where it is used; prints Markdown tables.

    python benchmarks/pixel_texture.py --data DIR

Mean IoU at 3 and 10 strokes per class (with one nothing can be held out, and texture is
not looked at), strokes and scores as in `pixel_quality.py`, by the gain in log loss of
held-out strokes that texture must bring; "never": `auto` without it. The gain is found
anew for each set from the other three ("leave one set out"). Then mosaics of
scikit-image's brick, grass and gravel, which nothing was chosen on: upper half of each
photograph in the painted image, lower half in the other one, 10 seeds.
"""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage import data as photographs

import napari_segen as ns
from napari_segen.probabilistic import auto
from pixel_quality import SEEDS, SETS, run
from strokes import make_scribbles, mean_iou

LEVELS = (3, 10)
GAINS = (0.0, 0.25, 0.5, 1.0, 2.0, np.inf)
SHAPE, PATCH_PX, N_MOSAICS = (256, 512), 24, 10
FIGURES = ("same", "transfer")


@contextlib.contextmanager
def least_gain(gain: float) -> Iterator[None]:
    usual = auto.LEAST_GAIN
    auto.LEAST_GAIN = gain
    try:
        yield
    finally:
        auto.LEAST_GAIN = usual


def by_gain(data: Path) -> dict[float, dict[str, np.ndarray]]:
    """Figures ``(levels, 2)`` of each set by the least gain."""
    table: dict[float, dict[str, np.ndarray]] = {}
    for gain in GAINS:
        with least_gain(gain):
            table[gain] = {
                name: np.mean(
                    [
                        [
                            [found[f] for f in FIGURES]
                            for level in LEVELS
                            for found in [run(data, name, level, seed, "auto")]
                        ]
                        for seed in SEEDS
                    ],
                    axis=0,
                )
                for name in SETS
            }
    return table


def mosaic(seed: int, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Textures of equal mean and contrast in random regions; image and classes."""
    rng = np.random.default_rng(seed)
    fields = [gaussian_filter(rng.normal(size=SHAPE), PATCH_PX) for _ in range(3)]
    classes, image = np.argmax(fields, axis=0), np.zeros(SHAPE)
    for c, name in enumerate(("brick", "grass", "gravel")):
        photograph = getattr(photographs, name)().astype(float)
        photograph = (photograph - photograph.mean()) / photograph.std()
        part = photograph[half * SHAPE[0] : (half + 1) * SHAPE[0]]
        image[classes == c] = part[classes == c]
    return np.clip(128 + 40 * image, 0, 255).astype(np.uint8), classes


def on_mosaics(level: int) -> np.ndarray:
    """Figures ``(2,)`` and in how many mosaics texture is used."""
    found = []
    for seed in range(N_MOSAICS):
        (image, mask), (other, other_mask) = mosaic(seed, 0), mosaic(100 + seed, 1)
        scribbles = make_scribbles(mask, level, seed=seed)
        model = ns.ProbabilisticSegmenter(seed=seed).fit(image, scribbles)
        same = mean_iou(model.predict(image).astype(int) - 1, mask, scribbles > 0)
        new = mean_iou(model.predict(other).astype(int) - 1, other_mask)
        found.append((same, new, model.sees_texture_))
    return np.mean(found, axis=0)


def cells(figures: np.ndarray) -> str:
    """Write ``(levels, 2)``: by figure, then by level."""
    return " / ".join(
        " ".join(f"{v:.3f}".lstrip("0") for v in column) for column in figures.T
    )


def line(label: str, by_set: dict[str, np.ndarray]) -> None:
    mean = cells(np.mean(list(by_set.values()), axis=0))
    print(f"| {label} | {' | '.join(map(cells, by_set.values()))} | {mean} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    table = by_gain(parser.parse_args().data)
    print(
        f"| least gain | {' | '.join(SETS)} | mean |\n|---|" + "---|" * (len(SETS) + 1)
    )
    for gain, by_set in table.items():
        line("never" if np.isinf(gain) else f"{gain:g}", by_set)
    # Of equally good gains the smallest, which comes first.
    chosen = {
        name: max(
            GAINS,
            key=lambda g: np.mean([table[g][s][:, 0] for s in SETS if s != name]),
        )
        for name in SETS
    }
    line("leave one set out", {name: table[g][name] for name, g in chosen.items()})
    print(f"\nLeast gain found for each set: {chosen}")
    print("\n| mosaics | same | transfer | texture used in |\n|---|---|---|---|")
    for level in LEVELS:
        for gain in (np.inf, auto.LEAST_GAIN):
            with least_gain(gain):
                same, new, used = on_mosaics(level)
            label = "without texture" if np.isinf(gain) else "`auto`"
            print(
                f"| {level} strokes, {label} | {same:.3f} | {new:.3f} | "
                f"{used * N_MOSAICS:.0f} of {N_MOSAICS} |"
            )


if __name__ == "__main__":
    main()
