import errno
import os

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from PIL import Image

from napari_segen.core.imagespec import ImageSpec
from napari_segen.workflows.files import (
    check_writable,
    list_images,
    make_folder,
    read_image,
    read_labels,
    write_tiff,
)

TYPES = st.sampled_from([np.uint8, np.uint16, np.int64, np.float32, np.float64])


@given(
    axes=st.sampled_from(["yx", "zyx", "tyx", "tzyx", "zcyx", "cyx"]),
    dtype=TYPES,
    data=st.data(),
)
def test_a_tiff_that_was_written_reads_back_the_same(
    tmp_path_factory, axes, dtype, data
):
    shape = data.draw(st.tuples(*[st.integers(2, 5)] * len(axes)))
    array = data.draw(
        hnp.arrays(
            dtype,
            shape,
            elements={"allow_nan": False} if np.dtype(dtype).kind == "f" else None,
        )
    )
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    write_tiff(path, array, ImageSpec(axes))
    assert_array_equal(read_image(path).array, array)
    assert read_image(path).array.dtype == dtype


@pytest.mark.parametrize("axes", ["yx", "tzyx", "zcyx", "nyx"])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64"])  # ImageJ's, and not
def test_axes_and_pixel_size_are_kept(tmp_path, axes, dtype):
    size = (2.0, 0.5, 0.25)[-2 - ("z" in axes) :]
    spec = ImageSpec(axes, size, "um")
    write_tiff(tmp_path / "a.tif", np.zeros((2, 3, 4, 5)[-len(axes) :], dtype), spec)
    found = read_image(tmp_path / "a.tif").spec()
    assert (found.axes, found.unit) == (axes, "um")
    assert found.pixel_size == pytest.approx(size)


OME = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}


@pytest.mark.parametrize(
    ("metadata", "size", "unit"),
    [
        (OME, (0.5, 0.25), "um"),
        (
            OME | {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "nm"},
            (0.5, 0.25),
            "nm",
        ),
        (OME | {"PhysicalSizeXUnit": "nm"}, None, "pixel"),  # two units
        (OME | {"PhysicalSizeX": 0.0}, None, "pixel"),
        ({}, None, "pixel"),
    ],
)
def test_an_ome_tiff_tells_its_pixel_size(tmp_path, metadata, size, unit):
    path = tmp_path / "a.ome.tif"
    array = np.zeros((2, 8, 9), np.uint16)
    tifffile.imwrite(path, array, ome=True, metadata={"axes": "CYX"} | metadata)
    read = read_image(path)
    assert (read.axes, read.pixel_size, read.unit) == ("cyx", size, unit)


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_micrometres_have_one_name(tmp_path, unit):
    array = np.zeros((8, 9), np.uint8)
    metadata, resolution = {"unit": unit}, (4.0, 2.0)
    tifffile.imwrite(
        tmp_path / "a.tif", array, imagej=True, metadata=metadata, resolution=resolution
    )
    read = read_image(tmp_path / "a.tif")
    assert (read.pixel_size, read.unit) == ((0.5, 0.25), "um")


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_a_unit_in_any_letters_is_kept(tmp_path, dtype):
    spec = ImageSpec("yx", (2.0, 2.0), "Å")
    write_tiff(tmp_path / "a.tif", np.zeros((8, 9), dtype), spec)
    assert read_image(tmp_path / "a.tif").spec() == spec


def test_an_ome_stack_whose_depth_is_not_told_has_no_pixel_size(tmp_path):
    path = tmp_path / "a.ome.tif"
    array = np.zeros((4, 8, 9), np.uint16)
    tifffile.imwrite(path, array, ome=True, metadata={"axes": "ZYX"} | OME)
    assert read_image(path).spec().pixel_size is None


def test_axes_are_put_into_imagejs_order(tmp_path):
    posterior = np.random.default_rng(0).random((2, 3, 4, 5), dtype=np.float32)
    write_tiff(tmp_path / "a.tif", posterior, ImageSpec("czyx"))
    read = read_image(tmp_path / "a.tif")
    assert read.axes == "zcyx"
    assert_array_equal(read.array, posterior.swapaxes(0, 1))


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_stays_colour(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 255, (6, 7, channels), np.uint8)
    write_tiff(tmp_path / "a.tif", image, ImageSpec("yxc"))
    Image.fromarray(image).save(tmp_path / "a.png")
    for name in ("a.tif", "a.png"):
        assert read_image(tmp_path / name).axes == "yxc"
        assert_array_equal(read_image(tmp_path / name).array, image)


def test_yes_or_no_becomes_0_and_1(tmp_path):
    write_tiff(tmp_path / "a.tif", np.eye(3, dtype=bool), ImageSpec("yx"))
    assert_array_equal(read_image(tmp_path / "a.tif").array, np.eye(3, dtype="u1"))


def test_a_plain_stack_does_not_say_what_its_pages_are(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6, 7), "u1"))
    assert read_image(tmp_path / "a.tif").axes is None


