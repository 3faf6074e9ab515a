"""Parts as tasks on a cluster, whose processes are really killed."""

import os
import signal
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy

from napari_segen.core.errors import DataWarning
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import run

zarr = pytest.importorskip("zarr")
distributed = pytest.importorskip("distributed")

from tests.scale.clusters import (  # noqa: E402
    free_port,
    kill,
    processes,
    scheduler,
    worker,
)
from tests.scale.conftest import digests, fitted, spots, write_image  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

from napari_segen.scale import parts  # noqa: E402
from napari_segen.scale.lazy import segment_lazy  # noqa: E402
from napari_segen.scale.omezarr import labels as omelabels  # noqa: E402
from napari_segen.scale.omezarr.finding import find_objects_omezarr  # noqa: E402
from napari_segen.scale.omezarr.segmenting import (  # noqa: E402
    segment_omezarr,
    segment_omezarr_steps,
)

SIDE, PART = 512, 64
PART_BYTES = 4 * 3 * PART**2


@pytest.fixture(autouse=True)
def many_parts(monkeypatch):
    monkeypatch.setattr(parts, "PART_BYTES", PART_BYTES)
    monkeypatch.setattr(omelabels, "COARSEST_PX", 100)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The image with labels of one process, and how they were made."""
    folder = tmp_path_factory.mktemp("undisturbed")
    path = image_in(folder)
    model = fitted(spec=ImageSpec("yx"))
    model.save(folder / "m.segen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART_BYTES", PART_BYTES)
        patch.setattr(omelabels, "COARSEST_PX", 100)
        segment_omezarr(model, path, path)
    return model, digests(path), folder


def image_in(folder):
    return write_image(folder / "i.zarr", spots((SIDE, SIDE), 1), chunk=128)


def n_written(path):
    chunks = (path / "labels").glob(".*.unfinished/0/c/*/*")
    return sum("." not in chunk.name for chunk in chunks)


N_PARTS = (SIDE // PART) ** 2


def test_labels_are_those_of_one_process(tmp_path, client, undisturbed):
    model, whole, _ = undisturbed
    path = image_in(tmp_path)
    segment_omezarr(model, path, path, client=client)
    assert digests(path) == whole


def test_objects_are_those_of_one_process(tmp_path, client, undisturbed):
    model = undisturbed[0]
    path, other = image_in(tmp_path), image_in(tmp_path / "other")
    how = {"foreground": 1, "margin_px": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        found = find_objects_omezarr(model, path, path, client=client, **how)
        whole = find_objects_omezarr(model, other, other, **how)
    assert digests(path) == digests(other)
    assert (found.n_objects, found.n_joined) == (whole.n_objects, whole.n_joined)


def test_a_lazy_array_is_computed_by_workers(tmp_path, client, undisturbed):
    da = pytest.importorskip("dask.array")
    image = spots((100, 150), 1)
    lazy = segment_lazy(undisturbed[0], da.from_array(image))
    found = client.compute(lazy).result()
    np.testing.assert_array_equal(found, undisturbed[0].predict(image))


def in_the_middle(model, path, client):
    """Begin; the rest waits, as parts are given out only while the steps are driven."""
    steps = segment_omezarr_steps(model, path, path, client=client)
    while n_written(path) <= 5:
        next(steps)
    assert n_written(path) < N_PARTS
    return steps


def test_a_killed_worker_is_replaced(tmp_path, client, undisturbed):
    model, whole, _ = undisturbed
    path = image_in(tmp_path)
    address, pid = next(iter(client.run(os.getpid).items()))
    steps = in_the_middle(model, path, client)
    os.kill(pid, signal.SIGKILL)
    run(steps)
    assert digests(path) == whole
    wait_until(lambda: address not in client.nthreads())
    client.wait_for_workers(2, timeout=180)
    assert pid not in client.run(os.getpid).values()


JOB = f"""
import sys, time
from pathlib import Path
from napari_segen.scale import parts
from napari_segen.scale.omezarr import labels as omelabels
from napari_segen.scale.omezarr.segmenting import segment_omezarr_steps
from napari_segen import load
import distributed
parts.PART_BYTES, omelabels.COARSEST_PX = {PART_BYTES}, 100
model, image, address = sys.argv[1:]
with distributed.Client(address) as client:
    for _ in segment_omezarr_steps(load(model), image, image, client=client):
        if len(list(Path(image, "labels").glob(".*.unfinished/0/c/*/*"))) > 5:
            time.sleep(600)  # until it is killed
