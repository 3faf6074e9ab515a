from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache

BANK = FilterBank(("intensity", "gaussian"), (1.0,))
WHOLE = ((0, 10), (0, 10))
FRAME_BYTES = 2 * 10 * 10 * 4


def frame(seed):
    return np.random.default_rng(seed).random((1, 10, 10), dtype=np.float32)


def compute(cache, image, bank=BANK, core=WHOLE):
    return cache.compute(bank, image, core)


def count_computations(monkeypatch):
    calls = []
    fill = FilterBank.fill

    def counted(*args):
        calls.append(args)
        return fill(*args)

    monkeypatch.setattr(FilterBank, "fill", counted)
    return calls


def test_equal_content_is_computed_once(monkeypatch):
    calls = count_computations(monkeypatch)
    cache = FeatureCache()
    first = compute(cache, frame(0))
    again = compute(cache, frame(0), FilterBank(("intensity", "gaussian"), (1.0,)))
    assert again is first
    assert len(calls) == 1
    assert_array_equal(first, BANK.compute(frame(0)))


def test_the_features_are_those_of_the_core():
    core = ((2, 5), (4, 10))
    found = compute(FeatureCache(), frame(0), core=core)
    assert_allclose(found, BANK.compute(frame(0))[:, 2:5, 4:10], atol=1e-6)


@pytest.mark.parametrize(
    ("bank", "image", "core"),
    [
        (FilterBank(("intensity", "gaussian"), (2.0,)), frame(0), WHOLE),
        (BANK, frame(1), WHOLE),
        (BANK, frame(0).reshape(1, 5, 20), ((0, 5), (0, 10))),
        (BANK, frame(0), ((0, 10), (0, 9))),
    ],
)
def test_another_bank_content_shape_or_core_is_another_entry(bank, image, core):
    cache = FeatureCache()
    compute(cache, frame(0))
    compute(cache, image, bank, core)
    assert len(cache) == 2


def test_a_frame_changed_in_place_is_not_found(monkeypatch):
    calls = count_computations(monkeypatch)
    cache, image = FeatureCache(), frame(0)
    compute(cache, image)
    image[0, 3, 3] += 1
    assert_array_equal(compute(cache, image), BANK.compute(image))
    assert len(calls) == 3  # the last is the bank's own


def test_what_was_used_longest_ago_goes_first(monkeypatch):
    calls = count_computations(monkeypatch)
    cache = FeatureCache(max_bytes=2 * FRAME_BYTES)
    for seed in (0, 1, 0, 2):
        compute(cache, frame(seed))
    for seed, n_computed in ((0, 0), (2, 0), (1, 1)):
        calls.clear()
        compute(cache, frame(seed))
        assert len(calls) == n_computed


def test_unfinished_features_are_not_kept():
    cache, stop = FeatureCache(), Event()
    stop.set()
    cache.compute(BANK, frame(0), WHOLE, stop=stop)
    assert len(cache) == 0


def test_memory_stays_within_its_bound():
    cache = FeatureCache(max_bytes=3 * FRAME_BYTES)
    for seed in range(9):
        compute(cache, frame(seed))
        assert cache.n_bytes <= cache.max_bytes
    assert len(cache) == 3
    cache.clear()
    assert (len(cache), cache.n_bytes) == (0, 0)


def test_features_over_the_bound_are_not_kept_and_push_nothing_out():
    cache = FeatureCache(max_bytes=FRAME_BYTES)
    small = compute(cache, frame(0))
    compute(cache, np.zeros((1, 30, 30), np.float32), core=((0, 30), (0, 30)))
    assert compute(cache, frame(0)) is small
    assert len(cache) == 1


def test_what_is_handed_out_cannot_be_written_to():
    cache = FeatureCache()
    for features in (compute(cache, frame(0)), compute(cache, frame(0))):
        with pytest.raises(ValueError, match="read-only"):
            features[0] = 0


def test_many_threads_may_use_one_cache():
    cache = FeatureCache(max_bytes=3 * FRAME_BYTES)
    expected = {seed: BANK.compute(frame(seed)) for seed in range(6)}

    def look(i):
        return np.array_equal(compute(cache, frame(i % 6)), expected[i % 6])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(120)))
    assert cache.n_bytes <= cache.max_bytes


@pytest.mark.parametrize(
    ("bound", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_a_senseless_bound_is_refused(bound, error):
    with pytest.raises(error, match="max_bytes"):
        FeatureCache(bound)
