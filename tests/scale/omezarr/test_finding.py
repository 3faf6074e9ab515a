"""Objects of an OME-Zarr image, found part by part: those of the whole image."""

import os
import warnings

import numpy as np
import pytest

from napari_segen.core.errors import DataWarning
from napari_segen.objects.instances import instances

zarr = pytest.importorskip("zarr")

from tests.scale.conftest import spots, write_image  # noqa: E402

from napari_segen.scale.omezarr.finding import find_objects_omezarr  # noqa: E402

pytestmark = pytest.mark.usefixtures("small_parts")


def ids_of(found):
    return zarr.open_array(found.path / "0", mode="r")[:]


@pytest.mark.parametrize("margin_px", [4, 30])
def test_connected_objects_are_those_of_the_whole_image(tmp_path, model, margin_px):
    image = spots((120, 150), 1)
    path = write_image(tmp_path / "i.zarr", image)
    how = {"foreground": 1, "method": "components", "min_odds": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        found = find_objects_omezarr(model, path, path, margin_px=margin_px, **how)
    whole = instances(model.predict_proba(image), **how)
    np.testing.assert_array_equal(ids_of(found), whole)
    assert found.n_objects == whole.max() > 20
    assert found.n_joined > 3
    assert sorted(os.listdir(found.path)) == ["0", "zarr.json"]


def test_objects_within_the_margin_are_cut_as_in_the_whole_image(tmp_path, model):
    image = spots((120, 150), 1)
    path = write_image(tmp_path / "i.zarr", image)
    how = {"foreground": 1, "min_size": 5}
    found = find_objects_omezarr(model, path, path, margin_px=60, **how)
    assert found.n_disagreeing == 0
    whole = instances(model.predict_proba(image), **how)
    np.testing.assert_array_equal(ids_of(found), whole)


def test_time_points_are_numbered_on_their_own(tmp_path, model):
    film = np.stack([spots((40, 50), s) for s in range(2)])
    path = write_image(tmp_path / "i.zarr", film, "tyx")
    found = find_objects_omezarr(model, path, path, foreground=1, margin_px=50)
    ids = ids_of(found)
    for image, numbers in zip(film, ids, strict=True):
        whole = instances(model.predict_proba(image), foreground=1)
        np.testing.assert_array_equal(numbers, whole)
    assert found.n_objects == ids[0].max() + ids[1].max()


def test_larger_objects_are_reported(tmp_path, model):
    path = write_image(tmp_path / "i.zarr", spots((120, 150), 1))
    # Of an object that just reaches over a face, one part sees less than 40 pixels.
    how = {"foreground": 1, "margin_px": 2, "min_size": 40}
    with pytest.warns(DataWarning, match="saw different pixels.*over 2 may help"):
        found = find_objects_omezarr(model, path, path, **how)
    assert 0 < found.n_disagreeing <= found.n_objects


def test_bad_arguments_are_told_before_any_work(tmp_path, model):
    path = write_image(tmp_path / "i.zarr", spots((40, 50)))
    for how, kind, message in (
        ({"foreground": 2}, ValueError, "foreground must be the position"),
        ({"foreground": 1, "method": "no"}, ValueError, "method must be one of"),
        ({"foreground": 1, "colour": 2}, TypeError, "colour"),
        ({"foreground": 1, "margin_px": 0}, ValueError, "margin_px must be"),
    ):
        with pytest.raises(kind, match=message):
            find_objects_omezarr(model, path, path, **how)
    assert not (path / "labels").exists()
