"""The comparison and the teacher with a network as it is."""

import numpy as np
import pytest
from tests.workflows.networks import halves

import napari_segen as ns
from napari_segen.core.steps import run
from napari_segen.workflows.comparison import comparison_steps
from napari_segen.workflows.teacher import teacher_steps

pytestmark = pytest.mark.keras


def tiny(**options):
    return ns.CnnSegmenter(
        params={"depth": 1, "filters": 4},
        patch_px=32,
        batch_size=2,
        max_steps=2,
        time_limit_s=None,
        **options,
    )


def test_objects_are_compared_by_their_foreground():
    image, _ = halves((64, 64))
    ids = np.zeros((64, 64), np.uint16)
    ids[4:30, 32:60], ids[32:60, 32:60] = 300, 7
    images, labels = [image] * 4, [ids] * 4
    network = tiny(task="instances").fit(images, labels)
    found = run(comparison_steps(network, images, labels))
    assert (found.n_held, found.unit) == (network.held_out_["n"], "images")
    assert 0 <= found.cnn_iou <= 1
    assert found.other_iou > 0.7


def test_a_teacher_fits_the_network_that_asked_for_it():
    image, strokes = halves((3, 48, 64))
    network, spec = tiny(), ns.ImageSpec("tyx")
    where = {"spec": spec, "unlabelled": 0}
    teacher = run(teacher_steps(network, image, strokes, **where))
    network.fit(image, strokes, teacher=teacher, **where)
    found = run(comparison_steps(network, image, strokes, **where))
    assert found.unit == network.held_out_["unit"] == "strokes"
    assert found.other_iou > 0.9
