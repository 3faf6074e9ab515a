"""What the results of a segmentation say of themselves."""

import numpy as np

from napari_segen.widgets.segment_results import class_fractions


def test_pixels_without_data_do_not_count():
    labels = np.array([[0, 0, 1, 1], [1, 4, 0, 0]], np.uint8)
    assert class_fractions(labels, np.array([1, 4, 6])) == {1: 0.75, 4: 0.25, 6: 0}


def test_where_nothing_has_data_there_are_no_fractions():
    assert class_fractions(np.zeros((3, 3), np.uint8), [1, 2]) == {}
