"""How much foreground a segmenter finds where there is none; prints a table.

    python benchmarks/empty_fields.py --data DIR

For nuclei and histology: fitted as in `pixel_quality.py`, asked about a field of the
training image's background (its median) plus noise as strong as the background's own
(1.4826 times the median absolute difference of neighbours, over the root of two).
"""

import argparse
import zlib
from pathlib import Path

import numpy as np

import napari_segen as ns
from pixel_quality import LEVELS, OBJECTS, SEEDS, SETS, read
from strokes import make_scribbles

METHODS = ("auto", "softmax", "forest", "bayes")


def empty_field(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator):
    """Return the background without anything on it, of the image's type."""
    planes = image[..., np.newaxis] if image.ndim == 2 else image
    field = np.empty(planes.shape)
    for c, plane in enumerate(np.moveaxis(planes.astype(float), -1, 0)):
        level = np.median(plane[mask == 0])
        steps = np.abs(np.diff(plane, axis=1))[(mask[:, 1:] + mask[:, :-1]) == 0]
        noise = 1.4826 * np.median(steps) / np.sqrt(2)
        field[..., c] = level + noise * rng.normal(size=plane.shape)
    return field.clip(0, 255).round().astype(np.uint8).reshape(image.shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    print(
        "| method | " + " | ".join(f"{s}, {n}" for s in OBJECTS for n in LEVELS) + " |"
    )
    print("|---|" + "---|" * (len(OBJECTS) * len(LEVELS)))
    for method in METHODS:
        cells = []
        for name in OBJECTS:
            for level in LEVELS:
                shares = []
                for seed in SEEDS:
                    image, mask = read(options.data, name, "train", seed % 4)
                    key = zlib.crc32(f"{SETS[name]}{level}{seed}".encode())
                    scribbles = make_scribbles(mask, level, seed=key)
                    model = ns.ProbabilisticSegmenter(method).fit(image, scribbles)
                    field = empty_field(image, mask, np.random.default_rng(seed))
                    shares.append((model.predict(field) == 2).mean())
                cells.append(f"{np.mean(shares):.2%} ({np.max(shares):.2%})")
        print(f"| `{method}` | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
