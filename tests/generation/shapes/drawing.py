"""Scenes for tests: what is drawn, without a camera's flaws unless asked for."""

import numpy as np

from napari_segen.core.steps import run
from napari_segen.generation.shapes.method import Shapes
from napari_segen.generation.shapes.params import ShapesParams

PURE = {
    "texture": 0.0,
    "blur": 0.0,
    "shading": 0.0,
    "photons": 1e9,
    "read_noise": 0.0,
    "bit_depth": "float",
}


def drawn(scene, shape, seed=0, **params):
    """Return an image in camera numbers and its labels."""
    maker = Shapes(ShapesParams(scene=scene, **params), (1.0,) * len(shape))
    rng = np.random.default_rng(seed)
    made = run(maker.make_steps(shape, rng, with_labels=True))
    return made.image[0], made.labels


def touches(labels):
    """Which labels have a pixel beside a pixel of another object, corners too."""
    found = set()
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = labels[: labels.shape[0] - dy, max(0, -dx) : labels.shape[1] - max(0, dx)]
        b = labels[dy:, max(0, dx) : labels.shape[1] + min(0, dx)]
        meet = (a != b) & (a > 0) & (b > 0)
        found |= set(a[meet].tolist()) | set(b[meet].tolist())
    return found
