"""Volumes: true 3D features against plane by plane; prints a table.

    python benchmarks/pixel_quality_3d.py --data DIR

The ovule nuclei: strokes as in `strokes.py` (each in one plane) on the training volume,
mean IoU on its unpainted rest and on the test volume, 5 seeds. "sigmas in um" are the
default ones times the pixel size in the plane, so that the filters are as wide along z
as across in space, not in pixels.
"""

import argparse
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier
from tifffile import imread

import napari_segen as ns
from pixel_quality import LEVELS, SEEDS
from strokes import make_scribbles, mean_iou

NAME = "nuclei3d_ovule"
VOXEL_UM = (0.284, 0.127, 0.127)
WAYS = {
    "`auto`, 3D, sigmas in um": ("zyx", {"sigma_unit": "physical"}),
    "`auto`, 3D, sigmas in pixels": ("zyx", {}),
    "`auto`, plane by plane": ("nyx", {}),
}
THEIRS = ("scikit-image + forest, 3D", "scikit-image + forest, plane by plane")


@lru_cache
def read(data: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    (path,) = (data / NAME / split / "images").glob("*.tif")
    return imread(path), (imread(data / NAME / split / "masks" / path.name) > 0).astype(
        int
    )


def ours(way, data, scribbles):
    axes, settings = WAYS[way]
    if settings:
        settings = settings | {"sigmas": tuple(VOXEL_UM[1] * s for s in (1, 2, 4))}
    spec = ns.ImageSpec(axes, pixel_size=VOXEL_UM if axes == "zyx" else VOXEL_UM[1:])
    model = ns.ProbabilisticSegmenter(**settings)
    model.fit(read(data, "train")[0], scribbles, spec=spec)
    return lambda split: model.predict(read(data, split)[0]).astype(int) - 1


@lru_cache
def their_features(data, split, is_3d):
    image = (read(data, split)[0] / 255).astype(np.float32)
    options = {"edges": False, "sigma_min": 1, "sigma_max": 16}
    if is_3d:
        return multiscale_basic_features(image, **options)
    return np.stack([multiscale_basic_features(plane, **options) for plane in image])


def theirs(way, data, scribbles, seed):
    is_3d = way == THEIRS[0]
    features = their_features(data, "train", is_3d)
    forest = RandomForestClassifier(
        50, max_depth=10, max_samples=0.05, n_jobs=-1, random_state=seed
    ).fit(features[scribbles > 0], scribbles[scribbles > 0])

    def predict(split):
        planes = their_features(data, split, is_3d)
        found = forest.predict(planes.reshape(-1, planes.shape[-1]))
        return found.reshape(planes.shape[:-1]).astype(int) - 1

    return predict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    mask = read(data, "train")[1]
    columns = [f"{part}, {n}" for part in ("same", "test") for n in LEVELS]
    print(f"| method | {' | '.join(columns)} |\n|---|" + "---|" * len(columns))
    for way in (*WAYS, *THEIRS):
        same, test = [], []
        for level in LEVELS:
            scores = []
            for seed in SEEDS:
                key = zlib.crc32(f"{NAME}{level}{seed}".encode())
                scribbles = make_scribbles(mask, level, seed=key)
                predict = (
                    ours(way, data, scribbles)
                    if way in WAYS
                    else theirs(way, data, scribbles, seed)
                )
                scores.append(
                    (
                        mean_iou(predict("train"), mask, scribbles > 0),
                        mean_iou(predict("test"), read(data, "test")[1]),
                    )
                )
            same.append(np.mean([s for s, _ in scores]))
            test.append(np.mean([t for _, t in scores]))
        print(
            f"| {way} | " + " | ".join(f"{v:.3f}" for v in (*same, *test)) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
