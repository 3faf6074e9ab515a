import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import ClassInfo
from napari_segen.scale.folder.sheet import (
    COLUMNS,
    OPACITY,
    ROWS,
    TILE_PX,
    Sheets,
    Tile,
    overlay,
    tile_at,
)

PAGE = COLUMNS * ROWS


def test_label_0_shows_the_image_and_others_its_colour():
    image = np.array([[0, 0], [255, 255]], np.uint8)
    labels = np.array([[0, 5], [0, 5]], np.uint8)
    shown = overlay(image, labels, ImageSpec("yx"), {5: ClassInfo("", "#ff0000")})
    assert shown[:, 0].tolist() == [[0, 0, 0], [255, 255, 255]]
    assert shown[0, 1].tolist() == [round(OPACITY * 255), 0, 0]
    assert shown[1, 1].tolist() == [255, *[round((1 - OPACITY) * 255)] * 2]


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("zyx", (5, 6, 7)), ("tyx", (5, 6, 7)), ("cyx", (2, 6, 7)), ("yxc", (6, 7, 3))],
)
def test_the_middle_plane_is_shown(axes, shape):
    image = np.zeros(shape, np.float32)
    spec = ImageSpec(axes)
    labels = np.zeros(spec.label_shape(shape), np.uint8)
    if labels.ndim == 3:
        labels[2, 1:3] = 1
    else:
        labels[1:3] = 1
    shown = overlay(image, labels, spec, {})
    assert shown.shape == (6, 7, 3)
    assert_array_equal(shown.any(axis=(1, 2)), [0, 1, 1, 0, 0, 0])


def test_transposed_axes_are_shown_upright():
    image = np.arange(12.0).reshape(3, 4)
    labels = np.zeros((3, 4), np.uint8)
    upright = overlay(image, labels, ImageSpec("yx"), {})
    assert_array_equal(overlay(image.T, labels.T, ImageSpec("xy"), {}), upright)


def test_pixels_without_data_are_black():
    image = np.full((3, 3), np.nan)
    shown = overlay(image, np.zeros((3, 3), np.uint8), ImageSpec("yx"), {})
    assert not shown.any()


def test_a_large_image_is_thinned_out():
    image = np.zeros((4000, 20), np.uint8)
    shown = overlay(image, image, ImageSpec("yx"), {})
    assert 2 * TILE_PX <= shown.shape[0] < 4 * TILE_PX


@pytest.mark.parametrize("n", [1, PAGE, PAGE + 1])
def test_as_many_pages_as_it_takes(tmp_path, n):
    (tmp_path / "overlays_03.png").touch()
    sheets = Sheets(tmp_path, n)
    for i in range(n):
        picture = np.full((30, 50, 3), 200, np.uint8) if i % 2 == 0 else None
        sheets.add(Tile("ä 日本 a long name " * 9, picture, is_flagged=i % 3 == 0))
    sheets.drop_others()
    assert len(sheets.paths) == -(-n // PAGE)
    for path in sheets.paths:
        with Image.open(path) as page:
            assert page.width < 2000
    assert sorted(tmp_path.iterdir()) == sheets.paths


def test_a_pixel_of_a_page_tells_its_picture(tmp_path):
    n = COLUMNS + 2
    sheets = Sheets(tmp_path, n)
    for i in range(n):
        sheets.add(Tile("", np.full((TILE_PX, TILE_PX, 3), 100 + i, np.uint8)))
    page = np.asarray(Image.open(sheets.paths[0]))[..., 0]
    seen = set()
    for y, x in np.ndindex(*(m // 5 for m in page.shape)):
        at, grey = tile_at(5 * x, 5 * y, COLUMNS), int(page[5 * y, 5 * x])
        if grey >= 100:
            assert at == grey - 100
            seen.add(at)
    assert seen == set(range(n))
    assert tile_at(0, 50, COLUMNS) is None
    assert tile_at(-50, 50, COLUMNS) is None
    assert tile_at(10**4, 50, COLUMNS) is None
