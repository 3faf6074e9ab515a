import numpy as np
import pytest

from napari_segen import sample_data
from napari_segen.core.scribbles import number_strokes

SAMPLES = (sample_data.coins_with_strokes, sample_data.tissue_with_strokes)

DRAWN = [f for name, f in vars(sample_data).items() if name.startswith("synthetic_")]


@pytest.mark.parametrize("sample", DRAWN)
def test_drawn_samples_are_images_with_labels_of_their_shape_and_place(sample):
    (image, image_options, image_kind), (labels, options, kind) = sample()
    assert (image_kind, kind) == ("image", "labels")
    assert labels.shape == image.shape
    assert image.std() > 5
    assert options["scale"] == image_options["scale"]
    assert len(options["scale"]) == image.ndim
    found = np.unique(labels)
    if "features" in options:
        assert set(found) <= set(options["features"]["index"])
        assert len(options["features"]["class"]) == len(options["features"]["index"])
    else:
        assert found.tolist() == list(range(len(found)))
    assert len(found) > 1


@pytest.mark.parametrize("sample", SAMPLES)
def test_strokes_fit_their_image_and_have_names(sample):
    (image, image_options, image_kind), (strokes, options, kind) = sample()
    assert (image_kind, kind) == ("image", "labels")
    assert strokes.shape == image.shape[:2]
    assert image_options["rgb"] == (image.ndim == 3)
    assert options["features"]["index"] == np.unique(strokes).tolist()
    assert len(options["features"]["class"]) == len(np.unique(strokes))


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_class_has_strokes_enough_to_hold_some_out(sample):
    strokes = sample()[1][0]
    for value in np.unique(strokes[strokes > 0]):
        assert number_strokes(np.where(strokes == value, 1, 0))[1] >= 5


def test_check_strokes_share_no_pixel_with_the_strokes():
    (image, *_), (strokes, *_) = sample_data.coins_with_strokes()
    check = sample_data.paint(sample_data.COINS_CHECK, image.shape)
    assert not np.any((strokes > 0) & (check > 0))


def test_no_pixel_is_painted_twice_with_different_classes():
    for strokes, shape in (
        (sample_data.COINS_STROKES, (303, 384)),
        (sample_data.COINS_CHECK, (303, 384)),
        (sample_data.TISSUE_STROKES, (512, 512)),
    ):
        alone = [sample_data.paint({v: s}, shape) > 0 for v, s in strokes.items()]
        assert np.sum(alone, axis=0).max() == 1


def test_a_painted_line_is_three_pixels_wide():
    painted = sample_data.paint({4: [[(5, 3), (5, 8)]]}, (11, 12))
    expected = np.zeros((11, 12), np.uint8)
    expected[4:7, 2:10] = 4
    np.testing.assert_array_equal(painted, expected)
