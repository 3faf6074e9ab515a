"""A network on the workers of a cluster, where it comes as its file."""

import numpy as np
import pytest

from napari_segen.cnn.segmenter import CnnSegmenter
from napari_segen.core.imagespec import ImageSpec

distributed = pytest.importorskip("distributed")
zarr = pytest.importorskip("zarr")

from tests.scale.conftest import digests, spots, strokes, write_image  # noqa: E402

from napari_segen.scale.omezarr.segmenting import segment_omezarr  # noqa: E402

pytestmark = [pytest.mark.keras, pytest.mark.usefixtures("small_parts")]


def test_a_network_labels_on_workers_as_in_one_process(tmp_path):
    image = spots((64, 80))
    model = CnnSegmenter(
        patch_px=32, max_steps=2, time_limit_s=None, precision="float32"
    ).fit(image, strokes(image), unlabelled=0, spec=ImageSpec("yx"))
    larger = spots((60, 90), 1)
    path, other = (write_image(tmp_path / n / "i.zarr", larger) for n in "ab")
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs=60,
            memory_limit=0,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        segment_omezarr(model, path, path, client=client)
        (n_threads,) = client.run(intra_op_threads).values()
    labels = segment_omezarr(model, other, other)
    assert digests(path) == digests(other)
    assert len(np.unique(zarr.open_array(labels / "0", mode="r"))) > 1
    assert n_threads == 1


def intra_op_threads():
    import os

    return int(os.environ["TF_NUM_INTRAOP_THREADS"])
