"""OME-Zarr in, labels out: those of the whole image, as the standard says."""

import json
import os

import numpy as np
import pytest

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import ClassInfo
from napari_segen.core.steps import run

zarr = pytest.importorskip("zarr")

from tests.scale.conftest import digests, fitted, spots, write_image  # noqa: E402

from napari_segen.scale.omezarr import labels as omelabels  # noqa: E402
from napari_segen.scale.omezarr.segmenting import (  # noqa: E402
    segment_omezarr,
    segment_omezarr_steps,
)

pytestmark = pytest.mark.usefixtures("small_parts")


def finest(path):
    return zarr.open_array(path / "0", mode="r")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_are_those_of_the_whole_image(tmp_path, model, version):
    image = spots((70, 101), 1)
    path = write_image(tmp_path / "i.zarr", image, version=version)
    before = digests(path)
    labels = segment_omezarr(model, path, path)
    assert labels == path / "labels" / "segmentation"
    found = finest(labels)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[:], model.predict(image))
    # The image is as it was.
    assert before.items() <= digests(path).items()


def test_channels_and_time_points(tmp_path):
    images = [np.stack([spots((40, 50), s)] * 2) for s in range(2)]
    model = fitted((40, 50))
    film = np.stack(images)[:, :1, None]
    path = write_image(tmp_path / "i.zarr", film, "tczyx")
    labels = finest(segment_omezarr(model, path, tmp_path / "ö out.zarr"))
    assert labels.shape == (2, 1, 40, 50)
    for t, image in enumerate(images):
        np.testing.assert_array_equal(labels[t, 0], model.predict(image[0]))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("inside", [True, False])
def test_the_usual_reader_opens_the_labels(
    tmp_path, monkeypatch, model, version, inside
):
    io = pytest.importorskip("ome_zarr.io")
    reader = pytest.importorskip("ome_zarr.reader")
    monkeypatch.setattr(omelabels, "COARSEST_PX", 40)
    image = spots((70, 101), 1)
    path = write_image(tmp_path / "i.zarr", image, "yx", (0.5, 0.25), version)
    model.class_info_ = {2: ClassInfo("spot", "#ff8000")}
    out = path if inside else tmp_path / "out.zarr"
    labels = segment_omezarr(model, path, out)
    model.class_info_ = {}
    nodes = {str(node.zarr): node for node in reader.Reader(io.parse_url(labels))()}
    node = next(n for n in nodes.values() if n.zarr.basename() == "segmentation")
    assert any(reader.Label.matches(n.zarr) for n in nodes.values())
    # The image it belongs to was found as well.
    assert any(n.zarr.basename() == "i.zarr" for n in nodes.values())
    levels = [np.asarray(level) for level in node.data]
    np.testing.assert_array_equal(levels[0], model.predict(image))
    assert [level.shape for level in levels] == [(70, 101), (35, 51), (18, 26)]
    np.testing.assert_array_equal(levels[2], levels[0][::4, ::4])
    scales = [t[0]["scale"] for t in node.metadata["coordinateTransformations"]]
    assert scales == [[0.5, 0.25], [1.0, 0.5], [2.0, 1.0]]
    assert node.metadata["color"][2] == pytest.approx([1, 128 / 255, 0, 1])
    assert node.metadata["properties"] == {2: {"name": "spot"}}
    listed = reader.Reader(io.parse_url(out / "labels"))()
    assert "segmentation" in {n.zarr.basename() for n in listed}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_metadata_pass_the_models_of_the_standard(tmp_path, model, version):
    package = "ome_zarr_models.v" + version.replace(".", "")
    image_label = pytest.importorskip(f"{package}.image_label")
    labels = pytest.importorskip(f"{package}.labels")
    scale = (1.0, 1.0, 0.5, 0.25)
    image = spots((70, 101))[None, None]
    path = write_image(tmp_path / "i.zarr", image, "tcyx", scale, version)
    model.class_info_ = {2: ClassInfo("spot", "#ff8000")}
    found = segment_omezarr(model, path, path)
    model.class_info_ = {}
    image_label.ImageLabel.from_zarr(zarr.open_group(found, mode="r"))
    labels.Labels.from_zarr(zarr.open_group(found.parent, mode="r"))


def test_the_place_of_the_image_is_kept(tmp_path, model):
    path = write_image(tmp_path / "i.zarr", spots((40, 40)), scale=(0.5, 0.5))
    group = zarr.open_group(path, mode="a")
    ome = dict(group.attrs["ome"])
    level = ome["multiscales"][0]["datasets"][0]
    moved = {"type": "translation", "translation": [5.0, 6.0]}
    level["coordinateTransformations"].append(moved)
    group.attrs["ome"] = ome
    labels = zarr.open_group(segment_omezarr(model, path, path), mode="r")
    (dataset,) = labels.attrs["ome"]["multiscales"][0]["datasets"]
    assert dataset["coordinateTransformations"][1] == moved


