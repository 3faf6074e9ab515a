"""OME-Zarr images: what is read of them, and what is refused."""

import numpy as np
import pytest

from napari_segen.core.imagespec import ImageSpec

zarr = pytest.importorskip("zarr")

from tests.scale.conftest import write_image  # noqa: E402

from napari_segen.scale.omezarr.image import read_omezarr  # noqa: E402


def described(path):
    """Return the group and what its metadata say."""
    group = zarr.open_group(path, mode="a")
    return group, dict(group.attrs["ome"])


def change(path, **values):
    """Change the first multiscale of an image of version 0.5."""
    group, ome = described(path)
    ome["multiscales"] = [dict(ome["multiscales"][0]) | values]
    group.attrs["ome"] = ome


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_axes_scale_unit_and_pixels_are_read(tmp_path, version):
    image = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 1, 4, 5)
    path = write_image(
        tmp_path / "ä image.zarr", image, "tczyx", (9.0, 1.0, 2.0, 0.5, 0.25), version
    )
    found = read_omezarr(path)
    assert found.spec == ImageSpec("tczyx", (2.0, 0.5, 0.25), "micrometer")
    assert found.version == version
    np.testing.assert_array_equal(found.array[:], image)


def test_transformations_follow_one_another(tmp_path):
    path = write_image(tmp_path / "i.zarr", np.zeros((4, 5)), scale=(2.0, 3.0))
    level = [
        {"type": "scale", "scale": [2, 3]},
        {"type": "translation", "translation": [10, 20]},
    ]
    all_levels = [
        {"type": "identity"},
        {"type": "scale", "scale": [5, 7]},
        {"type": "translation", "translation": [1, -1]},
    ]
    dataset = {"path": "full", "coordinateTransformations": level}
    change(path, datasets=[dataset], coordinateTransformations=all_levels)
    found = read_omezarr(path)
    # What was at index i lies at 2 i + 10, and then at 5 (2 i + 10) + 1.
    assert found.scale == (10, 21)
    assert found.translation == (51, 139)
    assert found.spec.pixel_size == (10, 21)


def test_what_the_metadata_lack_can_be_said(tmp_path):
    path = write_image(tmp_path / "i.zarr", np.zeros((4, 5)), scale=False)
    with pytest.raises(ValueError, match=r"pixel size.*spec=ImageSpec\('yx'"):
        read_omezarr(path)
    spec = ImageSpec("yx", (0.5, 0.5), "nm")
    assert read_omezarr(path, spec=spec).spec == spec
    with pytest.raises(ValueError, match="shape"):
        read_omezarr(path, spec=ImageSpec("zyx"))


def test_without_units_the_unit_is_the_pixel(tmp_path):
    path = write_image(tmp_path / "i.zarr", np.zeros((4, 5)), unit=None)
    assert read_omezarr(path).spec == ImageSpec("yx", (1.0, 1.0), "pixel")


AXES = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"axes": ["y", "x"]}, "does not name its axes"),
        ({"axes": None}, "does not name its axes"),
        ({"axes": [{"name": "y"}]}, "names 1 axes"),
        ({"axes": [{"name": "y"}, {"name": "lambda"}]}, "'lambda'.*only t, c, z, y"),
        ({"axes": [{"name": "y"}, {"name": "y"}]}, "repeat"),
        ({"axes": [{"name": "z"}, {"name": "y"}]}, "must contain y and x"),
        ({"axes": [AXES[0] | {"unit": "nm"}, AXES[1]]}, "different units"),
        ({"datasets": []}, "names no dataset"),
        ({"datasets": [{"path": "gone"}]}, "'gone'"),
        (
            {"coordinateTransformations": [{"type": "scale", "path": "t"}]},
            "given as a list",
        ),
        (
            {"coordinateTransformations": [{"type": "scale", "scale": [1]}]},
            "1 entries for 2 axes",
        ),
        (
            {"coordinateTransformations": [{"type": "scale", "scale": [0, 1]}]},
            "no sense.*positive",
        ),
    ],
)
def test_wrong_metadata_are_named(tmp_path, values, message):
    path = write_image(tmp_path / "i.zarr", np.zeros((4, 5)))
    change(path, **values)
    with pytest.raises(ValueError, match=message):
        read_omezarr(path)


def test_what_is_no_image_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_omezarr(tmp_path / "gone.zarr")
    with pytest.raises(ValueError, match="not a Zarr folder"):
        read_omezarr(tmp_path)
    (tmp_path / "file.zarr").write_text("no")
    with pytest.raises(ValueError, match="not a Zarr folder"):
        read_omezarr(tmp_path / "file.zarr")
    path = write_image(tmp_path / "i.zarr", np.zeros((4, 5)))
    with pytest.raises(ValueError, match="array without OME metadata"):
        read_omezarr(path / "full")
    group, ome = described(path)
    for other, message in (
        ({}, "no OME-Zarr image"),
        ({"plate": {}}, "plate or a well"),
        ({"bioformats2raw.layout": 3}, "several images"),
    ):
        group.attrs["ome"] = {"version": "0.5"} | other
        with pytest.raises(ValueError, match=message):
            read_omezarr(path)
    group.attrs["ome"] = ome | {"version": "0.9"}
    with pytest.raises(ValueError, match=r"version 0\.9"):
        read_omezarr(path)
