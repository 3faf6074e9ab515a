"""Make the gallery of docs/generator.md: new images from drawn scenes and coins.

    python docs/make_gallery.py [--seconds 150] [--only shapes transform ...]

Sources are `shapes` and the images that scikit-image brings along. "flow" trains for
the seconds given; the others take a few.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage import data
from skimage.filters import sobel
from skimage.morphology import remove_small_objects
from skimage.segmentation import find_boundaries, watershed

import napari_segen as ns
from napari_segen.workflows.stress import stress_test

IMAGES = Path(__file__).parent / "images"
TILE, GAP, LINE = 160, 6, 16
ORANGE = (230, 159, 0)
Tile = tuple[str, np.ndarray]


def shapes() -> list[list[Tile]]:
    """Every scene, below it the labels' outlines."""
    scenes = ("nuclei", "cells", "fibres", "membranes", "layers", "spots", "vessels")
    above, below = [], []
    for scene in scenes:
        generator = ns.ImageGenerator("shapes", params={"scene": scene})
        images, labels = generator.generate_pairs(1, (TILE, TILE), seed=3)
        above.append((scene, grey(images[0])))
        below.append(("its labels", outlined(images[0], labels[0])))
    return [above, below]


def transform() -> list[list[Tile]]:
    """Coins, moved and photographed worse; labels move along."""
    image, labels = coins()
    looks = {
        "bent and turned": {"elastic": 5.0, "rotation": 25.0},
        "few photons": {"shot_noise": 0.1},
        "unevenly lit, bleached": {"shading": 0.9, "bleaching": 0.9},
        "out of focus": {"defocus": 8.0},
    }
    tiles = [("the image", outlined(cut(image), cut(labels)))]
    for title, params in looks.items():
        generator = ns.ImageGenerator("transform", params=params)
        generator.fit(image, labels, task="instances")
        made = generator.generate_pairs(1, (TILE, TILE), seed=8)
        tiles.append((title, outlined(made[0][0], made[1][0], image)))
    return [tiles]


def texture() -> list[list[Tile]]:
    """Stones: blocks sewn together, and random phases."""
    rows = []
    for name in ("gravel", "grass"):
        image = ndimage.zoom(getattr(data, name)(), 0.5, order=1)
        row = [(name, grey(cut(image)))]
        for mode in ("quilting", "random phase"):
            generator = ns.ImageGenerator("texture", params={"mode": mode}).fit(image)
            made = generator.generate(1, (TILE, TILE), seed=1)
            row.append((mode, grey(made[0])))
        rows.append(row)
    return [rows[0] + rows[1]]


def flow(seconds: float) -> list[list[Tile]]:
    """Coins: new ones, for labels, and variations of given ones."""
    image, labels = coins()
    generator = ns.ImageGenerator("flow", time_limit_s=seconds)
    generator.fit(image, labels, task="instances")
    images, theirs = generator.generate_pairs(4, (TILE, TILE), seed=1)
    new = [("the image", outlined(cut(image), cut(labels)))]
    new += [
        (f"new, seed 1, image {i}", outlined(images[i], theirs[i])) for i in range(4)
    ]
    rings = np.zeros((TILE, TILE), np.int32)
    yy, xx = np.mgrid[:TILE, :TILE]
    for k, (y, x, r) in enumerate([(50, 50, 34), (110, 115, 24), (115, 40, 16)], 1):
        rings[(yy - y) ** 2 + (xx - x) ** 2 < r * r] = k
    painted = generator.from_labels(rings, seed=2)
    varied = [("painted labels", outlined(0 * painted, rings))]
    varied.append(("an image for them", grey(painted)))
    for strength in (0.3, 0.6, 0.9):
        made = generator.vary(image, strength, seed=5, labels=labels)[0]
        varied.append((f"varied, strength {strength}", grey(cut(made))))
    return [new, varied]


def stress() -> list[list[Tile]]:
    """A pixel classifier on drawn nuclei: where it breaks down."""
    generator = ns.ImageGenerator("shapes")
    images, ids = generator.generate_pairs(2, (256, 256), seed=0)
    labels = 1 + (ids > 0).astype(np.uint8)  # a pixel classifier takes 0 for unlabelled
    model = ns.ProbabilisticSegmenter().fit(images[0], labels[0])
    found = stress_test(model, images[1], labels[1])
    kind = "noise"
    tiles = [("IoU by level", curves(found))]
    for level in (0, 2, 4):
        seen = found.predictions[kind][level]
        title = f"{kind}, level {level}: {found.iou[kind][level]:.2f}"
        tiles.append((title, outlined(cut(found.images[kind][level]), cut(seen))))
    return [tiles]


def coins() -> tuple[np.ndarray, np.ndarray]:
    """Coins, and a number for each."""
    image = data.coins()
    markers = np.zeros(image.shape, np.int32)
    markers[image < 30], markers[image > 150] = 1, 2
    inside = ndimage.binary_fill_holes(watershed(sobel(image), markers) == 2)
    labels, _ = ndimage.label(remove_small_objects(inside, max_size=200))
    return image, labels


def cut(array: np.ndarray) -> np.ndarray:
    return array[:TILE, :TILE]


def grey(image: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """Show an image in its own range, or in that of another."""
    low, high = np.percentile(image if like is None else like, (0.2, 99.8))
    scaled = (image - low) / max(high - low, 1e-9)
    return np.repeat((255 * scaled.clip(0, 1)).astype(np.uint8)[..., None], 3, axis=-1)


def outlined(
    image: np.ndarray, labels: np.ndarray, like: np.ndarray | None = None
) -> np.ndarray:
    picture = grey(image, like)
    picture[find_boundaries(labels, mode="inner")] = ORANGE
    return picture


def curves(found) -> np.ndarray:
    figure = Figure(figsize=(3.2, 2), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    place = figure.subplots()
    for kind, scores in found.iou.items():
        place.plot(scores, label=kind, marker=".")
    place.set_ylim(0, 1)
    place.set_xlabel("level")
    place.legend(fontsize=7)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def save(name: str, rows: list[list[Tile]]) -> None:
    """Put tiles side by side, each below its title, and write them as PNG."""
    width = max(sum(t.shape[1] + GAP for _, t in row) for row in rows) - GAP
    page = Image.new("RGB", (width, len(rows) * (TILE + LINE + GAP)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for i, row in enumerate(rows):
        x, y = 0, i * (TILE + LINE + GAP)
        for title, tile in row:
            draw.text((x + 1, y), title, "black", font)
            page.paste(Image.fromarray(tile), (x, y + LINE))
            x += tile.shape[1] + GAP
    path = IMAGES / f"gallery_{name}.png"
    page.quantize(48).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


PARTS: dict[str, Callable[[], list[list[Tile]]]] = {
    "shapes": shapes,
    "transform": transform,
    "texture": texture,
    "stress": stress,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=150, help="of flow's training")
    parser.add_argument("--only", nargs="+", choices=[*PARTS, "flow"])
    options = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    for name in options.only or [*PARTS, "flow"]:
        rows = flow(options.seconds) if name == "flow" else PARTS[name]()
        save(name, rows)


if __name__ == "__main__":
    main()
