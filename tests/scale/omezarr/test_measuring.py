"""Objects measured part by part: as in the whole image."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_segen.core.imagespec import ImageSpec
from napari_segen.objects.measurements import measure

zarr = pytest.importorskip("zarr")

from tests.scale.conftest import spots, write_image  # noqa: E402

from napari_segen.scale.omezarr import measuring  # noqa: E402
from napari_segen.scale.omezarr.measuring import measure_omezarr  # noqa: E402

WHOLE_ONLY = ["solidity", "perimeter", "circularity"]


@pytest.fixture(autouse=True)
def few_pixels(monkeypatch):
    monkeypatch.setattr(measuring, "PIXELS_AT_ONCE", 500)


def assert_like_whole(found, whole):
    expected = whole.drop(columns=[c for c in WHOLE_ONLY if c in whole])
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9, atol=1e-9)
    units = {c: u for c, u in whole.attrs["units"].items() if c in found}
    assert found.attrs["units"] == units


@pytest.mark.parametrize("step", [1, 7])
def test_sums_over_parts_are_those_of_the_whole(tmp_path, step):
    image = spots((90, 70)).astype(np.float32)
    image[20:30, 10:50] = np.nan
    ids = ndimage.label(spots((90, 70)) > 800)[0].astype(np.int32) * step
    assert ids.max() > 10 * step
    scale = (0.5, 0.25)
    labels = write_image(tmp_path / "l.zarr", ids, scale=scale, chunk=16)
    grey = write_image(tmp_path / "i.zarr", image, scale=scale, chunk=32)
    spec = ImageSpec("yx", scale, "micrometer")
    assert_like_whole(measure_omezarr(labels, grey), measure(ids, image, spec))
    assert_like_whole(measure_omezarr(labels), measure(ids, spec=spec))


def test_volumes_channels_and_time_points(tmp_path):
    film = np.stack([[spots((8, 30, 40), s + 2 * t) for s in (0, 1)] for t in (0, 1)])
    ids = np.stack([ndimage.label(volume[0] > 600)[0] for volume in film])
    scale = (1.0, 1.0, 2.0, 0.5, 0.5)
    image = write_image(tmp_path / "i.zarr", film, "tczyx", scale, chunk=9)
    labels = write_image(
        tmp_path / "l.zarr", ids.astype(np.int32), "tzyx", (1.0, *scale[2:]), chunk=9
    )
    spec = ImageSpec("tczyx", scale[2:], "micrometer")
    assert_like_whole(measure_omezarr(labels, image), measure(ids, film, spec))


def test_axes_of_length_one_are_no_axes(tmp_path):
    ids = ndimage.label(spots((40, 50)) > 800)[0].astype(np.int32)
    labels = write_image(tmp_path / "l.zarr", ids[None, None], "tzyx")
    spec = ImageSpec("yx", (1.0, 1.0), "micrometer")
    assert_like_whole(measure_omezarr(labels), measure(ids, spec=spec))


def test_no_objects(tmp_path):
    labels = write_image(tmp_path / "l.zarr", np.zeros((20, 20), np.uint8))
    assert len(measure_omezarr(labels)) == 0


def test_what_does_not_fit_is_refused(tmp_path):
    labels = write_image(tmp_path / "l.zarr", np.zeros((20, 20), np.uint8))
    other = write_image(tmp_path / "i.zarr", np.zeros((20, 30)))
    with pytest.raises(ValueError, match=r"shape \(20, 20\), but its image"):
        measure_omezarr(labels, other)
    with pytest.raises(TypeError, match="holds no labels"):
        measure_omezarr(other)
