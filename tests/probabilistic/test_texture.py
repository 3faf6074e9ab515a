"""Texture energy beside the other features of `auto`: when it is seen, and its laws."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import blobs, two_regions

import napari_segen as ns
from napari_segen.core.steps import run
from napari_segen.features.bank import FilterBank
from napari_segen.probabilistic import frame, prediction
from napari_segen.probabilistic.auto import TEXTURE, AutoClassifier
from napari_segen.probabilistic.live.session import LiveSession, View
from napari_segen.probabilistic.live.store import FIRST_CLASS, TileStore
from napari_segen.probabilistic.texture import may_see_texture


def rough_beside_smooth(shape=(90, 120), seed=0):
    """Noise, a little stronger in the right half; three strokes on each side."""
    noise = np.random.default_rng(seed).normal(size=shape)
    truth = np.ones(shape, np.uint8)
    truth[:, shape[1] // 2 :] = 2
    scribbles = np.zeros_like(truth)
    for row in (4, shape[0] // 2, shape[0] - 6):
        scribbles[row] = truth[row]
    scribbles[:, shape[1] // 2 - 20 : shape[1] // 2 + 20] = 0
    return 100 + 10 * noise * np.where(truth == 2, 1.2, 1), scribbles, truth


def doubtful(texture):
    """Strokes that only the texture tells apart, of which it is `texture` (M, T)."""
    samples = blobs(n_classes=2, strokes=5)
    noise = np.random.default_rng(1).normal(size=samples.features.shape)

    def steps():
        yield from ()
        return texture(samples)

    features = noise.astype(np.float32)
    return replace(samples, features=features, texture_steps=steps)


def telling(samples):
    return samples.features[:, :2]


def useless(samples):
    return np.random.default_rng(2).normal(size=(len(samples.strokes), 2))


def never(samples):
    raise AssertionError("texture was asked for")


def test_texture_that_tells_classes_apart_gets_half_of_the_trust():
    samples = doubtful(telling)
    model = AutoClassifier().fit(samples)
    assert list(model.members_) == ["softmax", "forest", TEXTURE]
    assert model.trust_[2] == 0.5
    assert_allclose(model.trust_.sum(), 1, atol=1e-6)
    assert model.n_features_ == samples.features.shape[1] + 2
    assert "softmax regression with texture 50%" in model.reason_


def test_then_held_out_strokes_are_told_apart_better():
    samples = doubtful(telling)
    without = AutoClassifier().fit(replace(samples, texture_steps=None))
    held_out = [
        list(model.held_out_steps(samples)) or model._held_out
        for model in (without, AutoClassifier().fit(samples))
    ]
    assert held_out[1].stroke_loss() < held_out[0].stroke_loss() - 0.5


def test_useless_texture_changes_nothing():
    samples = doubtful(useless)
    model = AutoClassifier().fit(samples)
    plain = AutoClassifier().fit(replace(samples, texture_steps=None))
    assert model.n_features_ == plain.n_features_
    assert model.reason_ == plain.reason_
    for name, array in plain.arrays().items():
        assert_array_equal(model.arrays()[name], array)


@pytest.mark.parametrize("strokes", [1, 5])
def test_texture_is_not_computed_without_a_doubt_that_it_could_end(strokes):
    # One stroke cannot be held out, five are told apart without it.
    samples = replace(blobs(strokes=strokes), texture_steps=lambda: never(None))
    assert list(AutoClassifier().fit(samples).members_) == ["softmax", "forest"]


def test_arrays_of_members_that_see_too_much_are_refused():
    model = AutoClassifier().fit(doubtful(telling))
    arrays = model.arrays()
    n = model.n_features_
    for name, wrong in (
        ("n_features", [n - 2, n - 2, n + 1]),
        ("n_features", [0, n - 2, n]),
        ("n_features", [n - 2, n]),
        ("temperatures", [1, 1]),
        ("trust", [0.2, 0.2, 0.2, 0.4]),
    ):
        broken = arrays | {name: np.array(wrong, np.float32)}
        with pytest.raises(ValueError, match=name):
            AutoClassifier.from_arrays(None, broken, n, 2)


def test_arrays_that_do_not_say_what_members_see_are_refused():
    model = AutoClassifier().fit(doubtful(telling))
    arrays = {k: a for k, a in model.arrays().items() if k != "n_features"}
    with pytest.raises(ValueError, match="n_features"):
        AutoClassifier.from_arrays(None, arrays, model.n_features_, 2)


@pytest.mark.parametrize(
    ("bank", "may"),
    [
        (FilterBank(), True),
        (FilterBank(plain_channels=3), True),
        (FilterBank(sampling=(0.5, 0.2)), True),
        (FilterBank("intensity"), False),
        (FilterBank(sigmas=(1.0, 2.0)), False),
        (FilterBank(sigma_unit="physical"), False),
        (FilterBank(sampling=(1, 1, 1)), False),
    ],
)
def test_it_is_offered_beside_the_default_features_of_planes(bank, may):
    assert may_see_texture(bank) == may


def test_a_rough_region_is_told_from_a_smooth_one():
    image, scribbles, truth = rough_beside_smooth()
    model = ns.ProbabilisticSegmenter().fit(image, scribbles)
    plain = ns.ProbabilisticSegmenter(sigmas=(1, 2)).fit(image, scribbles)
    assert model.sees_texture_
    assert not plain.sees_texture_
    right, before = ((m.predict(image) == truth).mean() for m in (model, plain))
    assert right > before + 0.1


def test_where_it_is_clear_without_it_the_model_does_without():
    image, scribbles, _ = two_regions()
    assert not ns.ProbabilisticSegmenter().fit(image, scribbles).sees_texture_


def test_tiled_equals_whole(monkeypatch):
    image, scribbles, _ = rough_beside_smooth()
    model = ns.ProbabilisticSegmenter().fit(image, scribbles)
    whole = model.predict_proba(image)
    monkeypatch.setattr(frame, "MAX_FEATURE_BYTES", 1)
    monkeypatch.setattr(frame, "LEAST_TILE_SIDE", 23)
    monkeypatch.setattr(prediction, "BLOCK_2D", (20, 40))
    assert_allclose(model.predict_proba(image), whole, atol=1e-5)


@pytest.mark.parametrize("move", [np.flipud, np.fliplr, np.transpose])
def test_flips_and_transposes_carry_over(move):
    image, scribbles, _ = rough_beside_smooth()
    p = ns.ProbabilisticSegmenter().fit(image, scribbles).predict_proba(image)
    moved = ns.ProbabilisticSegmenter().fit(move(image), move(scribbles))
    assert moved.sees_texture_
    q = moved.predict_proba(move(image))
    assert_allclose(q, np.stack([move(plane) for plane in p]), atol=1e-3)


def test_brightness_and_contrast_do_not_matter():
    image, scribbles, _ = rough_beside_smooth()
    labels = ns.ProbabilisticSegmenter().fit(image, scribbles).predict(image)
    other = 3e-3 * image - 40
    again = ns.ProbabilisticSegmenter().fit(other, scribbles)
    assert_array_equal(again.predict(other), labels)


def test_with_a_cache_the_result_is_the_same():
    image, scribbles, _ = rough_beside_smooth()
    cache = ns.FeatureCache()
    model = ns.ProbabilisticSegmenter().fit(image, scribbles, cache=cache)
    plain = ns.ProbabilisticSegmenter().fit(image, scribbles)
    assert_array_equal(
        model.predict_proba(image, cache=cache), plain.predict_proba(image)
    )


def test_novelty_does_not_look_at_texture():
    image, scribbles, _ = rough_beside_smooth()
    auto, bayes = (
        ns.ProbabilisticSegmenter(m).fit(image, scribbles) for m in ("auto", "bayes")
    )
    assert_allclose(auto.novelty(image), bayes.novelty(image), atol=1e-5)


@pytest.mark.parametrize("channels", [None, (0,)])
def test_loaded_it_predicts_the_same_bytes(channels, tmp_path):
    grey, scribbles, _ = rough_beside_smooth()
    image = np.stack([grey, grey[::-1], 100 + 0 * grey], axis=-1)
    model = ns.ProbabilisticSegmenter(channels=channels).fit(image, scribbles)
    assert model.sees_texture_
    model.save(tmp_path / "model.segen")
    loaded = ns.load(tmp_path / "model.segen")
    assert loaded.sees_texture_
    assert loaded.classifier_.reason_ == model.classifier_.reason_
    assert_array_equal(loaded.predict_proba(image), model.predict_proba(image))
    assert_array_equal(loaded.novelty(image), model.novelty(image))
    # It goes on as it began: from the default features, texture if needed.
    again = loaded.fit(image, scribbles)
    assert_array_equal(again.predict_proba(image), model.predict_proba(image))


def test_the_live_answer_is_that_of_a_fit_and_prediction():
    image, scribbles, _ = rough_beside_smooth()
    session = LiveSession(image, ns.ImageSpec("yx"), TileStore(), ns.FeatureCache())
    view = View(0, tuple(slice(0, n) for n in image.shape))
    run(session.answer_steps(ns.ProbabilisticSegmenter(), scribbles, view))
    model = ns.ProbabilisticSegmenter().fit(image, scribbles)
    planes = session.store.get((0, 0, 0, 0)).planes[FIRST_CLASS:]
    assert_array_equal(planes, np.rint(255 * model.predict_proba(image)))
