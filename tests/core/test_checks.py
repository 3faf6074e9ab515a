import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_segen.core import checks
from napari_segen.core.errors import DataWarning
from napari_segen.core.imagespec import ImageSpec

IMAGE = np.zeros((6, 7))
MARKS = np.zeros((6, 7), int)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (IMAGE.astype(complex), TypeError),
        (IMAGE.astype(object), TypeError),
        (np.array([["a", "b"]]), TypeError),
        (np.zeros(5), ValueError),
        (np.float64(3), ValueError),
        (np.zeros((0, 5)), ValueError),
        (None, TypeError),
    ],
)
def test_a_bad_image_is_named(image, error):
    with pytest.raises(error, match=r"^photo"):
        checks.check_image(image, "photo")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_every_real_type_is_an_image(dtype):
    image = IMAGE.astype(dtype)
    assert checks.check_image(image) is image


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (MARKS.astype(float), TypeError),
        (MARKS.astype(object), TypeError),
        (MARKS - 1, ValueError),
        (np.full(MARKS.shape, 2**63, np.uint64), ValueError),
    ],
)
def test_bad_labels_are_named(labels, error):
    with pytest.raises(error, match=r"^marks must"):
        checks.check_labels(labels, "marks")


def test_a_mask_of_yes_and_no_is_labels():
    labels = checks.check_labels(np.array([[True, False]]))
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("images", "labels", "spec", "message"),
    [
        ([], None, None, "image is an empty list"),
        (IMAGE, MARKS[:5], None, r"scribbles must have shape \(6, 7\)"),
        (IMAGE, [MARKS, MARKS], None, "scribbles must be given for each image"),
        ([IMAGE, IMAGE], MARKS, None, "scribbles must be given for each image"),
        ([IMAGE, IMAGE], [MARKS, None], None, "2 images, 1 scribbles"),
        (IMAGE, np.zeros((6, 7, 3), int), None, "spec"),
        (IMAGE, MARKS, ImageSpec("tyx"), "spec says 'tyx'"),
        (
            [np.zeros((6, 7, 3)), np.zeros((6, 7, 4))],
            [MARKS, MARKS],
            None,
            "image 1 has 4 channels, but image 0 has 3",
        ),
    ],
)
def test_images_and_labels_that_do_not_fit_say_why(images, labels, spec, message):
    with pytest.raises(ValueError, match=message):
        checks.check_pairs(images, labels, spec)


def test_the_callers_word_for_labels_is_used():
    with pytest.raises(ValueError, match=r"^labels must have shape"):
        checks.check_pairs(IMAGE, MARKS[:5], None, labels_name="labels")


def test_pairs_are_canonical():
    image = np.arange(2 * 6 * 7 * 3).reshape(2, 6, 7, 3)
    marks = np.arange(2 * 6 * 7).reshape(2, 6, 7)
    spec, (pair,) = checks.check_pairs(image, marks, ImageSpec("tyxc"))
    assert spec.axes == "tyxc"
    assert_array_equal(pair.frames, np.moveaxis(image, -1, 1))
    assert_array_equal(pair.labels, marks)


def test_images_of_different_size_go_together():
    images = [IMAGE, np.zeros((3, 4))]
    spec, pairs = checks.check_pairs(images, None, None)
    assert spec.axes == "yx"
    assert [p.frames.shape for p in pairs] == [(1, 1, 6, 7), (1, 1, 3, 4)]


def test_a_new_image_must_have_the_fitted_channels():
    with pytest.raises(ValueError, match="image has 4 channels"):
        checks.check_new_image(np.zeros((5, 5, 4)), ImageSpec("yxc"), 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "no pixel is labelled"),
        ([3], "at least two classes"),
        (range(1, 302), "has 301 classes; at most 255"),
    ],
)
def test_too_few_or_too_many_classes_say_what_to_do(values, message):
    with pytest.raises(ValueError, match=f"^scribbles .*{message}"):
        checks.check_class_values(np.array(list(values)))


@pytest.mark.parametrize("k", [2, 255])
def test_two_to_255_classes_are_fine(k):
    checks.check_class_values(np.arange(1, k + 1))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.full((1, 4, 4), 7.0), "constant"),
        (np.zeros((1, 4, 4), np.uint8), "constant"),
        (np.full((1, 4, 4), np.nan), "no finite pixel"),
        (np.array([[[np.nan, 2.0], [2.0, np.inf]]]), "constant"),
    ],
)
def test_a_flat_image_warns(frame, message):
    with pytest.warns(DataWarning, match=f"image 0 .*{message}"):
        checks.warn_if_flat(frame[np.newaxis])


def test_an_image_with_structure_does_not_warn():
    checks.warn_if_flat(np.arange(16.0).reshape(1, 1, 4, 4))


@pytest.mark.parametrize("spec", ["yx", 2, ("y", "x")])
def test_a_spec_of_another_kind_is_named(spec):
    with pytest.raises(TypeError, match="spec must be an ImageSpec"):
        checks.check_pairs(IMAGE, MARKS, spec)
    with pytest.raises(TypeError, match="spec must be an ImageSpec"):
        checks.check_new_image(IMAGE, spec, 1)


def test_a_masked_array_is_refused_with_the_remedy():
    masked = np.ma.masked_less(np.arange(12).reshape(3, 4), 3)
    with pytest.raises(TypeError, match="NaN"):
        checks.check_image(masked)
    assert checks.check_image(masked.astype(float).filled(np.nan)).shape == (3, 4)
