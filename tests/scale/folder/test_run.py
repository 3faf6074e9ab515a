import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.scale.fields import field

import napari_segen as ns
from napari_segen.cli import main
from napari_segen.core.steps import run
from napari_segen.scale.folder.inputs import truth_of
from napari_segen.scale.folder.run import folder_steps
from napari_segen.scale.folder.settings import ObjectSettings, Settings
from napari_segen.workflows.files import read_image, write_tiff

ALL = Settings(
    posterior=True,
    uncertainty=True,
    objects=ObjectSettings((2,)),
    measurements=True,
)


def tree(folder="out"):
    """The bytes of each file."""
    return {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}


def rows(folder="out"):
    path = Path(folder) / "summary.csv"
    with open(path, encoding="utf-8", newline="") as file:
        return {Path(r["image"]).name: r for r in csv.DictReader(file)}


# ---- what it does


def test_each_image_gets_what_the_model_says_and_all_get_a_summary(folder, job):
    outcome = run(folder_steps(job(ALL)))
    assert not outcome.problems
    model = job().model
    for stem in "abc":
        image = read_image(f"in/{stem}.tif").array
        labels = read_image(f"out/{stem}_labels.tif").array
        assert_array_equal(labels, model.predict(image))
        assert read_image(f"out/{stem}_posterior.tif").array.shape == (2, 40, 44)
    assert len(tree()) == 3 * 6 + 2
    assert [r["objects"] for r in rows().values()] == ["3"] * 3


def test_axes_and_pixel_size_are_kept(folder, job):
    spec = ns.ImageSpec("tyx", (0.5, 0.25), "um")
    film = np.stack([field(i)[0] for i in range(2)])
    write_tiff("in/a.tif", film, spec)
    run(folder_steps(job(ALL, given=["in/a.tif"])))
    for what in ("labels", "objects", "uncertainty", "posterior"):
        read = read_image(f"out/a_{what}.tif")
        assert set(read.axes) == set("tyx") | ({"c"} & set(read.axes))
        assert read.pixel_size == pytest.approx((0.5, 0.25))
        assert read.unit == "um"
    assert rows()["a.tif"]["unit"] == "um"


def test_scores_where_there_is_truth(folder, job):
    Path("truth/c.tif").unlink()
    plain = job()
    truth = truth_of(plain.inputs, Path("truth"))
    outcome = run(folder_steps(job(truth=truth)))
    assert not outcome.problems
    assert float(rows()["a.tif"]["mean_iou"]) > 0.9
    assert rows()["c.tif"]["mean_iou"] == ""


def test_progress_never_goes_back(folder, job):
    steps = list(folder_steps(job(ALL)))
    assert {s.total for s in steps} == {1000}
    done = [s.done for s in steps]
    assert done == sorted(done)
    assert done[-1] <= 1000
    assert any("2 of 3, b.tif: " in s.text for s in steps)


def test_scores_can_be_added_later_without_segmenting_again(folder, job):
    run(folder_steps(job()))
    truth = truth_of(job().inputs, Path("truth"))
    assert run(folder_steps(job(truth=truth, resume=True))).skipped == 3
    run(folder_steps(job(out="whole", truth=truth)))
    assert tree() == tree("whole")


def test_the_mean_score_is_said(folder, model_path, capsys):
    Path("truth/c.tif").unlink()
    argv = ["segment", "--model", str(model_path), "--out", "out", "in"]
    assert main([*argv, "--truth", "truth"]) == 0
    scores = [float(rows()[name]["mean_iou"]) for name in ("a.tif", "b.tif")]
    said = f"Mean IoU: {np.mean(scores):.3f} on average of 2 images"
    assert said in capsys.readouterr().out


# ---- going on where another run ended


