from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache

BANK = FilterBank(("intensity", "gaussian"), (1.0,))
FRAME_BYTES = 2 * 10 * 10 * 4


def frame(seed):
    return np.random.default_rng(seed).random((1, 10, 10), dtype=np.float32)


def count_computations(monkeypatch):
    calls = []
    compute_steps = FilterBank.compute_steps

    def counted(bank, image):
        calls.append(image)
        return compute_steps(bank, image)

    monkeypatch.setattr(FilterBank, "compute_steps", counted)
    return calls


def test_equal_content_is_computed_once(monkeypatch):
    calls = count_computations(monkeypatch)
    cache = FeatureCache()
    first = cache.compute(BANK, frame(0))
    again = cache.compute(FilterBank(("intensity", "gaussian"), (1.0,)), frame(0))
    assert again is first
    assert len(calls) == 1
    assert_array_equal(first, BANK.compute(frame(0)))


def test_content_counts_not_its_place_in_memory():
    cache = FeatureCache()
    kept = cache.compute(BANK, frame(0))
    assert cache.get(BANK, np.asfortranarray(frame(0))) is kept


@pytest.mark.parametrize(
    ("bank", "image"),
    [
        (FilterBank(("intensity", "gaussian"), (2.0,)), frame(0)),
        (BANK, frame(1)),
        (BANK, frame(0).reshape(1, 5, 20)),
    ],
)
def test_another_bank_content_or_shape_is_another_entry(bank, image):
    cache = FeatureCache()
    cache.compute(BANK, frame(0))
    assert cache.get(bank, image) is None


def test_a_frame_changed_in_place_is_not_found():
    cache, image = FeatureCache(), frame(0)
    cache.compute(BANK, image)
    image[0, 3, 3] += 1
    assert cache.get(BANK, image) is None


def test_what_was_used_longest_ago_goes_first():
    cache = FeatureCache(max_bytes=2 * FRAME_BYTES)
    cache.compute(BANK, frame(0))
    cache.compute(BANK, frame(1))
    cache.compute(BANK, frame(0))
    cache.compute(BANK, frame(2))
    held = [cache.get(BANK, frame(i)) is not None for i in range(3)]
    assert held == [True, False, True]


def test_memory_stays_within_its_bound():
    cache = FeatureCache(max_bytes=3 * FRAME_BYTES)
    for seed in range(9):
        cache.compute(BANK, frame(seed))
        assert cache.n_bytes <= cache.max_bytes
    assert len(cache) == 3
    cache.clear()
    assert (len(cache), cache.n_bytes) == (0, 0)


def test_features_over_the_bound_are_not_kept_and_push_nothing_out():
    cache = FeatureCache(max_bytes=FRAME_BYTES)
    small = cache.compute(BANK, frame(0))
    cache.compute(BANK, np.zeros((1, 30, 30), np.float32))
    assert cache.get(BANK, frame(0)) is small
    assert len(cache) == 1


def test_what_is_handed_out_cannot_be_written_to():
    cache = FeatureCache()
    for features in (cache.compute(BANK, frame(0)), cache.get(BANK, frame(0))):
        with pytest.raises(ValueError, match="read-only"):
            features[0] = 0


def test_put_makes_features_known():
    cache = FeatureCache()
    features = BANK.compute(frame(0))
    cache.put(BANK, frame(0), features)
    assert cache.get(BANK, frame(0)) is features


def test_many_threads_may_use_one_cache():
    cache = FeatureCache(max_bytes=3 * FRAME_BYTES)
    expected = {seed: BANK.compute(frame(seed)) for seed in range(6)}

    def look(i):
        return np.array_equal(cache.compute(BANK, frame(i % 6)), expected[i % 6])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(120)))
    assert cache.n_bytes <= cache.max_bytes


@pytest.mark.parametrize(
    ("bound", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_a_senseless_bound_is_refused(bound, error):
    with pytest.raises(error, match="max_bytes"):
        FeatureCache(bound)
