"""The dock for folders with a cluster that does the work."""

import numpy as np
import pytest

pytest.importorskip("distributed")

import distributed
from tests.scale.clusters import free_port, processes, scheduler, worker
from tests.scale.conftest import digests, patient  # noqa: F401
from tests.scale.fields import field
from tests.widgets.test_docks import finish, open_dock

import napari_segen as ns
from napari_segen.workflows.files import write_tiff

pytestmark = pytest.mark.viewer


@pytest.mark.usefixtures("patient")
def test_workers_write_what_this_process_writes(viewer, qtbot, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for i in range(2):
        write_tiff(images / f"{i}.tif", field(i)[0])
    image, truth = field(0)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[:, ::3] = np.where(truth > 0, 2, 1)[:, ::3]
    model = ns.ProbabilisticSegmenter("bayes", sigmas=(1.0,)).fit(image, strokes)
    model.save(tmp_path / "m.segen")
    dock = open_dock(viewer, "Apply to folder")
    dock.take_model(model, tmp_path / "m.segen")
    dock._form._images.value = images
    said = []
    dock._job.progressed.connect(lambda p: said.append(p.step.text))
    with processes() as start:
        port = free_port()
        scheduler(start, port)
        worker(start, port)
        cluster = f"tcp://127.0.0.1:{port}"
        with distributed.Client(cluster, timeout=180) as client:
            client.wait_for_workers(1, timeout=180)
        for name, address in (("here", ""), ("there", f" {cluster} ")):
            dock._form._out.value = tmp_path / name
            dock._form._cluster.value = address
            dock._run.button.click()
            finish(dock, qtbot)
            assert dock._rows.rowCount() == 2
    assert digests(tmp_path / "here") == digests(tmp_path / "there")
    assert any("dashboard: http://" in text for text in said)
