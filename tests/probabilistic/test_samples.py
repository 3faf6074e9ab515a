import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.core.scribbles import samples_of
from napari_segen.probabilistic import samples
from napari_segen.probabilistic.samples import (
    TrainingSet,
    choose_samples,
    symmetric_key,
    thinned,
)


def mask(seed=0, shape=(30, 40)):
    return (np.random.default_rng(seed).random(shape) < 0.5).astype(int) + 1


def chosen_mask(labels):
    (chosen,) = choose_samples([samples_of(labels)], [labels.shape])
    result = np.zeros_like(labels)
    result[tuple(chosen.positions.T)] = chosen.values
    return result


def test_few_strokes_are_all_kept():
    labels = np.zeros((20, 20), int)
    labels[3, 3:9], labels[8:12, 5] = 1, 2
    assert_array_equal(chosen_mask(labels), labels)


@given(st.integers(0, 999), st.sampled_from(["rows", "columns", "transpose"]))
@settings(max_examples=20, deadline=None)
def test_the_choice_follows_flips_and_transposes(seed, change):
    move = {
        "rows": lambda a: a[::-1],
        "columns": lambda a: a[:, ::-1],
        "transpose": lambda a: a.T,
    }[change]
    labels = mask(seed)
    with_limit = samples.MAX_SAMPLES
    samples.MAX_SAMPLES = 400
    try:
        assert_array_equal(chosen_mask(move(labels)), move(chosen_mask(labels)))
    finally:
        samples.MAX_SAMPLES = with_limit


def test_masks_are_thinned_to_the_limit(monkeypatch):
    monkeypatch.setattr(samples, "MAX_SAMPLES", 400)
    kept = chosen_mask(mask())
    for value in (1, 2):
        assert 200 - 8 <= np.count_nonzero(kept == value) <= 200


def test_small_strokes_survive_beside_a_large_one(monkeypatch):
    monkeypatch.setattr(samples, "MAX_SAMPLES", 400)
    labels = np.ones((60, 60), int)
    labels[50:] = 0
    labels[55, 3:8] = 1
    labels[58, 10] = 2
    assert_array_equal(chosen_mask(labels)[52:], labels[52:])


def test_the_choice_does_not_depend_on_class_values(monkeypatch):
    monkeypatch.setattr(samples, "MAX_SAMPLES", 400)
    labels = mask()
    swapped = np.array([0, 9, 4])[labels]
    assert_array_equal(chosen_mask(labels) > 0, chosen_mask(swapped) > 0)


def test_strokes_of_different_frames_stay_apart():
    labels = np.zeros((6, 6), int)
    labels[1, 1:4] = 1
    both = choose_samples([samples_of(labels)] * 2, [labels.shape] * 2)
    assert not set(both[0].strokes) & set(both[1].strokes)


def test_keys_of_mirrored_positions_agree_and_others_differ():
    here = symmetric_key(np.array([[1, 2]]), (10, 10), 0)
    mirrored = symmetric_key(np.array([[8, 2], [1, 7], [2, 1], [7, 8]]), (10, 10), 0)
    assert_array_equal(mirrored, np.repeat(here, 4))
    everything = symmetric_key(np.argwhere(np.ones((10, 10))), (10, 10), 0)
    assert len(np.unique(everything)) == 15


def test_pixels_count_alike_but_a_filled_region_counts_as_a_long_stroke():
    strokes = np.repeat([0, 1, 2], [4, 1000, 20])
    classes = np.repeat([0, 1, 0], [4, 1000, 20])
    chosen = TrainingSet(np.zeros((1024, 1), np.float32), classes, strokes, 2)
    weights = chosen.weights()
    assert_allclose(weights.sum(), 1)
    assert_allclose(weights[strokes == 0], weights[strokes == 2][0])
    most = samples.MOST_PIXELS_OF_A_STROKE
    assert_allclose(weights[strokes == 1].sum(), most / 4 * weights[strokes == 0].sum())
    assert_allclose(chosen.class_shares(), [24 / (24 + most), most / (24 + most)])


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6), st.integers(1, 64))
def test_thinned_strokes_keep_some_of_their_pixels_and_not_too_many(lengths, most):
    strokes = np.repeat(np.arange(len(lengths)), lengths)
    order = np.random.default_rng(0).permutation(len(strokes))
    features = np.arange(len(strokes), dtype=np.float32)[:, np.newaxis]
    whole = TrainingSet(features[order], 0 * strokes, strokes[order], 1)
    kept = np.bincount(thinned(whole, most).strokes, minlength=len(lengths))
    assert (kept <= most).all()
    assert (kept >= np.minimum(np.array(lengths), most) / 2).all()


def test_strokes_are_counted_per_class():
    classes, strokes = np.array([0, 0, 1, 1, 1]), np.array([4, 4, 0, 1, 1])
    counted = TrainingSet(np.zeros((5, 1), np.float32), classes, strokes, 2)
    assert_array_equal(counted.strokes_per_class(), [1, 2])
