"""Objects of overlapping parts, joined: those of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_segen.core.steps import run
from napari_segen.core.tiles import tile_grid
from napari_segen.scale.joined import joined_steps


def by_parts(mask, part, margin, find=lambda mask: ndimage.label(mask)[0]):
    """Find objects part by part, join them, and put them together."""
    halo = (margin,) * mask.ndim
    tiles = list(tile_grid(mask.shape, part, halo))
    found = [find(mask[tile.padded]) for tile in tiles]
    joined = run(joined_steps(tiles, mask.shape, found.__getitem__))
    whole = np.zeros(mask.shape, int)
    for tile, ids, table in zip(tiles, found, joined.tables, strict=True):
        whole[tile.core] = table[ids[tile.inner]]
    return whole, joined


masks = st.builds(
    lambda seed, shape, share: np.random.default_rng(seed).random(shape) < share,
    st.integers(0, 1000),
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12)),
    ),
    st.sampled_from([0.2, 0.5, 0.6, 0.8]),
)


@given(mask=masks, part=st.integers(3, 20), margin=st.integers(1, 9))
def test_connected_objects_of_any_size_are_those_of_the_whole(mask, part, margin):
    found, joined = by_parts(mask, (part,) * mask.ndim, margin)
    expected, n = ndimage.label(mask)
    np.testing.assert_array_equal(found, expected)
    assert joined.n_objects == n


def discs(shape, radius, seed):
    """Draw discs that do not touch, of at most this radius."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    y, x = np.indices(shape)
    for _ in range(60):
        cy, cx = rng.integers(shape)
        disc = (y - cy) ** 2 + (x - cx) ** 2 <= rng.integers(1, radius + 1) ** 2
        if not (ndimage.binary_dilation(disc, iterations=2) & mask).any():
            mask |= disc
    return mask


@pytest.mark.parametrize("seed", range(4))
def test_parts_agree_on_objects_within_the_margin(seed):
    mask = discs((90, 110), 6, seed)
    found, joined = by_parts(mask, (31, 40), 13)
    np.testing.assert_array_equal(found, ndimage.label(mask)[0])
    assert joined.n_disagreeing == 0
    # Brute force: objects with pixels in several parts.
    part = np.indices(mask.shape) // np.array([31, 40])[:, None, None]
    number = part[0] * 10 + part[1]
    several = sum(len(set(number[found == i])) > 1 for i in range(1, found.max() + 1))
    assert joined.n_joined == several


def test_what_parts_see_differently_is_told():
    def cut(mask):
        """Cut objects of over 20 columns in the middle of what is seen of them."""
        ids, n = ndimage.label(mask)
        for i, (_, columns) in enumerate(ndimage.find_objects(ids), 1):
            if columns.stop - columns.start > 20:
                middle = (columns.start + columns.stop) // 2
                right = ids[:, middle:]
                right[right == i] = n + i
        return ids

    mask = np.zeros((30, 90), bool)
    mask[4:8, 25:34] = True
    _, joined = by_parts(mask, (30, 30), 10, cut)
    assert (joined.n_objects, joined.n_disagreeing) == (1, 0)
    mask[14:18, 5:85] = True
    found, joined = by_parts(mask, (30, 30), 10, cut)
    # All pieces of the long one, but not the short one.
    assert joined.n_disagreeing == joined.n_objects - 1 >= 1
    assert found[5, 27] == found[5, 33] == 1
    assert (found > 0).sum() == mask.sum()


def test_no_objects():
    found, joined = by_parts(np.zeros((20, 20), bool), (7, 9), 2)
    assert not found.any()
    assert (joined.n_objects, joined.n_joined, joined.n_disagreeing) == (0, 0, 0)
