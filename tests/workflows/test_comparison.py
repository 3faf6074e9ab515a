import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.networks import FakeNetwork, halves

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import run
from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter
from napari_segen.workflows import held_out
from napari_segen.workflows.comparison import Comparison, comparison_steps


def compared(network, images, labels, **options):
    options.setdefault("unlabelled", 0)
    return run(comparison_steps(network, images, labels, **options))


# ---- the sentence


def test_a_better_pixel_classifier_is_recommended():
    found = Comparison(0.84, 0.86, "bayes", 3, "blocks")
    assert found.sentence.startswith(
        "held-out IoU 0.84 from 3 blocks; the pixel classifier from the same labels "
        "has 0.86: use that"
    )
    assert "bayes" in found.sentence


@pytest.mark.parametrize(
    ("cnn", "n_held", "unit", "verdict"),
    [
        (0.80, 3, "blocks", "pixel classifier"),  # as good, and slower
        (0.85, 3, "blocks", "unclear"),
        (0.95, 3, "blocks", "network"),
        (0.95, 3, "strokes", "unclear"),
        (0.81, 20, "strokes", "unclear"),
        (0.85, 20, "strokes", "network"),
        (0.803, 20, "images", "pixel classifier"),  # the same figures in print
    ],
)
def test_the_burden_of_proof_is_on_the_network(cnn, n_held, unit, verdict):
    assert Comparison(cnn, 0.80, "softmax", n_held, unit).verdict == verdict


def test_a_few_strokes_are_called_doubtful():
    few = Comparison(0.68, 0.84, "bayes", 2, "strokes").sentence
    assert few.endswith("method bayes), though 2 strokes can be wrong")
    many = Comparison(0.68, 0.84, "bayes", 9, "strokes").sentence
    assert many.endswith("method bayes)")


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 50))
def test_a_network_below_is_never_praised(cnn, other, n_held):
    found = Comparison(cnn, other, "softmax", n_held, "blocks")
    if cnn < other:
        assert found.verdict == "pixel classifier"
    assert f"{cnn:.2f}" in found.sentence
    assert f"{other:.2f}" in found.sentence


def test_one_unit_is_singular():
    assert "from 1 image;" in Comparison(0.9, 0.8, "bayes", 1, "images").sentence


# ---- what is compared


def test_both_answer_for_the_held_out_pixels():
    image, marks = halves()
    right = compared(FakeNetwork(), image, marks)
    assert (right.cnn_iou, right.n_held, right.unit) == (1.0, 2, "strokes")
    assert right.other_iou == pytest.approx(1.0)
    poor = compared(FakeNetwork(wrong=0.3), image, marks)
    assert poor.cnn_iou < 0.7
    assert poor.verdict == "pixel classifier"


def test_the_classifier_never_sees_what_is_held_out(monkeypatch):
    image, marks = halves()
    seen = []
    fit_steps = ProbabilisticSegmenter.fit_steps

    def watched(self, image, scribbles, **options):
        seen.extend(scribbles)
        return fit_steps(self, image, scribbles, **options)

    monkeypatch.setattr(ProbabilisticSegmenter, "fit_steps", watched)
    network = FakeNetwork()
    compared(network, image, marks)
    _, held, _ = network.split(image, marks, unlabelled=0)
    assert len(seen) > 1  # more than one method
    assert all(not (s[held[0] > 0]).any() for s in seen)


def test_nothing_held_out_is_said_so():
    image, marks = halves()
    found = compared(FakeNetwork(held_strokes=()), image, marks)
    assert found.verdict == "unknown"
    assert found.sentence.startswith("nothing was held out")


SHAPES = {
    "several images": ([halves(), halves((44, 80), seed=1)], "yx"),
    "volume": ([halves((6, 44, 48))], "zyx"),
    "frames": ([halves((3, 44, 48))], "tyx"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_any_kind_of_image(shape):
    pairs, axes = SHAPES[shape]
    images, labels = zip(*pairs, strict=True)
    network = FakeNetwork(axes=axes)
    found = compared(network, list(images), list(labels), spec=ImageSpec(axes))
    assert found.cnn_iou > 0.99
    assert found.other_iou > 0.9


def test_colour_and_finished_masks():
    image, _ = halves()
    colour = np.stack([image, image, 0 * image], axis=-1)
    mask = (np.arange(64) >= 32)[np.newaxis].repeat(48, 0).astype(np.uint8)
    network = FakeNetwork(held_strokes=(3, 4), unit="blocks", axes="yxc")
    found = compared(network, [colour] * 2, [mask] * 2, unlabelled=None)
    assert found.unit == "blocks"
    assert found.other_iou > 0.9


def test_large_images_are_scored_in_windows(monkeypatch):
    image, marks = halves((200, 240))
    whole = compared(FakeNetwork(), image, marks)
    monkeypatch.setattr(held_out, "SCORED_PIXELS", {2: 60 * 60})
    monkeypatch.setattr(held_out, "CORE_PX", {2: (32, 32)})
    monkeypatch.setattr(held_out, "SCORED_MARGIN_PX", {2: (16, 16)})
    found = compared(FakeNetwork(), image, marks)
    assert found.is_sampled
    assert not whole.is_sampled
    assert found.cnn_iou == whole.cnn_iou == 1.0


def test_the_json_is_json():
    found = Comparison(0.84, np.float64(0.86), "bayes", 3, "blocks").as_json()
    assert json.loads(json.dumps(found)) == found


def test_a_network_can_be_compared_without_being_changed():
    image, marks = halves()
    network = FakeNetwork()
    scale = network.normalization_
    compared(network, image, marks)
    assert network.normalization_ is scale
