"""The guide in a real viewer: where to paint, what to doubt, and why."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.widgets.live.test_live import Live
from tests.widgets.test_docks import finish

import napari_segen as ns

pytestmark = pytest.mark.viewer


class Guided(Live):
    """A dock over an image with strokes, one of them of the wrong class."""

    def __init__(self, viewer, qtbot, **more):
        super().__init__(viewer, qtbot, **more)
        self.guide = self.dock._guide
        self.guide.fold.open()

    def run(self):
        self.dock.run()
        finish(self.dock, self.qtbot)

    def settle(self):
        self.wait()
        self.qtbot.waitUntil(lambda: not self.guide._job.is_running)

    def next(self):
        self.guide._next.button.click()
        self.settle()

    @property
    def centre(self):
        return self.viewer.scene.camera.center[-2:]


def mistaken():
    """Strokes of two halves, and one more that is of the other half's class."""
    image, strokes = np.zeros((48, 64)), np.zeros((48, 64), np.uint8)
    image[:, 32:] = 90
    image += np.random.default_rng(0).normal(60, 8, image.shape)
    for row in (4, 14, 24, 34):
        strokes[row : row + 3, 4:16] = 1
        strokes[row : row + 3, 40:52] = 2
    strokes[42:45, 4:16] = 2
    return {"image": image.astype(np.uint8), "strokes": strokes}


@pytest.fixture
def guided(viewer, qtbot):
    return Guided(viewer, qtbot)


@pytest.fixture
def doubting(viewer, qtbot):
    return Guided(viewer, qtbot, **mistaken())


def test_before_anything_is_learnt_it_says_what_to_do(guided):
    button = guided.guide._next.button
    assert not button.isEnabled()
    assert "press Run, or switch Live on" in button.toolTip()


def test_after_a_run_next_goes_to_new_places_only(guided):
    guided.run()
    seen = []
    for _ in range(7):
        guided.next()
        if "No other place" in guided.dock.message:
            break
        seen.append(guided.guide._suggested[-1])
        assert_allclose(guided.centre, seen[-1])
        assert guided.strokes.data[seen[-1]] == 0
    assert len(seen) >= 2
    assert len(set(seen)) == len(seen)
    model, image = guided.dock.model, guided.image.data
    expected = model.suggest(image, 5, labelled=guided.strokes.data)
    assert seen[0] == tuple(expected[0])


def test_live_offers_places_with_pictures_and_the_score_of_the_answer(guided):
    guided.switch()
    guided.settle()
    places = guided.guide.places
    assert places.places
    assert places.count() == len(places.places)
    first = places.places[0]
    guided.next()
    assert guided.guide._suggested == [first]
    assert_allclose(guided.centre, first)
    assert first not in guided.guide.places.places
    model = ns.ProbabilisticSegmenter().fit(guided.image.data, guided.strokes.data)
    assert str(model.score_) in guided.guide.score.text.text()


def test_while_the_fold_is_closed_no_places_are_looked_for(guided):
    guided.guide.fold._button.setChecked(False)
    guided.switch()
    guided.settle()
    assert guided.guide.places.places == []
    assert guided.guide.score.plot.curves["mean iou"]
    guided.guide.fold.open()
    guided.settle()
    assert guided.guide.places.places


def test_a_picture_that_is_clicked_is_gone_to(guided):
    guided.switch()
    guided.settle()
    places = guided.guide.places
    last = places.places[-1]
    places.itemClicked.emit(places.item(places.count() - 1))
    assert_allclose(guided.centre, last)
    assert last in guided.guide._suggested


def test_the_curve_grows_with_the_strokes(guided):
    guided.switch()
    guided.settle()
    before = len(guided.guide.score.plot.curves["mean iou"])
    guided.paint(2, (20, 23), (40, 52))
    guided.settle()
    curve = guided.guide.score.plot.curves["mean iou"]
    assert len(curve) == before + 1
    assert curve[-1][0] == 5
    assert "recall class 1" in guided.guide.score.plot.curves


