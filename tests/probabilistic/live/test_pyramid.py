"""The preview as arrays: what is read is what was written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from napari_segen.probabilistic.live.pyramid import Wanted, levels
from napari_segen.probabilistic.live.store import (
    SIDE,
    UNCERTAINTY,
    TileStore,
    Written,
)

SHAPE = (600, 700)


def tile(value, side=SIDE, version=1, is_final=True, classes=(1, 2)):
    planes = np.full((2 + len(classes), side, side), value, np.uint8)
    planes += np.arange(len(planes), dtype=np.uint8)[:, None, None]
    return Written(planes, classes, version, is_final)


def written(plane, level=0, version=1, frame=0, lead=()):
    """A store that holds a plane in tiles, and nothing else."""
    store = TileStore()
    for y in range(0, plane.shape[0], SIDE):
        for x in range(0, plane.shape[1], SIDE):
            part = plane[y : y + SIDE, x : x + SIDE]
            planes = np.stack([part, part])
            store.put(
                (level, frame, *lead, y // SIDE, x // SIDE),
                Written(planes, (), version, True),
            )
    return store


def noise(shape=SHAPE):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_levels_are_halved_down_to_a_small_one():
    found = levels(TileStore(), Wanted(), "yx", (1001, 300))
    assert [level.shape for level in found] == [(1001, 300), (501, 150), (251, 75)]
    assert len(levels(TileStore(), Wanted(), "yx", (5, 4))) == 2


@given(
    st.tuples(st.integers(0, 599), st.integers(0, 699)),
    st.tuples(st.integers(1, 700), st.integers(1, 700)),
)
def test_any_part_is_that_of_the_whole(start, size):
    plane = noise()
    finest = levels(written(plane), Wanted(), "yx", SHAPE)[0]
    part = tuple(
        slice(s, min(s + n, m)) for s, n, m in zip(start, size, SHAPE, strict=True)
    )
    assert_array_equal(np.asarray(finest[part]), plane[part])
    assert finest[part].shape == plane[part].shape
    assert finest[start] == plane[start]
    assert_array_equal(np.asarray(finest[start[0]]), plane[start[0]])


@pytest.mark.parametrize(
    "key",
    [
        ..., (..., 3), (slice(None), -1), (slice(-20, None), slice(5, 5)),
        (slice(None, None, 2), slice(1, 9)), ([1, 5], [2, 2]),
    ],
)  # fmt: skip
def test_indexing_is_that_of_numpy(key):
    plane = noise()
    finest = levels(written(plane), Wanted(), "yx", SHAPE)[0]
    assert_array_equal(np.asarray(finest[key]), plane[key])


def test_what_is_out_of_bounds_is_an_error():
    finest = levels(TileStore(), Wanted(), "yx", SHAPE)[0]
    with pytest.raises(IndexError, match="600"):
        finest[600]


def test_where_nothing_was_written_there_is_nothing():
    assert not np.asarray(levels(TileStore(), Wanted(), "yx", SHAPE)[0]).any()


def test_a_finer_tile_stands_in_by_every_second_pixel():
    plane = noise()
    coarse = levels(written(plane), Wanted(), "yx", SHAPE)[1]
    assert_array_equal(np.asarray(coarse), plane[::2, ::2])


def test_a_coarser_tile_stands_in_enlarged():
    plane = noise((300, 350))
    finest = levels(written(plane, level=1), Wanted(), "yx", SHAPE)[0]
    assert_array_equal(np.asarray(finest), plane.repeat(2, axis=0).repeat(2, axis=1))


def test_of_one_answer_the_level_asked_for_is_on_top_of_finer_of_coarser():
    store = TileStore()
    store.put((0, 0, 0, 0), tile(10))
    store.put((1, 0, 0, 0), tile(20))
    store.put((2, 0, 0, 0), tile(30))
    values = [np.asarray(x)[0, 0] for x in levels(store, Wanted(), "yx", SHAPE)]
    assert values == [10, 20, 30][: len(values)]
    assert np.asarray(levels(store, Wanted(), "yx", SHAPE)[0])[300, 300] == 20


def test_a_newer_answer_is_on_top_whatever_its_level():
    store = TileStore()
    store.put((0, 0, 0, 0), tile(10, version=1))
    store.put((2, 0, 0, 0), tile(30, version=2))
    assert np.asarray(levels(store, Wanted(), "yx", SHAPE)[0])[0, 0] == 30


def test_each_frame_and_plane_has_its_own_tiles():
    store = TileStore()
    store.put((0, 5, 3, 0, 0), tile(50))  # frame 5 = t 1, n 2; plane z 3
    finest = levels(store, Wanted(), "tnzyx", (2, 3, 4, 20, 30))[0]
    seen = np.asarray(finest)
    assert seen[1, 2, 3].min() == 50
    seen[1, 2, 3] = 0
    assert not seen.any()
    assert_array_equal(np.asarray(finest[1, 2, 3, 4:6]), np.full((2, 30), 50))


def test_reading_one_plane_of_a_stack_reads_no_other(monkeypatch):
    store = written(noise(), frame=7)
    stack = levels(store, Wanted(), "tyx", (100, *SHAPE))[0]
    read = []
    usual = TileStore.get
    monkeypatch.setattr(
        TileStore, "get", lambda self, at: read.append(at) or usual(self, at)
    )
    part = stack[:, 0:10, 0:10][7]  # as viewers do: y and x first
    assert part.shape == (10, 10)
    np.asarray(part)
    assert read == [(0, 7, 0, 0)]


def test_what_is_wanted_may_change():
    store, wanted = TileStore(), Wanted()
    store.put((0, 0, 0, 0), tile(10, classes=(4, 9)))
    finest = levels(store, wanted, "yx", SHAPE)[0]
    seen = []
    for plane, value in ((0, None), (UNCERTAINTY, None), (0, 4), (0, 9), (0, 5)):
        wanted.plane, wanted.value = plane, value
        seen.append(int(np.asarray(finest)[0, 0]))
    assert seen == [10, 11, 12, 13, 0]


# -- the store ------------------------------------------------------------------


PLACES = st.tuples(st.just(0), st.just(0), st.integers(0, 2), st.integers(0, 2))


@given(
    most=st.integers(0, 400),
    done=st.lists(
        st.tuples(st.just("put"), PLACES, st.integers(1, 7))
        | st.tuples(st.just("get"), PLACES)
        | st.tuples(st.just("clear"))
    ),
)
def test_whatever_is_done_the_memory_is_that_of_the_tiles_kept(most, done):
    store, expected = TileStore(max_bytes=most), {}
    for name, *where in done:
        if name == "put":
            place, side = where
            expected.pop(place, None)
            expected[place] = tile(1, side)
            store.put(place, expected[place])
            while len(expected) > 1 and memory(expected) > most:
                del expected[next(iter(expected))]
        elif name == "get":
            assert store.get(*where) is expected.get(*where)
            if where[0] in expected:  # the last used is kept longest
                expected[where[0]] = expected.pop(where[0])
        else:
            store.clear()
            expected.clear()
        assert store.places() == list(expected)
        assert store.n_bytes == memory(expected)


def memory(tiles):
    return sum(t.planes.nbytes for t in tiles.values())


def test_a_first_look_is_not_a_final_answer():
    store = TileStore()
    store.put((0, 0, 0, 0), tile(1, version=3, is_final=False))
    assert store.has((0, 0, 0, 0), 3, is_final=False)
    assert not store.has((0, 0, 0, 0), 3, is_final=True)
    assert not store.has((0, 0, 0, 0), 4, is_final=False)
    assert not store.has((0, 0, 0, 1), 3, is_final=False)
