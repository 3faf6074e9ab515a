"""The laws of a segmentation, for each method."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.probabilistic.problems import two_regions

import napari_segen as ns
from napari_segen.core.steps import run
from napari_segen.features import bank, parallel
from napari_segen.probabilistic import frame, prediction
from napari_segen.probabilistic.registry import methods_with_strokes

each_method = pytest.mark.parametrize("method", methods_with_strokes())


def fitted(image, scribbles, method="softmax", **settings):
    return ns.ProbabilisticSegmenter(method, **settings).fit(image, scribbles)


@each_method
def test_the_regions_are_found(method):
    image, scribbles, truth = two_regions()
    assert (fitted(image, scribbles, method).predict(image) == truth).mean() > 0.95


@each_method
def test_the_posterior_is_a_posterior_and_uncertainty_its_entropy(method):
    image, scribbles, _ = two_regions()
    segmenter = fitted(image, scribbles, method)
    p = segmenter.predict_proba(image)
    assert p.shape == (2, *image.shape)
    assert p.dtype == np.float32
    assert p.min() >= 0
    assert_allclose(p.sum(axis=0), 1, atol=1e-6)
    entropy = -(p * np.log(np.maximum(p, 1e-30))).sum(axis=0) / np.log(2)
    assert_allclose(segmenter.uncertainty(image), entropy, atol=1e-5)
    assert_array_equal(segmenter.predict(image), segmenter.classes_[p.argmax(axis=0)])


@each_method
def test_permuting_class_values_permutes_the_result_and_nothing_else(method):
    image, scribbles, _ = two_regions(values=(1, 2))
    swapped = np.array([0, 9, 4])[scribbles]
    p, q = (fitted(image, s, method).predict_proba(image) for s in (scribbles, swapped))
    assert_allclose(q[::-1], p, atol=1e-5)


@each_method
@pytest.mark.parametrize("shape", [(70, 61), (14, 22, 26)])
def test_tiled_equals_whole(method, shape, monkeypatch):
    image, scribbles, _ = two_regions(shape)
    segmenter = fitted(image, scribbles, method, sigmas=(1.0, 2.0))
    whole = segmenter.predict_proba(image)
    monkeypatch.setattr(frame, "MAX_FEATURE_BYTES", 1)
    monkeypatch.setattr(frame, "LEAST_TILE_SIDE", 9)
    monkeypatch.setattr(prediction, "BLOCK_2D", (9, 13))
    monkeypatch.setattr(prediction, "BLOCK_3D", (5, 9, 13))
    tiled = segmenter.predict_proba(image)
    assert_allclose(tiled, whole, atol=1e-5)
    assert_array_equal(tiled.argmax(axis=0), whole.argmax(axis=0))


def test_training_by_tiles_equals_training_at_once(monkeypatch):
    image, scribbles, _ = two_regions()
    whole = fitted(image, scribbles).predict_proba(image)
    monkeypatch.setattr(frame, "MAX_FEATURE_BYTES", 1)
    monkeypatch.setattr(frame, "LEAST_TILE_SIDE", 9)
    assert_allclose(fitted(image, scribbles).predict_proba(image), whole, atol=1e-4)


@pytest.mark.parametrize("max_bytes", [2**30, 200_000, 10])
def test_with_a_cache_the_result_is_the_same(max_bytes, monkeypatch):
    image, scribbles, _ = two_regions()
    monkeypatch.setattr(bank, "TILE_2D", (20, 30))
    cache = ns.FeatureCache(max_bytes)
    segmenter = ns.ProbabilisticSegmenter("softmax")
    segmenter.fit(image, scribbles, cache=cache)
    with_cache = segmenter.predict_proba(image, cache=cache)
    assert_array_equal(with_cache, fitted(image, scribbles).predict_proba(image))
    assert cache.n_bytes <= max_bytes


MOVES = {
    "rows": lambda a: a[::-1],
    "columns": lambda a: a[:, ::-1],
    "transpose": lambda a: a.T,
}


@each_method
@pytest.mark.parametrize("shape", [(48, 56), (37, 45)])
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_flips_and_transposes_carry_over(method, shape, move):
    image, scribbles, _ = two_regions(shape)
    p = fitted(image, scribbles, method).predict_proba(image)
    moved = fitted(move(image), move(scribbles), method).predict_proba(move(image))
    assert_allclose(moved, np.stack([move(plane) for plane in p]), atol=1e-3)


@given(
    scale=st.floats(1e-3, 1e3),
    offset=st.floats(-1e3, 1e3),
    method=st.sampled_from(methods_with_strokes()),
)
@settings(max_examples=15, deadline=None)
def test_brightness_and_contrast_do_not_matter(scale, offset, method):
    image, scribbles, _ = two_regions()
    image = image.astype(float)
    other = scale * image + offset
    labels = fitted(image, scribbles, method).predict(image)
    assert_array_equal(fitted(other, scribbles, method).predict(other), labels)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "i8", "f4", "f8", ">u2", "f2"])
def test_the_type_of_the_pixels_does_not_matter(dtype):
    image, scribbles, _ = two_regions()
    image = np.rint(image).clip(0, 100)
    labels = fitted(image, scribbles).predict(image)
    other = image.astype(dtype)
    assert_array_equal(fitted(other, scribbles).predict(other), labels)


def test_boolean_images_are_images_of_0_and_1():
    image, scribbles, truth = two_regions()
    binary = image > 15
    labels = fitted(binary, scribbles).predict(binary)
    assert_array_equal(labels, fitted(binary * 1.0, scribbles).predict(binary * 1.0))
    assert (labels == truth).mean() > 0.95


@each_method
def test_an_empty_field_stays_empty(method):
    image, scribbles, _ = two_regions((96, 96))
    empty = np.random.default_rng(5).normal(10, 1, (96, 96)).astype(np.float32)
    found = fitted(image, scribbles, method).predict(empty)
    assert (found == 7).mean() < 0.01


@each_method
def test_the_same_bytes_with_any_number_of_threads(method, monkeypatch):
    image, scribbles, _ = two_regions()
    monkeypatch.setattr(prediction, "BLOCK_2D", (8, 40))
    monkeypatch.setattr(bank, "TILE_2D", (10, 20))
    results = []
    for n in (1, 3):
        monkeypatch.setattr(parallel, "usable_processors", lambda n=n: n)
        results.append(fitted(image, scribbles, method).predict_proba(image).tobytes())
    assert results[0] == results[1]


def test_inputs_are_not_written_to():
    image, scribbles, _ = two_regions()
    image[3, 4] = np.nan
    copies = image.copy(), scribbles.copy()
    image.flags.writeable = scribbles.flags.writeable = False
    run(fitted(image, scribbles).segment_steps(image))
    assert_array_equal(image, copies[0])
    assert_array_equal(scribbles, copies[1])


def test_pixels_without_data_are_left_out():
    image, scribbles, _ = two_regions()
    holes = np.zeros(image.shape, bool)
    holes[20:24, 20:30] = holes[1, 2:9] = True
    image[holes] = np.nan
    image[20, 20] = np.inf
    found = run(fitted(image, scribbles).segment_steps(image))
    assert_array_equal(found.posterior[:, holes], 0.5)
    assert_array_equal(found.labels[holes], 0)
    assert_array_equal(found.uncertainty[holes], 1)
    assert (found.labels[~holes] > 0).all()


def test_strokes_on_pixels_without_data_do_not_count():
    image, scribbles, _ = two_regions()
    image[40:, :] = np.nan
    on_holes = scribbles.copy()
    on_holes[44, 5:30] = 7
    assert_array_equal(
        fitted(image, on_holes).predict_proba(image),
        fitted(image, scribbles).predict_proba(image),
    )


def test_smoothing_and_prior_may_be_changed_after_the_fit():
    image, scribbles, _ = two_regions()
    segmenter = fitted(image, scribbles, smoothing=0.0)
    plain = segmenter.predict_proba(image)
    segmenter.class_prior = {3: 0.01, 7: 0.99}
    painted = [np.count_nonzero(scribbles == v) for v in (3, 7)]
    likelihood = [p / n for p, n in zip(plain, painted, strict=True)]
    odds = (likelihood[1] * 0.99) / (likelihood[1] * 0.99 + likelihood[0] * 0.01)
    assert_allclose(segmenter.predict_proba(image)[1], odds, atol=1e-5)
    segmenter.class_prior, segmenter.smoothing = None, 3.0
    assert not np.array_equal(segmenter.predict_proba(image), plain)


def test_masks_may_serve_as_scribbles():
    image, _, truth = two_regions()
    labels = fitted(image, truth.astype(np.uint8)).predict(image)
    assert (labels == truth).mean() > 0.98
    assert labels.dtype == np.uint8


def test_a_cancelled_fit_leaves_the_model_as_it_was():
    image, scribbles, _ = two_regions()
    segmenter = fitted(image, scribbles)
    before = segmenter.predict_proba(image)
    steps = segmenter.fit_steps(image, np.where(scribbles == 3, 7, 3))
    for _ in range(5):
        next(steps)
    steps.close()
    assert_array_equal(segmenter.predict_proba(image), before)


def test_the_features_of_a_large_image_are_never_there_at_once(monkeypatch):
    monkeypatch.setattr(parallel, "usable_processors", lambda: 2)
    image, scribbles, _ = two_regions()
    segmenter = fitted(image, scribbles)
    large = np.tile(image, (3072 // image.shape[0], 1500 // image.shape[1]))
    segmenter.predict_proba(image)
    tracemalloc.start()
    segmenter.predict_proba(large)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    n_features = len(segmenter.bank((1.0, 1.0)).names(1))
    assert peak < 4 * n_features * large.size / 3