def all_writes(folder, job):
    """An undisturbed run; returns its files and how many writes it took."""
    n = 0
    sync = os.fsync

    def counted(handle):
        nonlocal n
        n += 1
        sync(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", counted)
        run(folder_steps(job(ALL, out="whole")))
    return tree("whole"), n


def test_an_interruption_at_any_write_leaves_nothing_that_resume_does_not_mend(
    folder, job, monkeypatch
):
    whole, n = all_writes(folder, job)
    sync = os.fsync
    for k in range(0, n, 2):  # of a file and of its folder
        for path in Path("out").glob("*"):
            path.unlink()
        left = k

        def stopped(handle):
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            sync(handle)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", stopped)
            with pytest.raises(KeyboardInterrupt):
                run(folder_steps(job(ALL)))
        run(folder_steps(job(ALL, resume=True)))
        assert tree() == whole, f"interrupted at write {k}"


KILLED = """
import os, signal, sys
left, sync = int(sys.argv[1]), os.fsync
def killed(handle):
    global left
    left -= 1
    if left < 0:
        # In the middle of a file: it has its passing name, and half of its bytes.
        os.ftruncate(handle, os.fstat(handle).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    sync(handle)
os.fsync = killed
from napari_segen.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a system without kill -9")
@pytest.mark.parametrize("after", [2, 11])
def test_after_a_kill_in_the_middle_of_a_file_resume_gives_the_same_bytes(
    folder, model_path, after
):
    argv = ["segment", "--model", str(model_path), "--objects", "2", "in"]
    assert main([*argv, "--out", "whole"]) == 0
    command = [sys.executable, "-c", KILLED, str(after), *argv, "--out", "out"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert any(name.startswith(".") for name in tree())
    assert main([*argv, "--out", "out", "--resume"]) == 0
    assert tree() == tree("whole")


def test_what_is_complete_is_not_done_again(folder, job, monkeypatch):
    run(folder_steps(job(ALL)))
    before = {p: p.stat().st_mtime_ns for p in Path("out").glob("?_*")}
    monkeypatch.setattr(
        ns.ProbabilisticSegmenter, "segment_steps", lambda *_, **__: pytest.fail("did")
    )
    assert run(folder_steps(job(ALL, resume=True))).skipped == 3
    assert before == {p: p.stat().st_mtime_ns for p in Path("out").glob("?_*")}


def test_resume_does_what_has_come_since(folder, job):
    run(folder_steps(job(given=["in/a.tif", "in/b.tif"])))
    assert run(folder_steps(job(resume=True))).skipped == 2
    run(folder_steps(job(out="whole")))
    assert tree() == tree("whole")


# ---- what is there already


def test_results_that_are_there_are_not_replaced(folder, job):
    run(folder_steps(job()))
    before = tree()
    with pytest.raises(ValueError, match=r"a_labels\.tif exists \(and 6 files more\)"):
        run(folder_steps(job()))
    with pytest.raises(ValueError, match=r"other settings.*--overwrite as well"):
        run(folder_steps(job(ALL, resume=True)))
    assert tree() == before


def test_an_edited_result_is_not_replaced(folder, job):
    run(folder_steps(job()))
    edited = read_image("out/b_labels.tif").array.copy()
    edited[:5] = 2
    write_tiff("out/b_labels.tif", edited)
    with pytest.raises(ValueError, match=r"b_labels\.tif exists .*edited since"):
        run(folder_steps(job(resume=True)))
    outcome = run(folder_steps(job(resume=True, overwrite=True)))
    assert outcome.skipped == 2
    run(folder_steps(job(out="whole")))
    assert tree() == tree("whole")


def test_overwritten_results_leave_nothing_of_the_earlier_ones(folder, job):
    run(folder_steps(job(ALL)))
    run(folder_steps(job(overwrite=True)))
    run(folder_steps(job(out="whole")))
    assert tree() == tree("whole")


def test_a_changed_image_is_segmented_again(folder, job):
    run(folder_steps(job()))
    write_tiff("in/a.tif", field(9)[0])
    with pytest.raises(ValueError, match="from another image"):
        run(folder_steps(job(resume=True)))
    assert run(folder_steps(job(resume=True, overwrite=True))).skipped == 2


# ---- bad files


def test_bad_files_are_named_at_the_end_and_the_rest_is_done(
    folder, model_path, capsys
):
    Path("in/broken.tif").write_bytes(Path("in/a.tif").read_bytes()[:300])
    Path("in/empty.png").touch()
    write_tiff("in/colour.tif", np.zeros((9, 9, 3), np.uint8), ns.ImageSpec("yxc"))
    write_tiff("in/deep.tif", np.zeros((2, 3, 4, 5), np.uint8))
    write_tiff("in/mé sure 日.tif", field(4)[0])
    if hasattr(os, "symlink") and sys.platform != "win32":
        os.symlink(model_path, "in/link.tif")
    argv = ["segment", "--model", str(model_path), "--out", "out", "in"]
    assert main(argv) == 3
    said = capsys.readouterr()
    errors = [x for x in said.err.splitlines() if "error:" in x]
    assert len(errors) == 1
    for word in ("broken.tif", "empty.png", "3 channels", "4 axes"):
        assert word in errors[0]
    table = rows()
    done = {name for name, row in table.items() if row["status"] == "done"}
    assert done == {"a.tif", "b.tif", "c.tif", "mé sure 日.tif"}
    assert "3 channels" in table["colour.tif"]["error"]
    assert Path("out/mé sure 日_labels.tif").exists()
    assert not list(Path("out").glob("broken*"))


def test_a_run_with_bad_files_can_be_resumed_when_they_are_mended(folder, job):
    good = Path("in/b.tif").read_bytes()
    Path("in/b.tif").write_bytes(good[:200])
    assert list(run(folder_steps(job())).problems) == [Path("in/b.tif")]
    Path("in/b.tif").write_bytes(good)
    outcome = run(folder_steps(job(resume=True)))
    assert (outcome.skipped, outcome.problems) == (2, {})
    run(folder_steps(job(out="whole")))
    assert tree() == tree("whole")


def test_bad_truth_is_a_bad_file_too(folder, job):
    write_tiff("truth/a.tif", np.ones((3, 3), np.uint8))
    truth = truth_of(job().inputs, Path("truth"))
    outcome = run(folder_steps(job(truth=truth)))
    assert list(outcome.problems) == [Path("in/a.tif")]
    assert rows()["a.tif"]["status"] == "done"
    assert "shape" in rows()["a.tif"]["error"]


def test_images_of_several_types_are_said_to_be(folder, model_path, capsys):
    write_tiff("in/a.tif", read_image("in/a.tif").array.astype(np.uint16) * 100)
    argv = ["segment", "--model", str(model_path), "--out", "out", "in"]
    assert main(argv) == 0
    assert "Mixed types: 1 of uint16, 2 of uint8." in capsys.readouterr().out


def test_an_image_too_large_for_the_memory_is_a_bad_file(folder, job, monkeypatch):
    def too_large(*_args, **_kwargs):
        raise MemoryError("9 TB")
        yield

    monkeypatch.setattr(ns.ProbabilisticSegmenter, "segment_steps", too_large)
    outcome = run(folder_steps(job()))
    assert set(outcome.problems.values()) == {"not enough memory. 9 TB"}


def test_a_folder_that_cannot_be_written_is_found_out_first(
    folder, model_path, capsys, monkeypatch
):
    def read_only(**_):
        raise OSError(30, "Read-only file system")

    # Rather than by rights, which do not hold for everyone.
    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    argv = ["segment", "--model", str(model_path), "--out", "out", "in"]
    assert main(argv) == 2
    assert "cannot write out: Read-only file system" in capsys.readouterr().err


def test_a_full_disk_ends_the_run_and_keeps_what_is_complete(folder, job, monkeypatch):
    sync, left = os.fsync, 7

    def full(handle):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        sync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"cannot write .*No space left"):
            run(folder_steps(job()))
    assert run(folder_steps(job(resume=True))).skipped == 1
    run(folder_steps(job(out="whole")))
    assert tree() == tree("whole")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_in_a_results_place_is_replaced_not_followed(folder, job):
    Path("precious.tif").write_bytes(b"mine")
    Path("out").mkdir()
    os.symlink("../precious.tif", "out/a_labels.tif")
    with pytest.raises(ValueError, match=r"a_labels\.tif exists"):
        run(folder_steps(job()))
    run(folder_steps(job(overwrite=True)))
    assert Path("precious.tif").read_bytes() == b"mine"
    assert not Path("out/a_labels.tif").is_symlink()
