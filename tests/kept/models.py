"""Models whose files are kept, and the image that they are asked about.

``python -m tests.kept.models`` writes the files that are missing. A file that is there
is never written again: users have such files.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import napari_segen as ns
from napari_segen.core.imagespec import Array

FOLDER = Path(__file__).parent / "format_1"


def _scene() -> tuple[Array, Array]:
    """Bright discs on a slope, and two strokes: made of integers alone."""
    rows, columns = np.mgrid[:40, :48]
    image = 40 + rows + columns + (rows * 7 + columns * 13) % 11
    for y, x in ((10, 12), (28, 30), (12, 36)):
        image[(rows - y) ** 2 + (columns - x) ** 2 < 49] += 90
    strokes = np.zeros(image.shape, np.uint8)
    strokes[20, 2:20], strokes[10, 8:16], strokes[28, 26:34] = 1, 2, 2
    return image.astype(np.uint8), strokes


IMAGE, STROKES = _scene()


def _pixels(method: str, **options: Any) -> Callable[[], Any]:
    return lambda: ns.ProbabilisticSegmenter(method, **options).fit(IMAGE, STROKES)


MODELS: Mapping[str, Callable[[], Any]] = {
    "softmax": _pixels("softmax"),
    "bayes": _pixels("bayes", normalization="training"),
    "forest": _pixels("forest"),
    "auto": _pixels("auto"),
    "mixture": lambda: ns.ProbabilisticSegmenter("mixture").fit(IMAGE),
    "transform": lambda: ns.ImageGenerator("transform").fit(IMAGE, STROKES),
    "texture": lambda: ns.ImageGenerator("texture").fit(IMAGE),
}
NETWORKS: Mapping[str, Callable[[], Any]] = {
    "unet": lambda: ns.CnnSegmenter(
        "unet", params={"filters": 4, "depth": 2}, patch_px=32, max_steps=40
    ).fit(IMAGE, STROKES),
    "patch": lambda: ns.CnnSegmenter(
        "patch",
        params={"filters": (4, 4), "dense_units": 8},
        patch_px=12,
        max_steps=40,
    ).fit(IMAGE, STROKES),
    "flow": lambda: ns.ImageGenerator(
        "flow", params={"filters": 4, "depth": 1, "patch_px": 16}, max_steps=20
    ).fit(IMAGE),
}


def answer(model: Any) -> Array:
    """Return what a model says of the image, or the image that it makes."""
    if hasattr(model, "predict_proba"):
        posterior: Array = model.predict_proba(IMAGE)
        return posterior
    made: Array = model.generate(1, IMAGE.shape, 0)[0]
    return made


def main() -> None:
    """Write the files that are missing, and what their models answer."""
    FOLDER.mkdir(exist_ok=True)
    for name, fitted in (MODELS | NETWORKS).items():
        path = FOLDER / f"{name}.segen"
        if not path.exists():
            model = fitted()
            model.save(path)
            np.save(path.with_suffix(".npy"), answer(model).astype(np.float16))


if __name__ == "__main__":
    main()
