"""OME-Zarr images among the inputs of ``napari-segen segment``."""

import csv
import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from napari_segen.cli import main
from napari_segen.core.steps import run
from napari_segen.scale.folder.inputs import Input, check_names, list_inputs, truth_of
from napari_segen.scale.folder.run import folder_steps
from napari_segen.scale.folder.settings import ObjectSettings, Settings
from napari_segen.workflows.files import read_image, write_tiff

zarr = pytest.importorskip("zarr")

from tests.scale.conftest import write_image  # noqa: E402
from tests.scale.fields import field  # noqa: E402

pytestmark = pytest.mark.usefixtures("small_parts")

COUNTED = Settings(objects=ObjectSettings((2,), min_size=3), measurements=True)


@pytest.fixture
def slides(folder):
    """The folder ``in`` with b as OME-Zarr instead of TIFF, and one more."""
    image = read_image("in/b.tif").array
    Path("in/b.tif").unlink()
    write_image(Path("in/b.ome.zarr"), image, "yx", (0.5, 0.25))
    write_image(Path("in/ö d.zarr"), field(4)[0][None, None], "tcyx", version="0.4")
    return image


def files(folder="out"):
    return {p: p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def rows(folder="out"):
    with open(Path(folder) / "summary.csv", encoding="utf-8", newline="") as file:
        return {Path(r["image"]).name: r for r in csv.DictReader(file)}


def finest(path):
    return zarr.open_array(Path(path) / "0", mode="r")[:]


# ---- what is an input


def names(*given):
    return [i.path.name for i in list_inputs([Path(g) for g in given])]


def test_by_name_by_pattern_and_inside_of_a_folder(slides):
    assert names("in") == ["a.tif", "b.ome.zarr", "c.tif", "ö d.zarr"]
    assert names("in/b.ome.zarr", "in") == ["b.ome.zarr", "a.tif", "c.tif", "ö d.zarr"]
    assert names("in/*.zarr") == ["b.ome.zarr", "ö d.zarr"]
    assert [i.stem for i in list_inputs([Path("in")])] == ["a", "b", "c", "ö d"]


def test_an_image_is_not_looked_into(slides):
    write_tiff("in/b.ome.zarr/inside.tif", field(0)[0])
    assert names("in/b.ome.zarr") == ["b.ome.zarr"]
    assert "inside.tif" not in names("in/**/*")
    # Unless just that is said.
    assert names("in/b.ome.zarr/*.tif") == ["inside.tif"]


def test_a_folder_is_told_by_what_it_holds_or_by_its_name(slides):
    Path("in/b.ome.zarr").rename("in/plain")
    Path("in/empty.zarr").mkdir()
    Path("in/other").mkdir()
    assert names("in") == ["a.tif", "c.tif", "empty.zarr", "plain", "ö d.zarr"]


def test_results_never_go_into_an_input(slides):
    with pytest.raises(ValueError, match="inside of an input"):
        check_names([Input(Path("in/b.ome.zarr"))], [], Path("in/b.ome.zarr/x"), [])
    with pytest.raises(ValueError, match="would overwrite an input"):
        check_names([Input(Path("in/b.ome.zarr"))], [], Path("in"), [".ome.zarr"])


# ---- what comes out


def test_the_results_are_those_of_the_image_in_memory(slides, job):
    outcome = run(folder_steps(job(COUNTED)))
    assert not outcome.problems
    model = job().model
    labels = finest("out/b.ome.zarr/labels/segmentation")
    assert_array_equal(labels, model.predict(slides))
    ids = finest("out/b.ome.zarr/labels/objects")
    assert_array_equal(ids > 0, ndimage.label(labels == 2)[0] > 0)
    table = pd.read_csv("out/b_measurements.csv")
    found = ndimage.find_objects(ids)
    assert len(table) == len(found) == 3
    assert_allclose(table["mean"], ndimage.mean(slides, ids, [1, 2, 3]))
    assert_allclose(table.filter(like="area").iloc[:, 0].sum() / 0.125, (ids > 0).sum())
    row = rows()["b.ome.zarr"]
    assert row["axes"] == "yx"
    assert row["unit"] == "micrometer"
    assert_allclose(float(row["intensity"]), slides.mean(), rtol=1e-5)
    assert_allclose(float(row["area_fraction_2"]), (labels == 2).mean(), rtol=1e-5)
    assert (row["objects"], row["flag"], row["status"]) == ("3", "", "done")
    record = (Path("out") / "b_record.json").read_text(encoding="utf-8")
    assert '"outputs"' in record
    assert_array_equal(
        finest("out/ö d.ome.zarr/labels/segmentation")[0], model.predict(field(4)[0])
    )


def test_files_and_zarr_images_are_summarised_alike(folder, job):
    write_tiff("in/a.tif", read_image("in/a.tif").array.astype(np.float32))
    run(folder_steps(job(COUNTED, out="plain")))
    for stem in "abc":
        write_image(Path(f"big/{stem}.zarr"), read_image(f"in/{stem}.tif").array)
    run(folder_steps(job(COUNTED, given=["big"])))
    for stem in "abc":
        one, other = rows("plain")[f"{stem}.tif"], rows()[f"{stem}.zarr"]
        for name in set(one) - {"image", "unit", "novelty"}:
            try:
                assert_allclose(float(one[name]), float(other[name]), rtol=1e-4)
            except ValueError:
                assert one[name] == other[name]


def test_the_contact_sheet_is_read_from_a_coarse_level(tmp_path):
    from napari_segen.scale.folder.one_omezarr import small
    from napari_segen.scale.omezarr.image import read_omezarr

    image = np.arange(64 * 80.0).reshape(1, 1, 64, 80)
    path = write_image(tmp_path / "i.zarr", image, "tcyx")
    group = zarr.open_group(path, mode="a")
    for i, step in enumerate((2, 4)):
        group.create_array(str(i), data=-image[..., ::step, ::step])
    ome = dict(group.attrs["ome"])
    first = ome["multiscales"][0]["datasets"][0]
    ome["multiscales"][0]["datasets"] += [first | {"path": n} for n in "01"]
    group.attrs["ome"] = ome
    read = read_omezarr(path)
    whole, axes = small(read, 100)
    assert axes == "cyx"
    assert_array_equal(whole, image[0])
    for n, step in ((40, 2), (21, 2), (20, 4), (7, 4)):
        plane, _ = small(read, n)
        assert plane.shape == (1, round(64 * n / 80), n)
        assert set(plane.ravel()) <= set(-image[..., ::step, ::step].ravel())


def test_scores_where_there_is_truth(slides, job):
    truth = truth_of(job().inputs, Path("truth"))
    outcome = run(folder_steps(job(truth=truth)))
    assert not outcome.problems
    assert float(rows()["b.ome.zarr"]["mean_iou"]) > 0.9


def test_blank_images_are_flagged(folder, job):
    film = np.full((2, 40, 44), np.nan, np.float32)
    film[1] = field(1)[0]
    write_image(Path("big/half.zarr"), film, "tyx")
    write_image(Path("big/one.zarr"), np.full((40, 44), 7, np.uint8))
    assert not run(folder_steps(job(given=["big"]))).problems
    assert rows()["half.zarr"]["flag"] == rows()["one.zarr"]["flag"] == "blank"
    assert "no data" in rows()["half.zarr"]["reason"]
    assert_allclose(float(rows()["half.zarr"]["intensity"]), film[1].mean(), rtol=1e-5)


def test_progress_never_goes_back(slides, job):
    steps = list(folder_steps(job(COUNTED, given=["in/b.ome.zarr", "in/ö d.zarr"])))
    done = [s.done / s.total for s in steps]
    assert done == sorted(done)
    # Nor does it run ahead.
    assert sum(0.1 < d < 0.9 for d in done) > len(done) / 2


# ---- going on, replacing


def test_complete_images_are_left_out_and_edited_ones_are_the_users(slides, job):
    run(folder_steps(job(COUNTED)))
    before = files()
    assert run(folder_steps(job(COUNTED, resume=True))).skipped == 4
    assert files() == before
    with pytest.raises(ValueError, match=r"exists \(and 16 files more\)"):
        run(folder_steps(job(COUNTED)))
    array = zarr.open_array("out/b.ome.zarr/labels/objects/0", mode="a")
    array[:4] = 9
    with pytest.raises(ValueError, match="edited since"):
        run(folder_steps(job(COUNTED, resume=True)))
    assert run(folder_steps(job(COUNTED, resume=True, overwrite=True))).skipped == 3
    assert files() == before


def test_a_changed_image_is_segmented_again(slides, job):
    run(folder_steps(job()))
    zarr.open_array("in/b.ome.zarr/full", mode="a")[0, 0] += 1
    with pytest.raises(ValueError, match="from another image"):
        run(folder_steps(job(resume=True)))
    # Labels that come to lie beside an image do not make it another one.
    zarr.open_group("in/ö d.zarr", mode="a").create_group("labels")
    assert run(folder_steps(job(resume=True, overwrite=True))).skipped == 3


def test_overwritten_results_leave_nothing_of_the_earlier_ones(slides, job):
    run(folder_steps(job(COUNTED)))
    run(folder_steps(job(overwrite=True)))
    assert not Path("out/b.ome.zarr/labels/objects").exists()
    assert zarr.open_group("out/b.ome.zarr/labels").attrs["ome"]["labels"] == [
        "segmentation"
    ]
    assert zarr.open_group("out/ö d.ome.zarr/labels").attrs["labels"] == [
        "segmentation"
    ]


def test_an_interruption_leaves_nothing_that_resume_does_not_mend(
    slides, job, monkeypatch
):
    run(folder_steps(job(COUNTED, out="whole")))
    steps = folder_steps(job(COUNTED))
    for step in steps:
        if "b.ome.zarr: Summing up" in step.text:
            steps.close()
    assert not Path("out/b_measurements.csv").exists()
    run(folder_steps(job(COUNTED, resume=True)))
    whole = {p.relative_to("whole"): b for p, b in files("whole").items()}
    assert {p.relative_to("out"): b for p, b in files().items()} == whole


# ---- bad input


def test_bad_images_are_named_at_the_end_and_the_rest_is_done(
    slides, model_path, capsys
):
    write_image(Path("in/e no scale.zarr"), field(1)[0], scale=False)
    write_image(Path("in/f.zarr"), field(1)[0], "yq")
    write_image(Path("in/g.zarr"), np.stack([field(1)[0]] * 2), "cyx")
    write_image(Path("in/h.zarr"), field(1)[0])
    next(p for p in Path("in/h.zarr/full/c").rglob("*") if p.is_file()).write_bytes(
        b"no chunk"
    )
    Path("in/i.zarr").mkdir()
    argv = ["segment", "--model", str(model_path), "--out", "out", "in"]
    assert main(argv) == 3
    failed = {name: r["error"] for name, r in rows().items() if r["status"] != "done"}
    assert list(failed) == ["e no scale.zarr", "f.zarr", "g.zarr", "h.zarr", "i.zarr"]
    said = ("pixel size", "axes named 'q'", "channels", "cannot be read", "not a Zarr")
    for words, error in zip(said, failed.values(), strict=True):
        assert words in error
    assert not list(Path("out").glob("[efgi]*"))
    assert "5 of 9 images had errors" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--posterior", "--uncertainty"])
def test_what_cannot_be_had_is_said_before_any_work(slides, model_path, capsys, option):
    argv = ["segment", "--model", str(model_path), "--out", "out", option, "in"]
    assert main(argv) == 2
    assert f"{option} cannot be had of OME-Zarr images" in capsys.readouterr().err
    assert not Path("out").exists()


def test_other_axes_than_the_metadata_name_are_a_bad_image(slides, job):
    write_image(Path("in/e.zarr"), np.stack([field(1)[0]] * 2), "zyx")
    outcome = run(folder_steps(job(Settings(axes="tyx"), given=["in/e.zarr"])))
    assert "as --axes says" in outcome.problems[Path("in/e.zarr")]
    one_plane = job(Settings(axes="yx"), "plane", given=["in/ö d.zarr"])
    assert not run(folder_steps(one_plane)).problems


def test_a_full_disk_ends_the_run(slides, job, monkeypatch):
    from zarr.storage import LocalStore

    put = LocalStore.set

    async def full(self, key, value, *more, **named):
        if "/c/" in key and "out" in os.fspath(self.root):
            raise OSError(errno.ENOSPC, "No space left on device")
        await put(self, key, value, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "set", full)
        with pytest.raises(OSError, match="cannot write to out: No space left"):
            run(folder_steps(job()))
    assert run(folder_steps(job(resume=True))).skipped == 1
    run(folder_steps(job(out="whole")))
    assert len(files()) == len(files("whole"))
