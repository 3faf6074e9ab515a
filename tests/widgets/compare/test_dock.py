"""The dock that compares, in a real viewer."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import ndimage
from sklearn.metrics import cohen_kappa_score, confusion_matrix
from tests.objects.shapes import blobs
from tests.widgets.test_docks import check_tooltips, check_width, finish, open_dock

from napari_segen.widgets.compare.dock import MOST_IN_TABLE

pytestmark = pytest.mark.viewer


def classes(seed, k=3):
    return np.random.default_rng(seed).integers(1, k + 1, (40, 50)).astype(np.uint8)


@pytest.fixture
def compared(viewer, qtbot):
    """The dock over two layers, and what compares them."""

    def made(one, other, **more):
        viewer.add_labels(one, name="one", **more)
        viewer.add_labels(other, name="other", **more)
        dock = open_dock(viewer, "Compare labels")
        dock._first.value, dock._second.value = (
            viewer.layers["one"],
            viewer.layers["other"],
        )
        return dock

    return made


def press(dock, qtbot):
    dock._compare.button.click()
    finish(dock, qtbot)


def test_the_figures_are_those_of_scikit_learn(compared, viewer, qtbot):
    one, other = classes(0), classes(1)
    dock = compared(one, other)
    press(dock, qtbot)
    kappa = cohen_kappa_score(one.ravel(), other.ravel())
    assert f"kappa): {kappa:.3f}" in dock.report
    assert f"Changed: {np.mean(one != other):.2%}" in dock.report
    for row in confusion_matrix(one.ravel(), other.ravel()):
        cells = "".join(f"<td align='right'>{n}</td>" for n in row)
        assert cells in dock.report
    seen = viewer.layers["one difference"].data
    assert_array_equal(seen, np.where(one != other, other, 0))


def test_objects_are_matched(compared, qtbot):
    many = ndimage.label(blobs(0, (200, 220), 1.5))[0]
    assert many.max() > 64
    dock = compared(many, many[::-1, ::-1].copy()[::-1, ::-1])
    press(dock, qtbot)
    assert "Average precision at an overlap of 0.5: 1.000" in dock.report
    assert f"Objects: {many.max()} and {many.max()}." in dock.report
    assert "Dice" not in dock.report


def test_unlabelled_pixels_do_not_count_where_that_is_said(compared, viewer, qtbot):
    one, other = classes(0), classes(0)
    other[:, :25] = 0
    dock = compared(one, other)
    press(dock, qtbot)
    assert "Changed: 50.00%" in dock.report
    dock._ignore_zero.value = True
    press(dock, qtbot)
    assert "Changed: 0.00%" in dock.report
    assert not viewer.layers["one difference"].data.any()


def test_many_classes_have_no_table(compared, qtbot):
    dock = compared(classes(0, MOST_IN_TABLE + 1), classes(1, MOST_IN_TABLE + 1))
    press(dock, qtbot)
    assert "across" not in dock.report
    assert "Dice" in dock.report


def test_what_cannot_be_compared_is_said(compared, viewer):
    dock = compared(classes(0), classes(0)[:20])
    assert "the shapes (40, 50) and (20, 50)" in dock.message
    dock._second.value = viewer.layers["one"]
    assert "one layer" in dock.message
    dock._second.value = None
    assert "Two layers of labels are needed" in dock.message


def test_a_stack_is_asked_about(compared, qtbot):
    stack = np.stack([classes(0), classes(1)])
    dock = compared(stack, stack.copy())
    assert "say above" in dock.message
    dock._stack.widget.value = "tyx"
    press(dock, qtbot)
    assert "Changed: 0.00%" in dock.report


def test_nothing_labelled_in_both_is_an_error(compared, qtbot):
    one, other = classes(0), np.zeros((40, 50), np.uint8)
    dock = compared(one, other)
    dock._ignore_zero.value = True
    press(dock, qtbot)
    assert "no pixel that is labelled in both" in dock.message


def test_it_fits_and_every_control_has_a_tooltip(compared, viewer, qtbot):
    dock = compared(classes(0, 9), classes(1, 9))
    press(dock, qtbot)
    check_width(dock)
    check_tooltips(dock, least=4)
    viewer.window.remove_dock_widget(dock.native)
    qtbot.waitUntil(lambda: dock._is_shut)
    viewer.layers.clear()
