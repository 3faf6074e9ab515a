"""The live preview in a real viewer."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.widgets.test_docks import PROBABILISTIC, finish, open_dock, two_halves

from napari_segen.widgets.layers import remember_axes
from napari_segen.widgets.live.keys import Keys
from napari_segen.widgets.live.latest import THREAD_NAME
from napari_segen.widgets.live.layers import UNSURE

pytestmark = pytest.mark.viewer


class Live:
    """A dock with Live on, over an image with strokes."""

    def __init__(self, viewer, qtbot, image=None, strokes=None, axes="yx", **more):
        usual = two_halves()
        image = usual[0] if image is None else image
        strokes = usual[1] if strokes is None else strokes
        self.viewer, self.qtbot = viewer, qtbot
        self.image = viewer.add_image(image, name="cells", **more)
        remember_axes(self.image, axes)
        self.strokes = viewer.add_labels(strokes, name="strokes", **more)
        self.dock = open_dock(viewer, PROBABILISTIC)
        self.bar, self.preview = self.dock._live.bar, self.dock._live.preview

    def switch(self):
        self.bar._switch.click()
        self.wait()

    def wait(self, preview=None):
        """Until the view is answered, also after what comes a little late."""
        preview = preview or self.preview

        def is_answered():
            late = preview._look.isActive() or preview._undo.isActive()
            return not (late or preview.is_busy)

        self.qtbot.wait(10)
        self.qtbot.waitUntil(is_answered)

    def paint(self, value, rows, columns):
        """One stroke, as the brush leaves it."""
        at = np.mgrid[slice(*rows), slice(*columns)].reshape(2, -1)
        self.strokes.data_setitem(tuple(at), value)
        self.wait()

    @property
    def seen(self):
        return np.asarray(self.preview.layers._classes.data[0])

    @property
    def names(self):
        return [layer.name for layer in self.viewer.layers]

    def result(self):
        """What a run on the whole image gives."""
        self.dock.run()
        finish(self.dock, self.qtbot)
        return self.viewer.layers["cells classes"].data


@pytest.fixture
def live(viewer, qtbot):
    return Live(viewer, qtbot)


def test_it_is_off_at_first_and_computes_nothing(live):
    assert not live.preview.is_on
    assert "off" in live.bar._switch.text()
    assert THREAD_NAME not in [t.name for t in threading.enumerate()]


def test_what_is_seen_is_what_a_run_gives(live):
    live.switch()
    assert "on" in live.bar._switch.text()
    seen = live.seen
    assert live.viewer.layers["cells live"].visible
    assert_array_equal(seen, live.result())


def test_it_follows_strokes_undo_and_redo(live):
    live.switch()
    before = live.seen
    live.paint(2, (14, 20), (4, 28))
    after = live.seen
    assert (after != before).any()
    live.strokes.undo()
    live.wait()
    assert_array_equal(live.seen, before)
    live.strokes.redo()
    live.wait()
    assert_array_equal(live.seen, after)


def test_a_run_turns_it_off_and_leaves_no_layer_of_it(live):
    live.switch()
    live.result()
    assert not live.preview.is_on
    assert not [n for n in live.names if "live" in n]


def test_switched_off_it_takes_its_layers_away_and_no_other(live):
    live.switch()
    live.switch()
    assert live.names == ["cells", "strokes"]
    live.paint(2, (14, 20), (4, 28))
    assert live.names == ["cells", "strokes"]


def test_update_answers_once(live):
    live.bar._update.button.click()
    live.wait()
    before = live.seen
    assert not live.preview.is_on
    live.paint(2, (14, 20), (4, 28))
    assert_array_equal(live.seen, before)
    live.bar._update.button.click()
    live.wait()
    assert (live.seen != before).any()


def test_the_brush_stays_in_hand(live):
    live.dock.paint_with(2)
    live.switch()
    active = live.viewer.layers.selection.active
    assert active is live.strokes
    assert active.mode == "paint"


def test_its_layers_are_not_offered_as_inputs(live):
    live.switch()
    assert live.dock.image is live.image
    assert live.dock.labels is live.strokes
    assert list(live.dock._labels.choices) == [live.strokes]
    assert list(live.dock._image.choices) == [live.image]


def test_uncertainty_and_probabilities_can_be_seen_instead(live):
    live.switch()
    live.bar.show_next()
    layers = live.preview.layers
    assert layers.kind == UNSURE
    assert layers._figure.visible
    assert not layers._classes.visible
    live.bar.show_next()
    assert layers.kind == 1
    share = np.asarray(layers._figure.data[0]) / 255
    assert share[:, :20].mean() > 0.8 > 0.2 > share[:, -20:].mean()
    live.bar.show_next()
    live.bar.show_next()
    assert layers._classes.visible


def test_with_one_class_it_says_what_is_missing_and_then_goes_on(viewer, qtbot):
    image, strokes = two_halves()
    strokes[strokes == 2] = 0
    live = Live(viewer, qtbot, image, strokes)
    live.switch()
    assert "only class 1" in live.bar.text
    live.paint(2, (6, 10), (50, 60))
    assert "only" not in live.bar.text
    assert set(np.unique(live.seen)) == {1, 2}


def test_without_strokes_it_cannot_be_switched_on_and_says_why(viewer, qtbot):
    dock = open_dock(viewer, PROBABILISTIC)
    switch = dock._live.bar._switch
    assert not switch.isEnabled()
    assert "no image" in switch.toolTip()
    dock._method.choice.value = "mixture"
    viewer.add_image(two_halves()[0])
    assert "whole image" in switch.toolTip()


def test_settings_are_followed(live):
    live.switch()
    before = live.seen
    live.dock._method.choice.value = "bayes"
    live.dock._smoothing.value = 0.0
    live.wait()
    seen = live.seen
    assert_array_equal(seen, live.result())
    assert (seen != before).any()


def test_a_wrong_entry_is_said_and_the_next_right_one_followed(live):
    live.switch()
    live.dock._frequencies._texts[1] = "much"
    live.preview.look_again()
    live.wait()
    assert "give a number" in live.bar.text
    live.dock._frequencies._texts[1] = "90"
    live.preview.look_again()
    live.wait()
    assert "give a number" not in live.bar.text
    assert set(np.unique(live.seen)) <= {1, 2}


def test_a_stack_is_answered_plane_by_plane(viewer, qtbot):
    image, strokes = two_halves((3, 48, 64))
    live = Live(viewer, qtbot, image, strokes, "tyx")
    viewer.dims.set_current_step(0, 2)
    live.switch()
    assert live.seen[2].all()
    assert not live.seen[0].any()
    viewer.dims.set_current_step(0, 0)
    live.wait()
    assert live.seen[0].all()
    seen = live.seen
    assert_array_equal(seen[0], live.result()[0])


def test_a_volume_shows_the_plane_in_sight_with_features_in_3d(viewer, qtbot):
    image, strokes = two_halves((9, 48, 64))
    live = Live(viewer, qtbot, image, strokes, "zyx")
    viewer.dims.set_current_step(0, 4)
    live.switch()
    seen = live.seen[4]
    assert_array_equal(seen, live.result()[4])


def test_in_the_3d_display_it_waits(viewer, qtbot):
    image, strokes = two_halves((5, 48, 64))
    live = Live(viewer, qtbot, image, strokes, "zyx")
    live.switch()
    viewer.dims.ndisplay = 3
    live.wait()
    assert "2D display" in live.bar.text
    viewer.dims.ndisplay = 2
    live.wait()
    assert "2D display" not in live.bar.text


def test_a_view_beside_the_image_is_said(live):
    live.switch()
    live.viewer.scene.camera.center = (5000, 5000)
    live.wait()
    assert "in sight" in live.bar.text
    live.viewer.reset_view()
    live.wait()
    assert "in sight" not in live.bar.text


def test_rotated_and_scaled_layers(viewer, qtbot):
    live = Live(viewer, qtbot, scale=(2, 3), rotate=30, translate=(5, 6))
    live.switch()
    seen = live.seen
    shown = viewer.layers["cells live"]
    assert shown.scale.tolist() == [2, 3]
    assert_array_equal(shown.rotate, live.image.rotate)
    assert_array_equal(seen, live.result())


def test_other_data_in_the_image_layer_are_answered_anew(live):
    live.switch()
    live.image.data = live.image.data[:, ::-1].copy()
    live.wait()
    seen = live.seen
    assert_array_equal(seen, live.result())


def test_a_removed_image_or_strokes_layer_ends_the_answer(live):
    live.switch()
    live.viewer.layers.remove(live.strokes)
    live.wait()
    assert live.names == ["cells"]
    live.viewer.add_labels(live.strokes.data, name="again")
    live.wait()
    assert "cells live" in live.names
    live.viewer.layers.remove(live.image)
    live.wait()
    assert live.names == ["again"]


def test_who_removes_its_layer_switches_it_off(live):
    live.switch()
    live.viewer.layers.remove("cells live")
    live.wait()
    assert not live.preview.is_on
    assert live.names == ["cells", "strokes"]


def test_two_docks_on_one_image(live):
    other = type(live.dock)(live.viewer)
    live.viewer.window.add_dock_widget(other.native, name="again")
    live.viewer.layers.events.inserted.connect(other.reset_choices)
    other.reset_choices()
    live.switch()
    other._live.preview.turn_on()
    live.wait(other._live.preview)
    live.paint(2, (14, 20), (4, 28))
    live.wait(other._live.preview)
    assert_array_equal(other._live.preview.layers._classes.data[0], live.seen)
    other._live.preview.turn_off()
    assert "cells live" in live.names
    assert live.preview.layers.are_there


def test_closing_the_viewer_in_the_middle_of_an_answer(live):
    live.bar._switch.click()
    live.viewer.close()
    live.qtbot.waitUntil(
        lambda: THREAD_NAME not in [t.name for t in threading.enumerate()]
    )


def test_thousands_of_strokes_and_a_huge_brush(viewer, qtbot):
    image, strokes = two_halves((300, 400))
    strokes[60:290:3, 10:190:4] = 1
    strokes[60:290:3, 210:390:4] = 2
    live = Live(viewer, qtbot, image, strokes)
    live.switch()
    live.strokes.brush_size = 200
    live.strokes.selected_label = 2
    live.strokes.paint((150, 300), 2)
    live.wait()
    assert (live.seen[:, 205:] == 2).mean() > 0.9


def test_closing_the_dock_in_the_middle_of_an_answer(live):
    live.bar._switch.click()
    live.viewer.window.remove_dock_widget(live.dock.native)
    live.qtbot.waitUntil(
        lambda: THREAD_NAME not in [t.name for t in threading.enumerate()]
    )
    assert live.names == ["cells", "strokes"]
    live.strokes.paint((5, 5), 1)


# -- keys -----------------------------------------------------------------------


def press(viewer, key):
    viewer.keymap[key](viewer)


def bound(viewer):
    return {str(key) for key in viewer.keymap}


def test_keys_take_the_brush_for_a_class_and_hide_and_show(live):
    keys = {str(k): k for k in live.viewer.keymap}
    press(live.viewer, keys["Alt+2"])
    assert live.strokes.selected_label == 2
    assert live.strokes.mode == "paint"
    live.switch()
    press(live.viewer, keys["Alt+0"])
    assert not live.viewer.layers["cells live"].visible
    press(live.viewer, keys["Alt+0"])
    assert live.viewer.layers["cells live"].visible
    press(live.viewer, keys["Alt+N"])
    assert live.preview.layers.kind == UNSURE
    live.result()
    press(live.viewer, keys["Alt+0"])
    assert not live.viewer.layers["cells classes"].visible


def test_keys_go_with_the_dock_and_no_others(viewer, qtbot):
    viewer.bind_key("Alt-3", lambda _: None)
    before = bound(viewer)
    dock = open_dock(viewer, PROBABILISTIC)
    assert "Alt-3" not in dock._live.keys.bound
    assert len(bound(viewer)) == len(before) + 10
    dock.shut_down()
    assert bound(viewer) == before


def test_keys_of_a_second_dock_leave_those_of_the_first(viewer):
    called = []
    first = Keys(viewer, {"Alt-5": lambda: called.append(1)})
    second = Keys(viewer, {"Alt-5": lambda: called.append(2)})
    second.unbind()
    press(viewer, next(iter(viewer.keymap)))
    assert called == [1]
    first.unbind()
    assert not viewer.keymap


def test_two_viewers_answer_on_their_own(make_napari_viewer, child, qtbot):
    one, other = (Live(make_napari_viewer(), qtbot) for _ in range(2))
    one.switch()
    other.switch()
    before = other.seen
    one.paint(2, (14, 20), (4, 28))
    assert (one.seen != before).any()
    assert_array_equal(other.seen, before)
    one.viewer.close()
    other.paint(2, (14, 20), (4, 28))
    assert (other.seen != before).any()
