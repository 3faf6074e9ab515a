"""Sample images, nothing to download: real ones with strokes, drawn ones with labels.

The real ones are bundled with scikit-image. Strokes are polylines of ``(y, x)``
positions, as a person would paint them.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

Polyline = Sequence[tuple[int, int]]
LayerData = tuple[Array, dict[str, Any], str]


def _arc(
    centre: tuple[float, float], radius: float, start: float, stop: float
) -> Polyline:
    """Part of a circle; angles in degrees, 0 to the right, 90 down."""
    angles = np.radians(np.linspace(start, stop, 24))
    y = np.round(centre[0] + radius * np.sin(angles)).astype(int)
    x = np.round(centre[1] + radius * np.cos(angles)).astype(int)
    return list(zip(y.tolist(), x.tolist(), strict=True))


COINS_CLASSES = {1: "background", 2: "coin"}
COINS_STROKES: Mapping[int, Sequence[Polyline]] = {
    1: (
        [(10, 10), (12, 200), (8, 360)],
        [(88, 20), (90, 180), (84, 260), (88, 370)],
        [(100, 14), (210, 10)],
        [(110, 236), (140, 235)],
        [(95, 365), (140, 370)],
        [(152, 70), (154, 290)],
        [(225, 90), (226, 260), (232, 360)],
        [(240, 83), (290, 84)],
        [(296, 20), (296, 300)],
        # Close to the rims, where it matters.
        _arc((50, 155), 28, 200, 340),
        _arc((193, 212), 29, 0, 180),
        _arc((119, 270), 30, 120, 260),
        _arc((260, 46), 33, 190, 300),
    ),
    2: (
        [(45, 30), (60, 58)],
        [(35, 150), (66, 160)],
        [(25, 330), (62, 340), (40, 350)],
        [(115, 92), (138, 112)],
        [(104, 262), (136, 280)],
        [(180, 196), (205, 225)],
        [(165, 340), (195, 365), (208, 335)],
        [(245, 35), (275, 55), (262, 66)],
        [(252, 238), (276, 250)],
        [(250, 292), (280, 305)],
        _arc((43, 334), 25, 180, 360),
        _arc((186, 347), 28, 90, 270),
        _arc((260, 46), 24, 180, 360),
    ),
}
# On other coins and other ground than the strokes above: never trained on.
COINS_CHECK: Mapping[int, Sequence[Polyline]] = {
    1: (
        [(20, 20), (24, 90)],
        [(77, 100), (79, 300)],
        [(97, 120), (96, 180)],
        [(110, 306), (140, 306)],
        [(150, 20), (158, 60)],
        [(162, 140), (162, 300)],
        [(180, 71), (215, 71)],
        [(223, 20), (222, 60)],
        [(240, 210), (280, 210)],
        _arc((124, 206), 25, 180, 340),
        _arc((56, 100), 25, 100, 260),
    ),
    2: (
        [(50, 85), (60, 114)],
        [(38, 205), (64, 225)],
        [(42, 268), (65, 285)],
        [(112, 208), (138, 200)],
        [(118, 150), (138, 165)],
        [(112, 330), (138, 346)],
        [(184, 36), (208, 50)],
        [(182, 92), (206, 112)],
        [(180, 265), (205, 285)],
        [(242, 165), (282, 178)],
        [(250, 112), (280, 108)],
        [(252, 352), (284, 364)],
    ),
}

TISSUE_CLASSES = {1: "stroma", 2: "epithelium", 3: "nucleus in stroma"}
TISSUE_STROKES: Mapping[int, Sequence[Polyline]] = {
    1: (
        [(290, 160), (300, 200), (295, 215)],
        [(345, 236), (400, 205)],
        [(20, 500), (90, 505)],
        [(300, 470), (330, 490)],
        [(470, 395), (500, 400)],
        [(420, 445), (440, 465)],
        [(440, 10), (400, 20)],
        [(60, 300), (130, 345)],
    ),
    2: (
        [(60, 30), (160, 60)],
        [(120, 150), (200, 220)],
        [(40, 350), (120, 410)],
        [(190, 320), (250, 400)],
        [(300, 70), (360, 120)],
        [(440, 90), (490, 130)],
        [(340, 290), (420, 310), (400, 360)],
    ),
    3: (
        [(252, 109), (263, 120)],
        [(262, 170), (266, 178)],
        [(278, 288), (282, 294)],
        [(421, 211), (432, 220)],
        [(387, 236), (400, 238)],
        [(420, 172), (426, 174)],
        [(315, 435), (325, 440)],
        [(136, 492), (146, 490)],
        [(495, 420), (500, 428)],
    ),
}


def paint(
    strokes: Mapping[int, Sequence[Polyline]], shape: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Paint polylines three pixels wide.

    Parameters
    ----------
    strokes : mapping of class value to polylines
    shape : tuple of int
        Height and width of the scribbles.
    """
    from scipy import ndimage
    from skimage.draw import line

    scribbles = np.zeros(shape, np.uint8)
    for value, polylines in strokes.items():
        thin = np.zeros(shape, bool)
        for points in polylines:
            for start, end in pairwise(points):
                thin[line(*start, *end)] = True
        scribbles[ndimage.binary_dilation(thin, np.ones((3, 3)))] = value
    return scribbles


