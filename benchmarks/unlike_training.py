"""Whether a model knows images unlike those that it was trained on; prints a table.

    python benchmarks/unlike_training.py --data DIR

`softmax` from one image with 10 strokes per class, the first four training images of
each of the four sets in turn. Asked of `unlike_training`: the first eight test images
of the set ("same", which should not be flagged); the training image and the first four
test images inverted; blank fields, at the image's median without noise and with as much
as the image has (1.4826 times the median absolute difference of neighbours, over the
root of two), at 0 and at 200; three test images of each other set, as grey or as three
equal channels where the model's images have as many. Each cell: flagged of so many.
"""

import argparse
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

import napari_segen as ns
from pixel_quality import GREY, SETS, read
from strokes import make_scribbles

N_TRAIN, N_SAME, N_INVERTED, N_FOREIGN = 4, 8, 4, 3
KINDS = ("same", "inverted", "blank", "foreign")


def blanks(image: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    planes = image.reshape(*image.shape[:2], -1).astype(float)
    level = np.median(planes, axis=(0, 1))
    steps = np.median(np.abs(np.diff(planes, axis=1)), axis=(0, 1))
    noise = 1.4826 * steps / np.sqrt(2) * rng.normal(size=planes.shape)
    noisy = (level + noise).clip(0, 255).round().astype(np.uint8).reshape(image.shape)
    flat = np.broadcast_to(level, planes.shape).astype(np.uint8).reshape(image.shape)
    return [flat, noisy, np.zeros_like(image), np.full_like(image, 200)]


def as_those(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return an image with as many channels as another."""
    if image.ndim > like.ndim:
        return (image @ GREY).round().astype(np.uint8)
    return np.repeat(image[..., None], 3, 2) if image.ndim < like.ndim else image


def cases(data: Path, name: str, image: np.ndarray, rng: np.random.Generator):
    """Yield kinds and images."""
    own = [read(data, name, "test", i)[0] for i in range(N_SAME)]
    yield from (("same", test) for test in own)
    yield from (("inverted", 255 - test) for test in (image, *own[:N_INVERTED]))
    yield from (("blank", blank) for blank in blanks(image, rng))
    for other in SETS:
        if other != name:
            for i in range(N_FOREIGN):
                yield "foreign", as_those(read(data, other, "test", i)[0], image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    print(f"| set | {' | '.join(KINDS)} |")
    print("|---|" + "---|" * len(KINDS))
    flagged, asked = Counter(), Counter()

    def row(label: str, sets: tuple[str, ...]) -> str:
        counts = [
            [sum(c[s, kind] for s in sets) for c in (flagged, asked)] for kind in KINDS
        ]
        cells = [f"{a} of {b} ({a / b:.0%})" for a, b in counts]
        return f"| {label} | {' | '.join(cells)} |"

    for name in SETS:
        for i in range(N_TRAIN):
            image, mask = read(data, name, "train", i)
            key = zlib.crc32(f"unlike{name}{i}".encode())
            scribbles = make_scribbles(mask, 10, seed=key)
            model = ns.ProbabilisticSegmenter("softmax").fit(image, scribbles)
            for kind, other in cases(data, name, image, np.random.default_rng(key)):
                (check,) = model.unlike_training(other)
                flagged[name, kind] += check.is_unlike
                asked[name, kind] += 1
        print(row(name, (name,)), flush=True)
    print(row("all", tuple(SETS)))


if __name__ == "__main__":
    main()