def test_each_chunk_is_written_once_and_whole(tmp_path, monkeypatch, model):
    from zarr.storage import LocalStore

    written = []
    put = LocalStore.set

    async def counted(self, key, value, *more, **named):
        written.append(key)
        await put(self, key, value, *more, **named)

    monkeypatch.setattr(LocalStore, "set", counted)
    path = write_image(tmp_path / "i.zarr", spots((70, 101)))
    written.clear()
    labels = segment_omezarr(model, path, path)
    chunks = [key for key in written if "/c/" in key]
    assert len(chunks) == len(set(chunks)) == finest(labels).nchunks == 3 * 4
    # A blank chunk is there as well: what is missing was not done.
    assert len([p for p in (labels / "0" / "c").rglob("*") if p.is_file()]) == 12


def test_labels_are_replaced_only_when_that_is_asked(tmp_path, model):
    path = write_image(tmp_path / "i.zarr", spots((40, 50)))
    labels = segment_omezarr(model, path, path)
    first = digests(path)
    with pytest.raises(FileExistsError, match="labels already"):
        segment_omezarr(model, path, path)
    assert digests(path) == first
    segment_omezarr(model, path, path, name="again")
    segment_omezarr(model, path, path, overwrite=True)
    assert {k: v for k, v in digests(path).items() if k in first} | {
        k: v for k, v in first.items() if k.name == "zarr.json"
    } == first
    names = zarr.open_group(path / "labels", mode="r").attrs["ome"]["labels"]
    assert names == ["segmentation", "again"]
    assert sorted(os.listdir(labels.parent)) == ["again", "segmentation", "zarr.json"]


def test_what_fails_or_is_cancelled_leaves_labels_as_they_were(tmp_path, model):
    path = write_image(tmp_path / "i.zarr", spots((70, 101)))
    steps = segment_omezarr_steps(model, path, path)
    while next(steps).done < 500:
        pass
    assert list((path / "labels").glob(".*"))
    steps.close()
    assert not (path / "labels" / "segmentation").exists()
    chunk = path / "full" / "c" / "2" / "3"
    chunk.write_bytes(b"no chunk")
    old = segment_omezarr(model, write_image(tmp_path / "j.zarr", spots((9, 9))), path)
    before = digests(old)
    with pytest.raises(ValueError, match="cannot be read at y 64 to 69, x 96 to 100"):
        segment_omezarr(model, path, path, overwrite=True)
    assert digests(old) == before


def test_a_killed_run_is_no_hindrance(tmp_path, model):
    image = spots((40, 50))
    path = write_image(tmp_path / "i.zarr", image)
    left = path / "labels" / ".segmentation.01234567.unfinished"
    left.mkdir(parents=True)
    (left / "zarr.json").write_text(json.dumps("half of"))
    labels = segment_omezarr(model, path, path)
    np.testing.assert_array_equal(finest(labels)[:], model.predict(image))
    assert not left.exists()


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden"])
def test_names_are_those_of_folders(tmp_path, model, name):
    path = write_image(tmp_path / "i.zarr", spots((20, 20)))
    with pytest.raises(ValueError, match="name must be"):
        segment_omezarr(model, path, path, name=name)


@pytest.mark.parametrize("versions", [("0.4", "0.5"), ("0.5", "0.4")])
def test_versions_are_not_mixed(tmp_path, model, versions):
    path, other = (
        write_image(tmp_path / f"{v}.zarr", spots((20, 20)), version=v)
        for v in versions
    )
    before = digests(other)
    with pytest.raises(ValueError, match=f"version of OME-Zarr, {versions[0]}"):
        segment_omezarr(model, path, other)
    assert digests(other) == before


def test_nothing_is_written_for_an_image_that_does_not_fit(tmp_path, model):
    image = np.stack([spots((20, 20))] * 2)
    path = write_image(tmp_path / "i.zarr", image, "cyx")
    with pytest.raises(ValueError, match="2 channels"):
        segment_omezarr(model, path, tmp_path / "out.zarr")
    assert not (tmp_path / "out.zarr").exists()


def test_steps_tell_how_far_it_is(tmp_path, model):
    path = write_image(tmp_path / "i.zarr", spots((70, 101)), scale=False)
    spec = ImageSpec("yx")
    steps = segment_omezarr_steps(model, path, path, spec=spec)
    done = [step.done / step.total for step in steps if step.total]
    assert done == sorted(done)
    assert done[0] < 0.1
    assert done[-1] > 0.9
    run(segment_omezarr_steps(model, path, path, name="b", spec=spec))