def coins_with_strokes() -> list[LayerData]:
    """Grey image of Greek coins on uneven ground, with strokes of two classes."""
    from skimage.data import coins

    return _layers("coins", coins(), COINS_STROKES, COINS_CLASSES)


def tissue_with_strokes() -> list[LayerData]:
    """Stained tissue in colour (immunohistochemistry), strokes of three classes."""
    from skimage.data import immunohistochemistry

    return _layers("tissue", immunohistochemistry(), TISSUE_STROKES, TISSUE_CLASSES)


def _layers(
    name: str,
    image: Array,
    strokes: Mapping[int, Sequence[Polyline]],
    class_names: Mapping[int, str],
) -> list[LayerData]:
    scribbles = paint(strokes, image.shape[:2])
    named = {
        "index": [0, *class_names],
        "class": ["unlabelled", *class_names.values()],
    }
    is_rgb = image.ndim == 3
    return [
        (image, {"name": name, "rgb": is_rgb}, "image"),
        (scribbles, {"name": f"{name} strokes", "features": named}, "labels"),
    ]


def synthetic_nuclei() -> list[LayerData]:
    """Fluorescent nuclei, some touching, each with its label."""
    return _drawn("synthetic nuclei", "nuclei", (512, 512))


def synthetic_cells() -> list[LayerData]:
    """Touching cells with stained walls, each with its label."""
    return _drawn("synthetic cells", "cells", (512, 512), walls="bright")


def synthetic_cells_3d() -> list[LayerData]:
    """Stack of touching cells filled with dye, each with its label."""
    return _drawn("synthetic cells 3D", "cells", (24, 140, 140), z_step=_Z_STEP)


def synthetic_nuclei_3d() -> list[LayerData]:
    """Stack of nuclei, some touching, each with its label."""
    return _drawn("synthetic nuclei 3D", "nuclei", (32, 200, 200), z_step=_Z_STEP)


def synthetic_fibres() -> list[LayerData]:
    """Fibres that cross, each with its label."""
    return _drawn("synthetic fibres", "fibres", (512, 512))


def synthetic_spots() -> list[LayerData]:
    """Spots no larger than the microscope resolves, each with its label."""
    return _drawn("synthetic spots", "spots", (512, 512))


def synthetic_membranes() -> list[LayerData]:
    """Dark membranes between cells, as in electron micrographs, and their labels."""
    return _drawn("synthetic membranes", "membranes", (512, 512))


def synthetic_vessels() -> list[LayerData]:
    """Trees of vessels that get thinner as they branch, and their labels."""
    return _drawn("synthetic vessels", "vessels", (512, 512))


def synthetic_layers() -> list[LayerData]:
    """Bands of four kinds of tissue with wavy borders, and their labels."""
    return _drawn("synthetic layers", "layers", (512, 512))


SCENE_CLASSES: Mapping[str, Sequence[str]] = {
    "membranes": ("cell", "membrane"),
    "vessels": ("background", "vessel"),
    "layers": ("none", "dark fine", "dim coarse", "bright fine", "brightest coarse"),
}
_Z_STEP = 2.0


def _drawn(
    name: str, scene: str, shape: tuple[int, ...], **params: Any
) -> list[LayerData]:
    """Draw a scene with its labels; the same one every time."""
    from napari_segen.generation.generator import ImageGenerator

    maker = ImageGenerator("shapes", params={"scene": scene, **params})
    images, labels = maker.generate_pairs(1, shape, seed=1)
    scale = (params.get("z_step", 1.0), 1.0, 1.0)[-len(shape) :]
    options: dict[str, Any] = {"name": f"{name} labels", "scale": scale}
    if scene in SCENE_CLASSES:
        names = list(SCENE_CLASSES[scene])
        options["features"] = {"index": list(range(len(names))), "class": names}
    return [
        (images[0], {"name": name, "scale": scale}, "image"),
        (labels[0], options, "labels"),
    ]
