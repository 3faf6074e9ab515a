import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.core.errors import NotFitted
from napari_segen.probabilistic.registry import CLASSIFIERS

IMAGE, SCRIBBLES, _ = two_regions()
PIXEL = (20, 25)


def fitted(method="softmax", image=IMAGE, scribbles=SCRIBBLES, **settings):
    model = ns.ProbabilisticSegmenter(method, smoothing=0, **settings)
    return model.fit(image, None if method == "mixture" else scribbles)


@pytest.mark.parametrize("method", list(CLASSIFIERS))
@pytest.mark.parametrize("pixel", [PIXEL, (0, 0), (47, 20)])
def test_it_explains_the_posterior_of_that_pixel(method, pixel):
    model = fitted(method)
    found = model.explain(IMAGE, pixel)
    assert_allclose(found.posterior, model.predict_proba(IMAGE)[:, *pixel], atol=1e-4)
    assert len(found.names) == len(found.contributions)
    assert_array_equal(found.classes, model.classes_)
    assert_allclose(found.contributions.sum(axis=1), 0, atol=1e-9)


def test_class_priors_are_in_the_base_alone():
    plain, prior = fitted(), fitted(class_prior={3: 0.99, 7: 0.01})
    before, after = (m.explain(IMAGE, PIXEL) for m in (plain, prior))
    assert_allclose(after.contributions, before.contributions)
    assert after.base[0] > before.base[0]
    assert_allclose(after.posterior, prior.predict_proba(IMAGE)[:, *PIXEL], atol=1e-4)


def test_a_bright_box_is_explained_by_brightness():
    found = fitted(features=("intensity", "gradient_magnitude")).explain(
        IMAGE, (24, 28)
    )
    (strongest, parts), *_ = found.grouped("family").items()
    assert strongest == "intensity"
    assert parts[1] > 0 > parts[0]


@pytest.mark.parametrize("by", ["channel", "family", "part", "scale"])
def test_groups_sum_to_the_whole(by):
    found = fitted().explain(IMAGE, PIXEL)
    assert_allclose(
        sum(found.grouped(by).values()), found.contributions.sum(axis=0), atol=1e-12
    )
    assert set(found.grouped("channel")) == {"channel 0"}


def test_a_pixel_of_a_film_is_that_of_its_frame():
    film = np.stack([IMAGE, IMAGE[::-1]], axis=1)
    model = fitted()
    found = model.explain(film, (3, 1, 9), spec=ns.ImageSpec("ytx"))
    alone = model.explain(IMAGE[::-1], (3, 9))
    assert_allclose(found.contributions, alone.contributions)


def test_texture_has_a_name_too():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(64, 64)).astype(np.float32)
    marks = np.zeros(image.shape, int)
    marks[4:60:9, 4:28], marks[4:60:9, 36:60] = 1, 2
    model = ns.ProbabilisticSegmenter(smoothing=0).fit(image, marks)
    found = model.explain(image, (9, 9))
    assert len(found.names) == model.classifier_.n_features_
    assert_allclose(found.posterior, model.predict_proba(image)[:, 9, 9], atol=1e-4)


@pytest.mark.parametrize("position", [(1,), (1, 2, 3), (-1, 0), (0, 56)])
def test_a_position_outside_is_refused(position):
    with pytest.raises(ValueError, match="position"):
        fitted().explain(IMAGE, position)


def test_no_data_cannot_be_explained():
    image = IMAGE.copy()
    image[PIXEL] = np.nan
    with pytest.raises(ValueError, match="no data"):
        fitted().explain(image, PIXEL)


def test_an_unknown_group_is_refused():
    with pytest.raises(ValueError, match="by must be one of channel, family"):
        fitted().explain(IMAGE, PIXEL).grouped("colour")


def test_before_the_fit_there_is_nothing_to_explain():
    with pytest.raises(NotFitted):
        ns.ProbabilisticSegmenter().explain(IMAGE, PIXEL)


def test_colours_have_their_mean_in_front():
    red = np.stack([IMAGE, 0 * IMAGE + 10, 0 * IMAGE + 10], axis=-1)
    model = fitted(image=red)
    found = model.explain(red, (24, 28))
    parts = found.grouped("channel")
    assert set(parts) == {f"channel {i}" for i in range(4)}
    assert parts["channel 1"][1] > 0.1  # red is bright in the box
    assert_allclose([parts["channel 2"], parts["channel 3"]], 0, atol=1e-6)


def test_a_voxel_of_a_volume():
    volume, marks, _ = two_regions((8, 30, 32))
    model = fitted(image=volume, scribbles=marks)
    found = model.explain(volume, (4, 15, 16))
    expected = model.predict_proba(volume)[:, 4, 15, 16]
    assert_allclose(found.posterior, expected, atol=1e-4)
