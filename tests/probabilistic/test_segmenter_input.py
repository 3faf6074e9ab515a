"""What a segmenter takes, and what it says to what it does not take."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.core.errors import DataWarning, NotFitted


def fit(image, scribbles, **more):
    return ns.ProbabilisticSegmenter(sigmas=(1.0,)).fit(image, scribbles, **more)


IMAGE, SCRIBBLES, TRUTH = two_regions()


def test_empty_scribbles_are_refused():
    with pytest.raises(ValueError, match="scribbles is empty"):
        fit(IMAGE, np.zeros_like(SCRIBBLES))


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two classes"):
        fit(IMAGE, SCRIBBLES * (SCRIBBLES == 3))


def test_300_classes_are_refused():
    many = np.arange(IMAGE.size).reshape(IMAGE.shape) % 301
    with pytest.raises(ValueError, match="300 classes"):
        fit(IMAGE, many)


def test_255_classes_are_possible():
    many = np.arange(IMAGE.size).reshape(IMAGE.shape) % 256
    segmenter = ns.ProbabilisticSegmenter("softmax", params={"steps": 2}, sigmas=(1.0,))
    assert segmenter.fit(IMAGE, many).predict_proba(IMAGE).shape[0] == 255


@pytest.mark.parametrize("dtype", ["f4", "c8", "O"])
def test_scribbles_must_be_integers(dtype):
    with pytest.raises(TypeError, match="scribbles must be integers"):
        fit(IMAGE, SCRIBBLES.astype(dtype))


def test_negative_scribbles_are_refused():
    with pytest.raises(ValueError, match="scribbles must not be negative"):
        fit(IMAGE, -SCRIBBLES)


def test_scribbles_are_needed():
    with pytest.raises((TypeError, ValueError), match="scribbles"):
        fit(IMAGE, None)


@pytest.mark.parametrize("dtype", ["c8", "O", "U3"])
def test_images_must_hold_real_numbers(dtype):
    with pytest.raises(TypeError, match="image must hold real numbers"):
        fit(IMAGE.astype(dtype), SCRIBBLES)


def test_shapes_must_match():
    with pytest.raises(ValueError, match="scribbles must have shape"):
        fit(IMAGE, SCRIBBLES[:-1])


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_image_without_pixels_is_refused(shape):
    with pytest.raises(ValueError, match="image is empty"):
        fit(np.zeros(shape), np.zeros(shape, int))


def test_one_axis_is_refused():
    with pytest.raises(ValueError, match="at least two axes"):
        fit(IMAGE[0], SCRIBBLES[0])


def test_an_axis_without_meaning_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="spec"):
        fit(np.zeros((8, 9, 5)), np.zeros((8, 9), int))


@pytest.mark.parametrize("axis", [0, 1])
def test_an_image_one_pixel_wide_is_segmented(axis):
    line = np.expand_dims(np.repeat([0.0, 9.0], 20), axis)
    strokes = np.expand_dims(np.repeat([0, 1, 0, 2, 0], 8), axis)
    labels = fit(line, strokes).predict(line)
    assert labels.shape == line.shape
    assert_array_equal(np.squeeze(labels)[[2, -2]], [1, 2])


@pytest.mark.parametrize("method", ["softmax", "bayes"])
def test_a_class_of_one_pixel_is_enough(method):
    strokes = SCRIBBLES * (SCRIBBLES == 3)
    strokes[24, 28] = 7
    segmenter = ns.ProbabilisticSegmenter(method).fit(IMAGE, strokes)
    assert segmenter.predict(IMAGE)[24, 28] == 7


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_constant_image_gives_a_warning_and_what_was_painted_more_often(value):
    with pytest.warns(DataWarning, match="constant"):
        segmenter = fit(np.full_like(IMAGE, value), SCRIBBLES)
    segmenter.smoothing = 0
    posterior = segmenter.predict_proba(np.full_like(IMAGE, value))
    assert_array_equal(posterior, np.broadcast_to(posterior[:, :1, :1], (2, 48, 56)))
    painted = np.array([(v == SCRIBBLES).sum() for v in (3, 7)])
    assert_allclose(posterior[:, 0, 0], painted / painted.sum(), atol=0.1)


def test_an_image_without_any_data_is_refused():
    with (
        pytest.warns(DataWarning, match="no finite pixel"),
        pytest.raises(ValueError, match="only on pixels without data"),
    ):
        fit(np.full_like(IMAGE, np.nan), SCRIBBLES)


def test_a_class_painted_on_missing_data_only_is_named():
    image = IMAGE.copy()
    image[SCRIBBLES == 7] = np.nan
    with pytest.raises(ValueError, match="class 7 only on pixels without data"):
        fit(image, SCRIBBLES)


def test_a_new_image_without_any_data_is_all_unknown():
    nothing = np.full_like(IMAGE, np.nan)
    segmenter = fit(IMAGE, SCRIBBLES)
    assert_array_equal(segmenter.predict(nothing), 0)
    assert_array_equal(segmenter.uncertainty(nothing), 1)


@pytest.mark.parametrize("n_channels", [3, 4])
def test_colour_images_are_understood(n_channels):
    color = np.stack(
        [20 - IMAGE, IMAGE, IMAGE * 0 + 3, IMAGE * 0 + 255][:n_channels], -1
    )
    color = color.clip(0, 255).astype(np.uint8)
    segmenter = fit(color, SCRIBBLES)
    assert segmenter.spec_.axes == "yxc"
    assert (segmenter.predict(color) == TRUTH).mean() > 0.95


def test_channels_can_be_chosen():
    spec = ns.ImageSpec("cyx")
    noise = np.random.default_rng(0).normal(size=IMAGE.shape)
    both = np.stack([noise, IMAGE])
    chosen = ns.ProbabilisticSegmenter(channels=[1]).fit(both, SCRIBBLES, spec=spec)
    alone = ns.ProbabilisticSegmenter().fit(IMAGE.astype(float), SCRIBBLES)
    assert_array_equal(
        chosen.predict_proba(both), alone.predict_proba(IMAGE.astype(float))
    )


def test_missing_data_in_an_unused_channel_does_not_matter():
    both = np.stack([np.full_like(IMAGE, np.nan), IMAGE])
    segmenter = ns.ProbabilisticSegmenter(channels=[1])
    segmenter.fit(both, SCRIBBLES, spec=ns.ImageSpec("cyx"))
    assert (segmenter.predict(both) > 0).all()


@pytest.mark.parametrize("channels", [[], [-1], [0, 0], [0.5], [2], 0, "01"])
def test_wrong_channels_are_refused(channels):
    both = np.stack([IMAGE, IMAGE])
    with pytest.raises((ValueError, TypeError), match="channels"):
        ns.ProbabilisticSegmenter(channels=channels).fit(
            both, SCRIBBLES, spec=ns.ImageSpec("cyx")
        )


@pytest.mark.parametrize("axes", ["tyx", "nyx"])
def test_time_points_and_separate_images_stand_for_themselves(axes):
    spec = ns.ImageSpec(axes)
    series = np.stack([IMAGE, IMAGE[::-1], IMAGE])
    strokes = np.stack([SCRIBBLES, 0 * SCRIBBLES, 0 * SCRIBBLES])
    posterior = fit(series, strokes, spec=spec).predict_proba(series)
    alone = fit(IMAGE, SCRIBBLES).predict_proba(IMAGE)
    assert posterior.shape == (2, *series.shape)
    assert_array_equal(posterior[:, 0], alone)
    assert_array_equal(posterior[:, 2], alone)


def test_axes_may_come_in_any_order():
    frames = np.stack([IMAGE, IMAGE[::-1]])
    strokes = np.stack([SCRIBBLES, SCRIBBLES[::-1]])
    first = fit(frames, strokes, spec=ns.ImageSpec("tyx")).predict(frames)
    moved = [np.moveaxis(a, 0, -1) for a in (frames, strokes)]
    last = fit(*moved, spec=ns.ImageSpec("yxt")).predict(moved[0])
    assert_array_equal(np.moveaxis(last, -1, 0), first)


def test_a_stack_is_segmented_in_depth():
    image, scribbles, truth = two_regions((12, 24, 24))
    segmenter = fit(image, scribbles)
    assert segmenter.spec_.axes == "zyx"
    assert (segmenter.predict(image) == truth).mean() > 0.9


def test_several_images_are_learnt_from_together():
    other, strokes, _ = two_regions((30, 40), seed=1)
    only = strokes * (strokes == 7), SCRIBBLES * (SCRIBBLES == 3)
    segmenter = fit([other, IMAGE], list(only))
    assert_array_equal(segmenter.classes_, [3, 7])
    assert (segmenter.predict(IMAGE) == TRUTH).mean() > 0.9


def test_a_new_image_must_have_the_same_channels_and_axes():
    segmenter = fit(np.stack([IMAGE] * 3, axis=-1), SCRIBBLES)
    with pytest.raises(ValueError, match="4 channels"):
        segmenter.predict(np.stack([IMAGE] * 4, axis=-1))
    with pytest.raises(ValueError, match="spec"):
        segmenter.predict(IMAGE)
    with pytest.raises(ValueError, match="spatial axes"):
        segmenter.predict(IMAGE[np.newaxis], spec=ns.ImageSpec("zyx"))


def test_a_spec_may_differ_in_the_axes_that_are_not_space():
    segmenter = fit(IMAGE, SCRIBBLES)
    series = np.stack([IMAGE, IMAGE])
    labels = segmenter.predict(series, spec=ns.ImageSpec("tyx"))
    assert_array_equal(labels[1], segmenter.predict(IMAGE))


def test_before_the_fit_there_is_no_result():
    with pytest.raises(NotFitted, match="fit first"):
        ns.ProbabilisticSegmenter().predict(IMAGE)


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("method", "magic", ValueError),
        ("params", {"speed": 1}, ValueError),
        ("features", "colour", ValueError),
        ("sigmas", (0.0,), ValueError),
        ("sigma_unit", "inch", ValueError),
        ("seed", -1, ValueError),
        ("smoothing", -1.0, ValueError),
        ("smoothing", float("nan"), ValueError),
        ("smoothing", "strong", TypeError),
        ("class_prior", {1: 0.0}, ValueError),
        ("normalization", "log", ValueError),
        ("seed", 0.5, TypeError),
    ],
)
def test_wrong_settings_are_refused_at_once(setting, value, error):
    with pytest.raises(error, match=setting):
        ns.ProbabilisticSegmenter(**{setting: value})


def test_a_prior_must_name_the_classes():
    with pytest.raises(ValueError, match="class_prior must name every class"):
        ns.ProbabilisticSegmenter(class_prior={1: 0.5, 2: 0.5}).fit(IMAGE, SCRIBBLES)


def test_gradient_features_alone_are_possible():
    rng = np.random.default_rng(0)
    rough = rng.normal(0, 1, (48, 56))
    rough[:, :28] *= 0.1
    strokes = np.zeros(rough.shape, int)
    strokes[5:43, 10], strokes[5:43, 45] = 1, 2
    segmenter = ns.ProbabilisticSegmenter(
        "softmax", features="gradient", params={"optimizer": "gradient_descent"}
    ).fit(rough, strokes)
    labels = segmenter.predict(rough)
    assert (labels[:, :20] == 1).mean() > 0.95
    assert (labels[:, 36:] == 2).mean() > 0.95


def test_physical_sigmas_follow_the_pixel_size():
    spec = ns.ImageSpec("yx", pixel_size=(0.5, 0.5), unit="um")
    physical = ns.ProbabilisticSegmenter(sigmas=(1.0,), sigma_unit="physical")
    pixels = ns.ProbabilisticSegmenter(sigmas=(2.0,))
    assert_array_equal(
        physical.fit(IMAGE, SCRIBBLES, spec=spec).predict(IMAGE),
        pixels.fit(IMAGE, SCRIBBLES).predict(IMAGE),
    )
