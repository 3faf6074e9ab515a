import numpy as np
from numpy.testing import assert_array_equal
from tests.workflows.networks import halves

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import run
from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter
from napari_segen.workflows import held_out
from napari_segen.workflows.held_out import (
    answer_steps,
    learnt_parts,
    scored_parts,
    truth_of,
)


def marked(shape, *boxes):
    truth = np.zeros(shape, np.uint8)
    for i, box in enumerate(boxes):
        truth[box] = 1 + i % 2
    return truth


def test_frames_without_held_out_labels_are_left_out():
    frames = [np.zeros((1, 9, 9)), np.ones((1, 9, 9))]
    truth = [marked((9, 9)), marked((9, 9), np.s_[2:4, 2:4])]
    parts, is_all = scored_parts(frames, truth)
    assert is_all
    assert len(parts) == 1
    assert parts[0].frame is frames[1]
    assert_array_equal(truth_of(parts), [1, 1, 1, 1])


def test_windows_answer_what_the_whole_image_answers(monkeypatch):
    image, marks = halves((300, 320))
    image += np.linspace(0, 60, 320, dtype=np.float32)  # the range of a window differs
    model = ProbabilisticSegmenter().fit(image, marks)
    truth = marked(image.shape, np.s_[200:230, 20:50], np.s_[240:290, 250:310])
    expected = model.predict_proba(image).argmax(axis=0)[truth > 0] + 1
    monkeypatch.setattr(held_out, "SCORED_PIXELS", {2: image.size - 1})
    monkeypatch.setattr(held_out, "CORE_PX", {2: (32, 32)})
    monkeypatch.setattr(held_out, "SCORED_MARGIN_PX", {2: (32, 32)})
    parts, is_all = scored_parts([image[np.newaxis]], [truth])
    monkeypatch.setattr(held_out, "SCORED_PIXELS", {2: 10**9})
    whole, _ = scored_parts([image[np.newaxis]], [truth])
    said = run(answer_steps(model, whole, ImageSpec("yx")))
    assert_array_equal(said, expected)
    assert is_all == (len(truth_of(parts)) == len(expected))
    for part in parts:
        window = run(answer_steps(model, [part], ImageSpec("yx")))
        whole_answer = model.predict_proba(image).argmax(axis=0) + 1
        right = whole_answer[part.tile.core][part.marks[part.tile.core] > 0]
        assert (window == right).mean() > 0.99


def test_a_bound_holds_however_much_is_held_out(monkeypatch):
    monkeypatch.setattr(held_out, "SCORED_PIXELS", {2: 20_000})
    monkeypatch.setattr(held_out, "CORE_PX", {2: (32, 32)})
    monkeypatch.setattr(held_out, "SCORED_MARGIN_PX", {2: (16, 16)})
    frames = [np.zeros((1, 400, 300), np.uint8)] * 2
    parts, is_all = scored_parts(frames, [np.ones((400, 300), np.uint8)] * 2)
    assert not is_all
    assert sum(p.marks[p.tile.padded].size for p in parts) <= 20_000
    assert {id(p.frame) for p in parts} == {id(frames[0])}
    corners = [tuple(s.start for s in p.tile.core) for p in parts]
    assert len(set(corners)) == len(parts) == 4


def test_no_stroke_and_no_class_is_lost(monkeypatch):
    monkeypatch.setattr(held_out, "SCORED_PIXELS", {2: 6_000})
    monkeypatch.setattr(held_out, "LEARNT_PIXELS", {2: 6_000})
    monkeypatch.setattr(held_out, "CORE_PX", {2: (32, 32)})
    marks = np.ones((160, 160), np.uint8)
    marks[40:44, 70:74] = 2
    frames = [np.zeros((1, 160, 160), np.uint8)]
    few, _ = scored_parts(frames, [marks])
    assert set(truth_of(few)) == {1, 2}
    assert len(truth_of(few)) < marks.size / 4
    areas = learnt_parts(frames, [marks], are_areas=True)
    assert len(truth_of(areas)) < marks.size / 4
    strokes = learnt_parts(frames, [marks], are_areas=False)
    assert len(truth_of(strokes)) == marks.size
