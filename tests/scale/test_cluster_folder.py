"""``napari-segen segment`` on a cluster: what one process writes, byte for byte."""

import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("zarr")
pytest.importorskip("distributed")

from tests.scale.clusters import kill, processes
from tests.scale.conftest import digests, write_image
from tests.scale.fields import field
from tests.waiting import wait_until

from napari_segen.cli import main
from napari_segen.core.steps import run
from napari_segen.scale.folder.run import folder_steps
from napari_segen.scale.folder.settings import ObjectSettings, Settings
from napari_segen.workflows.files import write_tiff

COUNTED = Settings(objects=ObjectSettings((2,), min_size=3), measurements=True)


def finished(folder):
    """Return the files but for those of labels that failed, which wait for resume."""
    files = digests(Path(folder)).items()
    return {p: d for p, d in files if ".unfinished" not in str(p)}


def test_files_omezarr_and_bad_ones_are_as_in_one_process(
    folder, job, client, small_parts
):
    write_image(Path("in/ö d.ome.zarr"), field(4)[0], scale=(0.5, 0.5))
    Path("in/bad.tif").write_bytes(b"no image")
    shutil.copytree("in/ö d.ome.zarr", "in/e.ome.zarr")
    Path("in/e.ome.zarr/full/c/0/0").write_bytes(b"no chunk")
    serial = run(folder_steps(job(COUNTED)))
    Path("out").rename("kept")
    tasks = run(folder_steps(job(COUNTED, client=client)))
    assert finished("kept") == finished("out")
    assert serial.problems == tasks.problems
    assert list(serial.problems) == list(tasks.problems)
    assert len(serial.problems) == 2
    again = run(folder_steps(job(COUNTED, client=client, resume=True)))
    assert again.skipped == 4
    assert finished("kept") == finished("out")


def test_the_command_uses_a_cluster_that_is_there(
    folder, model_path, client, patient, capsys
):
    given = ["segment", "--model", str(model_path), "in", "--out"]
    assert main([*given, "one"]) == 0
    address = client.scheduler.address
    assert main([*given, "many", "--scheduler", address]) == 0
    assert "Dashboard: http://" in capsys.readouterr().err
    one, many = digests(Path("one")), digests(Path("many"))
    assert one == many


# Comes to a stop after some images, and is killed there.
STOPS = """
import sys, time
from pathlib import Path
from napari_segen.cli import main
from napari_segen.scale.folder import command
whole = command.folder_steps
def halting(job):
    steps = whole(job)
    for step in steps:
        yield step
        if len(list(job.out.glob("*_labels.tif"))) > 3:
            time.sleep(600)
if __name__ == "__main__":
    command.folder_steps = halting
    main(sys.argv[1:])
"""


def test_a_killed_command_is_resumed(folder, model_path, client, patient):
    for i in range(20):
        write_tiff(f"in/{i}.tif", field(i, (200, 44))[0])
    given = ["segment", "--model", str(model_path), "in", "--out"]
    assert main([*given, "whole"]) == 0
    out = folder / "out"
    with processes() as start:
        command = start("-c", STOPS, *given, out.name, "--workers", 1)
        wait_until(lambda: len(list(out.glob("*_labels.tif"))) > 3)
        kill(command)
    assert 3 < len(list(out.glob("*_labels.tif"))) < 23
    address = client.scheduler.address
    assert main([*given, "out", "--scheduler", address, "--resume"]) == 0
    assert digests(out) == digests(folder / "whole")


def test_a_cluster_that_is_gone_is_no_fault_of_an_image(folder, job, monkeypatch):
    def gone_steps(*arguments, **named):
        raise ConnectionError("the scheduler is gone")
        yield

    write_image(Path("in/z.ome.zarr"), field(4)[0])
    monkeypatch.setattr("napari_segen.scale.folder.run.omezarr_steps", gone_steps)
    with pytest.raises(ConnectionError, match="is gone"):
        run(folder_steps(job()))
    assert len(list(Path("out").glob("*_labels.tif"))) == 3


def test_bad_options_are_one_line(folder, model_path, capsys, monkeypatch):
    monkeypatch.setattr("napari_segen.scale.cluster.TIMEOUT_S", 1)
    given = ["segment", "--model", str(model_path), "in", "--out", "out"]
    assert main([*given, "--workers", "0"]) == 2
    assert main([*given, "--workers", "1", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert main([*given, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    first, second, third = capsys.readouterr().err.strip().splitlines()
    assert "--workers must be at least 1" in first
    assert "leave --workers out" in second
    assert "no scheduler answers at tcp://127.0.0.1:1" in third
    assert not os.listdir("out")
