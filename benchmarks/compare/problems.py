"""What every tool gets: images, strokes and objects, as files of the protocol."""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from benchmarks.strokes import make_scribbles
from skimage.io import imread

SETS = {
    "nuclei": "nuclei_fluorescence_dsb2018",
    "EM": "em_membranes_isbi2012",
    "histology": "nuclei_histology_rgb_dsb2018",
    "steel": "steel_microstructure_uhcs",
}
OBJECTS = ("nuclei", "histology")
SIDE, TIMED_SIDE, TIMED_STROKES, PAINTED_IMAGES = 512, 1024, 10, 4


@dataclass(frozen=True)
class Extent:
    """How much is run."""

    sets: tuple[str, ...]
    levels: tuple[int, ...]
    seeds: int
    others: int
    repeats: int
    train_images: int
    test_images: int
    seconds: float


FULL = Extent(tuple(SETS), (3, 10), 2, 3, 5, 16, 16, 420)
QUICK = Extent(("nuclei",), (3,), 1, 1, 1, 4, 2, 10)


@lru_cache
def read(data: Path, name: str, split: str, i: int) -> tuple[np.ndarray, np.ndarray]:
    """One image, its middle at most, and its classes from 0 or ids of objects."""
    folder = data / SETS[name] / split
    path = sorted((folder / "images").iterdir())[i]
    image, mask = imread(path), imread(folder / "masks" / path.name).astype(np.int32)
    y, x = (max((n - SIDE) // 2, 0) for n in mask.shape)
    middle = np.s_[y : y + SIDE, x : x + SIDE]
    return image[middle], mask[middle]


def classes(name: str, mask: np.ndarray) -> np.ndarray:
    return (mask > 0).astype(int) if name in OBJECTS else mask


def strokes_key(name: str, level: int, seed: int) -> str:
    return f"{name}_{level:02}_{seed}"


def write_strokes(data: Path, extent: Extent, folder: Path) -> None:
    """Strokes on one image; the others are only predicted."""
    others = [f"other_{i}" for i in range(extent.others)]
    for name in extent.sets:
        unseen = [read(data, name, "test", i)[0] for i in range(extent.others)]
        for level in extent.levels:
            for seed in range(extent.seeds):
                image, mask = read(data, name, "train", seed % PAINTED_IMAGES)
                drawn = zlib.crc32(f"{SETS[name]}{level}{seed}".encode())
                np.savez(
                    folder / strokes_key(name, level, seed),
                    painted=image,
                    strokes=make_scribbles(classes(name, mask), level, seed=drawn),
                    **dict(zip(others, unseen, strict=True)),
                )


def write_timed(data: Path, extent: Extent, folder: Path) -> None:
    """An electron micrograph, laid out by reflection to 1024 x 1024."""
    image, mask = read(data, "EM", "train", 0)
    grown = [(0, TIMED_SIDE - n) for n in mask.shape]
    image, mask = (np.pad(a, grown, "symmetric") for a in (image, mask))
    np.savez(
        folder / "timed",
        painted=image,
        strokes=make_scribbles(mask, TIMED_STROKES, seed=0),
        repeats=extent.repeats,
    )


def write_objects(data: Path, extent: Extent, folder: Path) -> None:
    """Numbered nuclei, and how long a network may train on them."""
    task: dict[str, np.ndarray | float] = {"seed": 0, "seconds": extent.seconds}
    for i in range(extent.train_images):
        task[f"image_{i}"], task[f"ids_{i}"] = read(data, "nuclei", "train", i)
    for i in range(extent.test_images):
        task[f"test_{i}"] = read(data, "nuclei", "test", i)[0]
    np.savez(folder / "nuclei", **task)
