"""Whether tiles show in a large generated image; prints the figures.

    python benchmarks/generator_seams.py --image FILE [--seconds 150] [--size 2048]
    python benchmarks/generator_seams.py --model M.segen

`flow` makes large images tile by tile. The absolute difference of neighbouring pixels
is averaged along every line between two columns (and rows). Lines on tile borders are
compared with those that lie alike in the network's grid, one in `STRIDE`, since its
strides may give lines of their own: "off" is the difference of the means in standard
errors; within 2 is chance. Memory is the process's peak, TensorFlow included.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from skimage.io import imread

import napari_segen as ns
from napari_segen.generation.flow_sampling import _TILES, MARGIN

STRIDE = 16


def fitted(options: argparse.Namespace) -> ns.ImageGenerator:
    if options.model is not None:
        return ns.load(options.model)
    generator = ns.ImageGenerator("flow", time_limit_s=options.seconds)
    return generator.fit(imread(options.image))


def lines(image: np.ndarray, axis: int) -> np.ndarray:
    """Mean absolute difference between line i and i + 1, for every i."""
    steps = np.abs(np.diff(image.astype(float), axis=axis))
    return np.moveaxis(steps, axis, 0).reshape(len(steps), -1).mean(axis=1)


def report(image: np.ndarray) -> None:
    tile = _TILES[2][0]
    borders = np.arange(tile, image.shape[0] + MARGIN, tile) - MARGIN - 1
    at_borders, inside = [], []
    for axis in (0, 1):
        means = lines(image, axis)
        index = np.arange(len(means))
        alike = (index % STRIDE == borders[0] % STRIDE) & ~np.isin(index, borders)
        at_borders.append(means[borders[borders < len(means)]])
        inside.append(means[alike])
    seen, usual = np.concatenate(at_borders), np.concatenate(inside)
    error = usual.std(ddof=1) * np.sqrt(1 / len(seen) + 1 / len(usual))
    off = (seen.mean() - usual.mean()) / error
    print(f"{len(seen)} border lines: mean gradient {seen.mean():.4f}")
    print(f"{len(usual)} lines inside: {usual.mean():.4f}, each +- {usual.std():.4f}")
    print(f"off by {off:.2f} standard errors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if (options.image is None) == (options.model is None):
        parser.error("give either --image or --model")
    generator = fitted(options)
    generator.generate(1, (64, 64), 0)  # the network is built at the first image
    began = time.perf_counter()
    image = generator.generate(1, (options.size, options.size), options.seed)[0]
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{options.size} x {options.size} in {seconds:.1f} s, peak {peak:.2f} GB")
    report(image)


if __name__ == "__main__":
    main()
