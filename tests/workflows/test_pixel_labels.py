import numpy as np
from numpy.testing import assert_array_equal
from tests.workflows.networks import halves

from napari_segen.workflows.pixel_labels import PIXELS_PER_CLASS, pixel_labels


def test_strokes_stay_as_they_are():
    _, marks = halves((200, 200))
    empty = np.zeros((500, 500), np.uint8)
    kept = pixel_labels([marks, empty])
    assert_array_equal(kept[0], marks)
    assert_array_equal(kept[1], empty)


def test_masks_become_scattered_pixels_of_every_class():
    mask = np.ones((300, 400), np.uint8)
    mask[100:200] = 2
    mask[40, 30:40] = 3
    before = mask.copy()
    kept = pixel_labels([mask, mask])
    counts = np.bincount(np.stack(kept).ravel(), minlength=4)[1:]
    assert_array_equal(mask, before)
    assert counts[2] == 20  # a rare class is kept whole
    np.testing.assert_allclose(counts[:2], PIXELS_PER_CLASS, rtol=0.1)
    for thin in kept:
        assert_array_equal(thin[thin > 0], mask[thin > 0])
    assert_array_equal(np.stack(kept), np.stack(pixel_labels([mask, mask])))