"""


def test_after_a_killed_client_work_goes_on(tmp_path, client, undisturbed):
    model, whole, folder = undisturbed
    path = image_in(tmp_path)
    with processes() as start:
        address = client.scheduler.address
        job = start("-c", JOB, folder / "m.segen", path, address)
        wait_until(lambda: n_written(path) > 5)
        kill(job)
    assert n_written(path) < N_PARTS
    segment_omezarr(model, path, path, client=client, resume=True)
    assert digests(path) == whole


def test_after_the_scheduler_was_started_again_work_goes_on(tmp_path, undisturbed):
    model, whole, _ = undisturbed
    path, port = image_in(tmp_path), free_port()
    address = f"tcp://127.0.0.1:{port}"
    with processes() as start:
        first = scheduler(start, port)
        worker(start, port)
        with distributed.Client(address, timeout=180) as client:
            client.wait_for_workers(1, timeout=180)
            steps = in_the_middle(model, path, client)
            kill(first)
            with pytest.raises(ConnectionError, match=f"{address} is gone"):
                run(steps)
        assert 5 < n_written(path) < N_PARTS
        scheduler(start, port)
        worker(start, port)
        with distributed.Client(address, timeout=180) as client:
            client.wait_for_workers(1, timeout=180)
            segment_omezarr(model, path, path, client=client, resume=True)
    assert digests(path) == whole


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", os.fspath(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may make a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_loses_nothing(tmp_path, client, undisturbed, small_disk):
    model = undisturbed[0]
    path = image_in(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        segment_omezarr(model, path, small_disk, client=client)
    written = sum(f.stat().st_size > 0 for f in small_disk.glob("labels/.*/0/c/*/*"))
    assert 0 < written < N_PARTS
    remount = ["mount", "-o", "remount,size=30m", os.fspath(small_disk)]
    subprocess.run(remount, check=True)
    segment_omezarr(model, path, small_disk, client=client, resume=True)
    segment_omezarr(model, path, tmp_path / "other")
    # The labels say where the image is, seen from them.
    there, here = digests(small_disk), digests(tmp_path / "other")
    assert there.keys() == here.keys()
    unlike = {str(p) for p in here if here[p] != there[p]}
    assert unlike <= {"labels/segmentation/zarr.json"}


def test_a_damaged_chunk_of_the_image_loses_nothing(tmp_path, client):
    model = fitted(normalization="training", spec=ImageSpec("yx"))
    path, other = image_in(tmp_path), image_in(tmp_path / "other")
    segment_omezarr(model, other, other)
    chunk = path / "full" / "c" / "3" / "3"
    good = chunk.read_bytes()
    chunk.write_bytes(good[: len(good) // 2])
    with pytest.raises(ValueError, match="cannot be read at y "):
        segment_omezarr(model, path, path, client=client)
    assert 0 < n_written(path) < N_PARTS
    chunk.write_bytes(good)
    segment_omezarr(model, path, path, client=client, resume=True)
    assert digests(path) == digests(other)


def test_workers_of_other_versions_are_refused(tmp_path, undisturbed):
    other = tmp_path / "packages" / "scipy-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Name: scipy\nVersion: 1.0\n")
    path, port = image_in(tmp_path), free_port()
    here = os.environ.get("PYTHONPATH", "")
    with processes() as start:
        scheduler(start, port)
        worker(start, port, PYTHONPATH=f"{other.parent}{os.pathsep}{here}")
        with distributed.Client(f"tcp://127.0.0.1:{port}", timeout=180) as client:
            client.wait_for_workers(1, timeout=180)
            message = f"worker tcp.* has scipy 1.0 instead of {scipy.__version__}"
            with pytest.raises(ValueError, match=message):
                segment_omezarr(undisturbed[0], path, path, client=client)
    assert n_written(path) == 0


def test_workers_must_see_the_files(tmp_path, client):
    from napari_segen.scale.workers import check_workers

    with pytest.raises(OSError, match=r"does not see .*a file system in common"):
        check_workers(client, Path("/nowhere"), tmp_path)
    if os.geteuid():  # root may write anywhere
        tmp_path.chmod(0o500)
        with pytest.raises(OSError, match="cannot write to"):
            check_workers(client, tmp_path, tmp_path)


def test_workers_with_too_little_memory_are_refused(tmp_path, undisturbed):
    path = image_in(tmp_path)
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=4,
            processes=False,
            memory_limit="1GB",
            dashboard_address=":0",
            silence_logs=60,
        ) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(ValueError, match="238 MB for each of its threads"),
    ):
        segment_omezarr(undisturbed[0], path, path, client=client)


def test_a_scheduler_without_workers_is_told(tmp_path, undisturbed):
    path = image_in(tmp_path)
    with (
        distributed.LocalCluster(
            n_workers=0, dashboard_address=":0", silence_logs=60
        ) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(OSError, match="has no workers"),
    ):
        segment_omezarr(undisturbed[0], path, path, client=client)


def test_a_part_is_worked_on_by_one_thread(client):
    from napari_segen.features.parallel import is_on_one_thread
    from napari_segen.scale.tasks import each_task_steps

    found = {}
    for _ in each_task_steps(thread_steps, range(50), found.__setitem__, client=client):
        pass
    assert found == {i: (True, i) for i in range(50)}
    assert not is_on_one_thread()


def thread_steps(i):
    from napari_segen.core.steps import Step
    from napari_segen.features.parallel import is_on_one_thread

    yield Step(0, 1, "")
    return is_on_one_thread(), i
