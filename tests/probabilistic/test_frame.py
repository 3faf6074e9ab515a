import time

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.core.steps import run
from napari_segen.features import bank, parallel
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic import frame
from napari_segen.probabilistic.frame import Frame

BANK = FilterBank(sigmas=(1.0,))


def noise_frame(shape=(40, 50), cache=None):
    values = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    return Frame(values, np.zeros(2), np.ones(2), BANK, cache)


def whole_features(noise):
    return BANK.compute(noise.values)


def joined_features(noise):
    found = np.zeros((noise.n_features, *noise.shape), np.float32)

    def take(tile, features):
        found[:, *tile.core] += features

    run(noise.features_steps(take, "Taking"))
    return found


def test_each_tile_has_the_features_of_the_whole(monkeypatch):
    monkeypatch.setattr(bank, "TILE_2D", (16, 12))
    noise = noise_frame()
    assert_allclose(joined_features(noise), whole_features(noise), atol=1e-5)


def test_any_number_of_threads_gives_the_same_bytes(monkeypatch):
    monkeypatch.setattr(bank, "TILE_2D", (16, 12))
    found = []
    for n_threads in (1, 2, 5):
        monkeypatch.setattr(parallel, "usable_processors", lambda n=n_threads: n)
        found.append(joined_features(noise_frame()))
    assert_array_equal(found[1], found[0])
    assert_array_equal(found[2], found[0])


@pytest.mark.parametrize("limit", [1, 2**30])
def test_features_at_positions_are_those_of_the_whole(limit, monkeypatch):
    monkeypatch.setattr(frame, "MAX_FEATURE_BYTES", limit)
    monkeypatch.setattr(frame, "LEAST_TILE_SIDE", 8)
    noise = noise_frame()
    positions = np.array([[39, 49], [0, 0], [7, 31]])
    found = run(noise.features_at_steps(positions))
    assert_allclose(found, whole_features(noise)[:, *positions.T].T, atol=1e-5)


@pytest.mark.parametrize("n_channels", [1, 300])
def test_tiles_stay_within_the_memory_limit(n_channels):
    plane = np.broadcast_to(np.float32(0), (n_channels, 3000, 2000))
    large = Frame(plane, np.zeros(n_channels), np.ones(n_channels), BANK, None)
    for tile in large.tiles():
        sides = [part.stop - part.start for part in tile.core]
        assert 4 * large.n_features * np.prod(sides) <= frame.MAX_FEATURE_BYTES


def test_a_cache_keeps_the_tiles_that_have_room_in_it(monkeypatch):
    monkeypatch.setattr(bank, "TILE_2D", (20, 25))
    computed = []
    fill = FilterBank.fill
    monkeypatch.setattr(
        FilterBank, "fill", lambda *args: (fill(*args), computed.append(1))[0]
    )
    one_tile = 4 * noise_frame().n_features * 20 * 25
    noise = noise_frame(cache=FeatureCache(3 * one_tile))
    for n_computed in (4, 1, 1):
        run(noise.features_steps(lambda tile, features: None, "Looking"))
        assert len(computed) == n_computed
        computed.clear()


def test_after_closing_no_features_are_used(monkeypatch):
    monkeypatch.setattr(bank, "TILE_2D", (2, 2))
    used = []
    noise = noise_frame()
    steps = noise.features_steps(lambda tile, features: used.append(tile), "Looking")
    while next(steps).text != "Looking":
        pass
    steps.close()
    n_used = len(used)
    assert n_used < len(noise.tiles())
    time.sleep(0.05)
    assert len(used) == n_used


def test_a_region_says_where_it_has_no_data():
    values = np.ones((1, 5, 6), np.float32)
    values[0, 2, 3] = np.inf
    holed = Frame(values, np.zeros(1), np.ones(1), BANK, None)
    missing = holed.no_data((slice(1, 4), slice(2, 6)))
    assert np.argwhere(missing).tolist() == [[1, 1]]
    assert holed.no_data((slice(0, 2), slice(0, 6))) is None
