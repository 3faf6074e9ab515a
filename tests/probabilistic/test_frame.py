import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_segen.core.steps import run
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic import frame
from napari_segen.probabilistic.frame import Frame

BANK = FilterBank(sigmas=(1.0,))


def noise_frame(shape=(40, 50), cache=None):
    values = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    return Frame(values, np.zeros(2), np.ones(2), BANK, cache)


def test_features_of_a_region_are_those_of_the_whole():
    noise = noise_frame()
    region = (slice(11, 23), slice(0, 17))
    whole = run(noise.features_steps((slice(0, 40), slice(0, 50))))
    assert_allclose(run(noise.features_steps(region)), whole[:, *region], atol=1e-5)


@pytest.mark.parametrize("limit", [1, 2**30])
def test_features_at_positions_are_those_of_the_whole(limit, monkeypatch):
    monkeypatch.setattr(frame, "MAX_FEATURE_BYTES", limit)
    monkeypatch.setattr(frame, "LEAST_TILE_SIDE", 8)
    noise = noise_frame()
    positions = np.array([[39, 49], [0, 0], [7, 31]])
    whole = run(noise.features_steps((slice(0, 40), slice(0, 50))))
    found = run(noise.features_at_steps(positions))
    assert_allclose(found, whole[:, *positions.T].T, atol=1e-5)


def test_tiles_of_a_large_frame_stay_within_the_memory_limit():
    plane = np.broadcast_to(np.float32(0), (1, 30_000, 20_000))
    large = Frame(plane, np.zeros(1), np.ones(1), BANK, None)
    for tile in large.tiles(halo=6):
        sides = [part.stop - part.start + 2 * BANK.halo[0] for part in tile.padded]
        assert 4 * large.n_features * np.prod(sides) < 1.05 * frame.MAX_FEATURE_BYTES


def test_a_frame_with_room_in_the_cache_is_one_tile(monkeypatch):
    monkeypatch.setattr(frame, "MAX_FEATURE_BYTES", 1)
    assert len(noise_frame(cache=FeatureCache(2**30)).tiles(halo=0)) == 1
    assert len(noise_frame(cache=FeatureCache(100)).tiles(halo=0)) > 1


def test_a_region_says_where_it_has_no_data():
    values = np.ones((1, 5, 6), np.float32)
    values[0, 2, 3] = np.inf
    holed = Frame(values, np.zeros(1), np.ones(1), BANK, None)
    missing = holed.no_data((slice(1, 4), slice(2, 6)))
    assert np.argwhere(missing).tolist() == [[1, 1]]
    assert holed.no_data((slice(0, 2), slice(0, 6))) is None