def test_what_the_user_says_of_the_axes_counts_more_than_the_file(tmp_path):
    write_tiff(tmp_path / "a.tif", np.zeros((5, 6, 7), "u1"), ImageSpec("zyx"))
    assert read_image(tmp_path / "a.tif").spec("tyx").axes == "tyx"


def test_a_palette_png_keeps_its_class_values(tmp_path):
    labels = np.array([[0, 1], [2, 5]], np.uint8)
    image = Image.fromarray(labels)
    image.putpalette([10, 20, 30] * 6)
    image.save(tmp_path / "a.png")
    assert_array_equal(read_image(tmp_path / "a.png").array, labels)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_jpeg_is_read_but_holds_no_labels(tmp_path, channels):
    image = np.full((16, 24, *channels), 90, np.uint8)
    Image.fromarray(image).save(tmp_path / "a.JPG", "JPEG")
    read = read_image(tmp_path / "a.JPG")
    assert read.axes == ("yxc" if channels else "yx")
    assert_array_equal(read.array, image)
    with pytest.raises(ValueError, match=r"a\.JPG: labels cannot be JPEG"):
        read_labels(tmp_path / "a.JPG")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
@pytest.mark.parametrize("keep", [0, 1, 7, 60, 0.5])
def test_a_truncated_image_is_an_error_that_names_it(tmp_path, name, keep):
    image = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    write_tiff(tmp_path / "a.tif", image)
    for picture in ("a.png", "a.jpg"):
        Image.fromarray(image).save(tmp_path / picture)
    whole = (tmp_path / name).read_bytes()
    size = int(len(whole) * keep) if isinstance(keep, float) else keep
    (tmp_path / name).write_bytes(whole[:size])
    with pytest.raises(ValueError, match=rf"{name} is not a .* or is damaged"):
        read_image(tmp_path / name)


def test_a_tiff_that_claims_to_be_huge_is_an_error(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), "u1"), metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        for tag in ("ImageWidth", "ImageLength"):
            tiff.pages[0].tags[tag].overwrite(2**31, dtype="I")
    with pytest.raises(ValueError, match=r"a\.tif is not a TIFF image or is damaged"):
        read_image(tmp_path / "a.tif")


def test_other_kinds_of_files_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"a\.gif is not a TIFF, PNG or JPEG"):
        read_image(tmp_path / "a.gif")


def test_a_folder_stands_for_its_images_in_order(tmp_path):
    for name in ("b.TIF", "a.png", "notes.txt", ".hidden.tif", "c.tiff"):
        (tmp_path / name).touch()
    found = [p.name for p in list_images([tmp_path, tmp_path / "notes.txt"])]
    assert found == ["a.png", "b.TIF", "c.tiff", "notes.txt"]


def test_a_folder_without_images_and_a_missing_file_are_errors(tmp_path):
    with pytest.raises(ValueError, match="holds no TIFF, PNG or JPEG"):
        list_images([tmp_path])
    with pytest.raises(FileNotFoundError, match="no such file"):
        list_images([tmp_path / "missing.tif"])


def test_a_full_disk_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    write_tiff(path, np.ones((3, 3), "u1"))

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"cannot write .*a\.tif: No space left"):
        write_tiff(path, np.zeros((3, 3), "u1"))
    assert_array_equal(read_image(path).array, 1)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"cannot write .*inside"):
        make_folder(tmp_path / "file" / "inside")
    with pytest.raises(OSError, match=r"cannot write .*missing"):
        check_writable(tmp_path / "missing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(OSError, match="is not a file"):
        write_tiff(tmp_path / "pipe.tif", np.zeros((3, 3), "u1"))
    assert (tmp_path / "pipe.tif").is_fifo()


@pytest.mark.parametrize("side", [9000, 30_000])
def test_a_tiff_that_claims_more_than_can_be_packed_is_an_error(tmp_path, side):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), "u1"), metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tiff.pages[0].tags[tag].overwrite(side, dtype="I")
    with pytest.raises(ValueError, match=r"claims \d+ MB of pixels in \d+ bytes"):
        read_image(tmp_path / "a.tif")


def test_a_jpeg_that_claims_more_than_can_be_packed_is_an_error(tmp_path):
    Image.fromarray(np.zeros((8, 8), "u1")).save(tmp_path / "a.jpg")
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    at = data.index(b"\xff\xc0") + 5  # height and width in the start of the frame
    data[at : at + 4] = (9000).to_bytes(2, "big") * 2
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(ValueError, match=r"a.jpg .* claims 77 MB of pixels in \d+ byt"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_blank_picture_is_read_however_well_it_is_packed(tmp_path, suffix):
    blank = np.zeros((9000, 9000), "u1")
    Image.fromarray(blank).save(tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").stat().st_size < blank.nbytes / 50
    assert_array_equal(read_image(tmp_path / f"a{suffix}").array, blank)


def test_a_blank_image_is_read_however_well_it_is_packed(tmp_path):
    blank = np.zeros((9000, 9000), "u1")
    tifffile.imwrite(tmp_path / "a.tif", blank, compression="zlib", rowsperstrip=90)
    assert (tmp_path / "a.tif").stat().st_size < blank.nbytes / 500
    assert_array_equal(read_image(tmp_path / "a.tif").array, blank)
