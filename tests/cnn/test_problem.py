import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_segen.cnn.problem import (
    check_teacher,
    make_problem,
    one_spec,
    separated,
)
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.normalization import Normalization


def labels_of(*rows):
    return np.array(rows)


def problem(labels, unlabelled=0, **given):
    image = np.arange(labels.size).reshape(labels.shape)
    return make_problem(
        image, labels, None, unlabelled, **({"task": "classes"} | given)
    )


def test_classes_are_numbered_as_they_first_appear():
    made = problem(labels_of([0, 9, 9, 2], [5, 0, 2, 2]))
    assert_array_equal(made.classes, [2, 5, 9])
    assert_array_equal(made.classes[made.order], [9, 2, 5])
    assert_array_equal(made.indices[0][0], [[-1, 0, 0, 1], [2, -1, 1, 1]])


@pytest.mark.parametrize("ndim", [2, 3])
def test_labels_put_back_are_the_labels_in_the_order_of_the_classes(ndim):
    rng = np.random.default_rng(0)
    labels = np.array([0, 40, 3, 7])[rng.integers(0, 4, (2, 3, 8, 9))]
    labels[0, 1] = labels[1] = 0
    labels[1, 2, 4:, 4:] = 3
    spec = ImageSpec("tzyx")
    made = make_problem(rng.random(labels.shape), labels, spec, 0, "classes")
    images = made.images(ndim, made.scale("auto"))
    assert len(images) == (3 if ndim == 2 else 2)
    (back,) = made.put_back(images, ndim)
    assert_array_equal(back, np.searchsorted([0, 3, 7, 40], labels))


def test_where_objects_touch_is_background():
    ids = labels_of([1, 1, 2, 2], [1, 1, 0, 2], [0, 3, 3, 0])[np.newaxis]
    expected = [[1, 0, 0, 1], [1, 0, 0, 1], [0, 0, 1, 0]]
    assert_array_equal(separated(ids)[0], expected)


def test_objects_need_finished_masks():
    with pytest.raises(ValueError, match="unlabelled must be None"):
        problem(labels_of([0, 1], [2, 2]), task="instances")


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (ImageSpec("yx", (0.5, 0.5), "um"), r"image 2 has pixels of 0.5 x 0.5 um.*0.2"),
        (ImageSpec("yx", (0.2, 0.2), "mm"), r"image 2 has pixels of 0.2 x 0.2 mm"),
        (ImageSpec("yxc", (0.2, 0.2), "um"), r"image 2 has the axes 'yxc'"),
    ],
)
def test_images_of_several_kinds_are_refused_by_number(other, text):
    same = ImageSpec("yx", (0.2, 0.2), "um")
    assert one_spec([same] * 3, 3) == same
    with pytest.raises(ValueError, match=text):
        one_spec([same, same, other], 3)


@pytest.mark.parametrize("spec", [[ImageSpec("yx")], ["yx", "yx"]])
def test_a_list_of_specs_has_one_for_each_image(spec):
    with pytest.raises(ValueError, match="one for each of the 2 images"):
        one_spec(spec, 2)


def test_a_teacher_is_brought_to_the_order_of_training_and_silent_without_data():
    labels = labels_of([9, 0, 2], [0, 2, 9])
    image = np.arange(6.0).reshape(2, 3)
    image[0, 1] = np.nan
    made = make_problem(image, labels, None, 0, "classes")
    posterior = np.random.default_rng(0).dirichlet((1, 1), (2, 3)).transpose(2, 0, 1)
    (found,) = check_teacher(posterior, made)
    expected = posterior[::-1].astype(np.float32)
    expected[:, 0, 1] = 0
    assert_array_equal(found[0], expected)


@pytest.mark.parametrize(
    ("teacher", "text"),
    [
        (np.full((3, 2, 3), 1 / 3), r"teacher 0 must be a posterior.*\[2, 9\]"),
        (np.ones((2, 2, 3), int), "teacher 0 must be a posterior"),
        (np.full((2, 2, 2), 0.5), "teacher 0 does not fit"),
        (np.full((2, 2, 3), np.nan), "without NaN"),
        (np.full((2, 2, 3), -0.5), "from 0 to 1"),
        ([np.full((2, 2, 3), 0.5)] * 2, "teacher must be given for each image"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(teacher, text):
    made = problem(labels_of([9, 0, 2], [0, 2, 9]))
    with pytest.raises(ValueError, match=text):
        check_teacher(teacher, made)


def test_the_scale_is_the_normalizations_own():
    made = problem(labels_of([9, 0, 2], [0, 2, 9]))
    own = Normalization("auto").fit([made.pairs[0].frames])
    assert_array_equal(made.scale("auto").low, own.low)