def test_a_stroke_of_the_wrong_class_is_listed_gone_to_and_erased(doubting):
    doubting.run()
    doubts = doubting.guide.doubts
    assert doubts.count() >= 1
    assert "“class 2” looks like “class 1”" in doubts.item(0).text()
    assert not doubting.guide._erase.button.isEnabled()
    doubts.setCurrentRow(0)
    doubts.itemClicked.emit(doubts.item(0))
    row, column = doubts.position
    assert 42 <= row < 45
    assert 4 <= column < 16
    before = doubting.strokes.data.copy()
    doubting.guide._erase.button.click()
    doubting.settle()
    expected = before.copy()
    expected[42:45, 4:16] = 0
    assert_array_equal(doubting.strokes.data, expected)
    doubting.strokes.undo()
    assert_array_equal(doubting.strokes.data, before)


def test_live_doubts_what_a_run_doubts(doubting):
    doubting.switch()
    doubting.settle()
    seen = doubting.guide.doubts._doubts
    doubting.run()
    assert seen == list(doubting.dock.model.doubtful_strokes_)


@pytest.mark.parametrize("live", [True, False])
def test_a_pixel_is_explained_by_what_is_seen(guided, live):
    if live:
        guided.switch()
    else:
        guided.run()
    guided.settle()
    model = ns.ProbabilisticSegmenter().fit(guided.image.data, guided.strokes.data)
    expected = model.explain(guided.image.data, (8, 60))
    guided.strokes.mode = "paint"
    guided.guide.explaining.button.click()
    assert str(guided.strokes.mode) == "pan_zoom"
    guided.guide.explaining._on_click((8.0, 60.0))
    guided.settle()
    text = guided.guide.explaining.text.text()
    assert f"class 2 {expected.posterior[1]:.2f}" in text
    total = expected.base[1] + expected.contributions[:, 1].sum()
    assert f"{expected.base[1]:+.2f}" in text
    assert total > 0
    guided.guide.explaining._on_click((8.0, 600.0))
    assert "no pixel" in guided.guide.explaining.text.text()
    guided.guide.explaining.button.click()
    assert str(guided.strokes.mode) == "paint"


def test_other_strokes_make_it_forget(guided):
    guided.run()
    guided.next()
    assert guided.guide._suggested
    guided.dock.add_strokes()
    assert guided.guide._suggested == []
    assert guided.guide.places.places == []
    assert not guided.guide._next.button.isEnabled()


def test_a_model_that_is_applied_says_nothing_of_these_strokes(guided, tmp_path):
    guided.run()
    guided.dock.model.save(tmp_path / "m.segen")
    guided.dock.add_strokes()
    guided.dock.load_model(tmp_path / "m.segen")
    finish(guided.dock, guided.qtbot)
    guided.dock.apply_model()
    finish(guided.dock, guided.qtbot)
    assert guided.guide._model is None


def test_in_a_stack_it_goes_to_the_plane(viewer, qtbot):
    planes = np.stack([mistaken()["image"]] * 3)
    strokes = np.zeros(planes.shape, np.uint8)
    strokes[1] = mistaken()["strokes"]
    guided = Guided(viewer, qtbot, image=planes, strokes=strokes, axes="tyx")
    guided.run()
    viewer.dims.set_current_step(0, 0)
    doubts = guided.guide.doubts
    doubts.setCurrentRow(0)
    doubts.itemClicked.emit(doubts.item(0))
    assert viewer.dims.current_step[0] == 1
    guided.guide._erase.button.click()
    guided.settle()
    assert (guided.strokes.data[1, 42:45, 4:16] == 0).all()
    assert (guided.strokes.data[1, 34:37, 4:16] == 1).all()


def test_closing_in_the_middle_leaves_nothing(guided):
    guided.switch()
    guided.guide.explaining.button.click()
    press = guided.guide.explaining._clicks._on_press
    assert press in guided.viewer.mouse_drag_callbacks
    guided.viewer.window.remove_dock_widget(guided.dock.native)
    guided.qtbot.waitUntil(lambda: guided.dock._is_shut)
    assert press not in guided.viewer.mouse_drag_callbacks
