"""What strokes on a second image add to those of a saved model; prints Markdown.

    python benchmarks/another_day.py --data DIR

Sets, images, strokes and scores as in `pixel_quality.py`. For each seed strokes are
drawn on two training images: `auto` is fitted to the first and saved with its strokes,
then to the second with `init_from`. Beside it: each image alone, and one fit of both.
"transfer": mean IoU on the first four test images.
"""

import argparse
import tempfile
import zlib
from pathlib import Path

import numpy as np

import napari_segen as ns
from pixel_quality import N_IMAGES, SEEDS, SETS, read
from strokes import make_scribbles, mean_iou

LEVELS = (3, 10)
FITS = ("first image", "second image", "added", "one fit of both")


def painted(data: Path, name: str, level: int, seed: int, i: int):
    """An image of the training split and strokes on it."""
    image, mask = read(data, name, "train", i)
    key = zlib.crc32(f"{SETS[name]}{level}{seed}{i}".encode())
    return image, make_scribbles(mask, level, seed=key)


def transfer(model, data: Path, name: str) -> float:
    scores = []
    for i in range(N_IMAGES):
        image, mask = read(data, name, "test", i)
        scores.append(mean_iou(model.predict(image).astype(int) - 1, mask))
    return float(np.mean(scores))


def run(data: Path, name: str, level: int, seed: int, path: Path) -> dict:
    first, second = (
        painted(data, name, level, seed, (seed + i) % N_IMAGES) for i in range(2)
    )
    alone, other, added = (ns.ProbabilisticSegmenter(seed=seed) for _ in range(3))
    alone.fit(*first).save(path)
    size = path.stat().st_size
    alone.save(path.with_suffix(".bare"), keep_strokes=False)
    added.fit(*second, init_from=path)
    together = ns.ProbabilisticSegmenter(seed=seed).fit(
        *map(list, zip(first, second, strict=True))
    )
    models = (alone, other.fit(*second), added, together)
    image = read(data, name, "test", 0)[0]
    proba = [m.predict_proba(image) for m in (added, together)]
    return {
        "transfer": [transfer(m, data, name) for m in models],
        "equal": np.array_equal(*proba),
        "unknown": "not known of the earlier" in added.classifier_.reason_,
        "kB": (size - path.with_suffix(".bare").stat().st_size) / 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    print(f"| set, strokes | {' | '.join(FITS)} | same bytes | texture unknown | kB |")
    print("|---|" + "---:|" * (len(FITS) + 3))
    with tempfile.TemporaryDirectory() as folder:
        for name in SETS:
            for level in LEVELS:
                rows = [
                    run(data, name, level, s, Path(folder) / "m.segen") for s in SEEDS
                ]
                scores = np.mean([r["transfer"] for r in rows], axis=0)
                told = " | ".join(f"{s:.3f}" for s in scores)
                n, unknown = (sum(r[k] for r in rows) for k in ("equal", "unknown"))
                size = np.mean([r["kB"] for r in rows])
                of = f"of {len(rows)}"
                print(
                    f"| {name}, {level} | {told} | {n} {of} | {unknown} {of} | "
                    f"{size:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
