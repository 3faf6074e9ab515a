"""Work that stopped goes on, to the bytes of an undisturbed run."""

import shutil
import warnings

import numpy as np
import pytest

from napari_segen.core.errors import DataWarning
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import run

zarr = pytest.importorskip("zarr")

from tests.scale.conftest import digests, fitted, spots, write_image  # noqa: E402

from napari_segen.scale.omezarr import labels as omelabels  # noqa: E402
from napari_segen.scale.omezarr.finding import (  # noqa: E402
    find_objects_omezarr,
    find_objects_omezarr_steps,
)
from napari_segen.scale.omezarr.segmenting import (  # noqa: E402
    segment_omezarr,
    segment_omezarr_steps,
)

pytestmark = pytest.mark.usefixtures("small_parts")


def unfinished(path):
    (found,) = (path / "labels").glob(".*.unfinished")
    return found


def film(folder, version="0.5"):
    images = np.stack([spots((70, 101), seed) for seed in range(2)])
    return write_image(folder / "i.zarr", images, "tyx", version=version)


@pytest.fixture
def coarse(monkeypatch):
    monkeypatch.setattr(omelabels, "COARSEST_PX", 40)


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("stop", [1, 300, 700, 960])
def test_labels_go_on_where_they_stopped(tmp_path, model, version, stop):
    path = film(tmp_path, version)
    other = film(tmp_path / "undisturbed", version)
    segment_omezarr(model, other, other)
    steps = segment_omezarr_steps(model, path, path)
    while next(steps).done < stop:
        pass
    steps.close()
    before = written(unfinished(path))
    assert bool(before) == (stop > 1)
    labels = segment_omezarr(model, path, path, resume=True)
    assert digests(path) == digests(other)
    assert before.items() <= written(labels).items()


def written(labels):
    """Return when each chunk of the finest level was written."""
    files = [p for p in (labels / "0").rglob("[0-9]*") if p.is_file()]
    return {p.relative_to(labels): p.stat().st_mtime_ns for p in files}


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("stop", [100, 500, 800, 900, 940, 970])
def test_objects_go_on_where_they_stopped(tmp_path, model, stop):
    path, other = film(tmp_path), film(tmp_path / "undisturbed")
    how = {"foreground": 1, "margin_px": 8}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        whole = find_objects_omezarr(model, other, other, **how)
        steps = find_objects_omezarr_steps(model, path, path, **how)
        while next(steps).done < stop:
            pass
        steps.close()
        for _ in range(2):  # the second time all is there
            found = find_objects_omezarr(model, path, path, resume=True, **how)
            assert digests(path) == digests(other)
            assert found.n_objects == whole.n_objects > 0
            assert found.n_joined == whole.n_joined
            assert found.n_disagreeing == whole.n_disagreeing


def test_what_is_complete_is_left_alone(tmp_path, model):
    path = film(tmp_path)
    labels = segment_omezarr(model, path, path)
    before = {p: p.stat().st_mtime_ns for p in labels.rglob("*")}
    whole = digests(path)
    # As a kill just before the end leaves it.
    group = zarr.open_group(path / "labels", mode="a")
    group.attrs["ome"] = group.attrs["ome"] | {"labels": []}
    assert segment_omezarr(model, path, path, resume=True) == labels
    assert {p: p.stat().st_mtime_ns for p in labels.rglob("*")} == before
    assert digests(path) == whole


def test_a_saved_model_goes_on_for_the_one_that_was_saved(tmp_path, model):
    from napari_segen.workflows.models import load

    path = film(tmp_path)
    segment_omezarr(model, path, path)
    model.save(tmp_path / "m.segen")
    whole = digests(path)
    segment_omezarr(load(tmp_path / "m.segen"), path, path, resume=True)
    assert digests(path) == whole


def test_other_work_is_refused(tmp_path, model):
    path = film(tmp_path)
    steps = segment_omezarr_steps(model, path, path)
    while next(steps).done < 300:
        pass
    steps.close()
    left = digests(path)
    other = fitted(seed=3, spec=ImageSpec("yx"))
    with pytest.raises(ValueError, match=r"unfinished labels .* other work \(model\)"):
        segment_omezarr(other, path, path, resume=True)
    assert digests(path) == left
    record = zarr.open_group(unfinished(path), mode="r").attrs["napari-segen"]
    assert record["made_by"]["versions"]["zarr"] == zarr.__version__
    # Without resume it is removed.
    segment_omezarr(other, path, path)
    assert not list((path / "labels").glob(".*"))
    with pytest.raises(FileExistsError):
        segment_omezarr(model, path, path, resume=True)
    segment_omezarr(model, path, path, resume=True, overwrite=True)


def test_another_version_is_refused_by_name(tmp_path, model, monkeypatch):
    from napari_segen.scale.omezarr import origin

    path = film(tmp_path)
    steps = segment_omezarr_steps(model, path, path)
    next(steps)
    steps.close()
    older = origin.versions_here() | {"numpy": "1.0"}
    monkeypatch.setattr(origin, "versions_here", lambda: older)
    with pytest.raises(ValueError, match=r"\(versions: numpy '[2-9]"):
        segment_omezarr(model, path, path, resume=True)


def test_damaged_chunks_of_labels_are_made_anew(tmp_path, model):
    path = film(tmp_path)
    labels = segment_omezarr(model, path, path)
    whole = digests(path)
    steps = segment_omezarr_steps(model, path, path, overwrite=True)
    while next(steps).done < 900:
        pass
    steps.close()
    chunk, zeros = (unfinished(path) / "0" / "c" / "0" / "0" / n for n in "01")
    chunk.write_bytes(chunk.read_bytes()[:-3])
    zeros.write_bytes(bytes(100))
    shutil.rmtree(labels)
    segment_omezarr(model, path, path, resume=True)
    assert digests(path) == whole


def test_a_damaged_image_loses_nothing(tmp_path):
    path, other = film(tmp_path), film(tmp_path / "undisturbed")
    model = fitted(normalization="training", spec=ImageSpec("yx"))
    segment_omezarr(model, other, other)
    chunk = path / "full" / "c" / "0" / "2" / "3"
    good = chunk.read_bytes()
    chunk.write_bytes(good[: len(good) // 2])
    with pytest.raises(ValueError, match="cannot be read at y "):
        segment_omezarr(model, path, path)
    assert len(digests(unfinished(path) / "0" / "c")) > 3
    chunk.write_bytes(good)
    segment_omezarr(model, path, path, resume=True)
    assert digests(path) == digests(other)


def test_steps_of_resumed_work_grow(tmp_path, model):
    path = film(tmp_path)
    steps = segment_omezarr_steps(model, path, path)
    while next(steps).done < 500:
        pass
    steps.close()
    again = segment_omezarr_steps(model, path, path, resume=True)
    done = [step.done for step in again]
    assert done == sorted(done)
    run(segment_omezarr_steps(model, path, path, resume=True))
