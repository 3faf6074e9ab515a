"""Prediction by a stand-in network, whose answer NumPy gives for the whole at once."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.cnn.prediction import (
    posterior_steps,
    tile_shape_of,
    window_posterior,
)
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import run


@dataclass
class Reaching:
    """Looks from `before` pixels before each pixel to `after` behind it."""

    halo: tuple
    multiple: tuple
    tile_shape: tuple
    n_channels: int = 1
    n_classes: int = 2
    bytes_per_px: int = 1000
    title: str = "Stand-in"

    @property
    def ndim(self):
        return len(self.halo)

    def __call__(self, x):
        """The pixel at the halo's first corner, and the one at its last."""
        first = tuple(
            slice(0, n - sum(h)) for n, h in zip(x.shape[1:-1], self.halo, strict=True)
        )
        last = tuple(slice(sum(h), None) for h in self.halo)
        assert all(
            (n - sum(h)) % m == 0
            for n, h, m in zip(x.shape[1:-1], self.halo, self.multiple, strict=True)
        )
        return np.concatenate([x[:, *first], x[:, *last]], axis=-1)


def expected(network, part):
    """The same for a whole part ``(*S)``, mirrored at its borders."""
    wide = np.pad(part, network.halo, mode="reflect" if min(part.shape) > 1 else "edge")
    first = tuple(slice(0, n) for n in part.shape)
    last = tuple(
        slice(sum(h), sum(h) + n) for h, n in zip(network.halo, part.shape, strict=True)
    )
    return np.stack([wide[first], wide[last]])


def found(network, frames, **more):
    return run(posterior_steps(network, network, frames, Normalization("none"), **more))


def ramp(shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    halo=st.tuples(*[st.tuples(st.integers(0, 5), st.integers(0, 5))] * 2),
    multiple=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    memory_mb=st.floats(0.001, 2.0),
)
def test_any_tiling_puts_every_pixel_where_it_belongs(shape, halo, multiple, memory_mb):
    network = Reaching(halo, multiple, (16, 16))
    image = ramp(shape)
    answer = found(network, image[None, None], memory_mb=memory_mb)
    assert_array_equal(answer[0], expected(network, image))


def test_planes_and_frames_each_get_their_own_answer():
    network = Reaching(((1, 2), (2, 1)), (2, 2), (8, 8))
    frames = ramp((2, 1, 3, 11, 9))
    answer = found(network, frames)
    for n in range(2):
        for z in range(3):
            assert_array_equal(answer[n, :, z], expected(network, frames[n, 0, z]))


def test_volumes_are_cut_along_all_axes():
    network = Reaching(((1, 2), (2, 1), (0, 3)), (1, 2, 2), (4, 8, 8))
    frames = ramp((1, 1, 9, 11, 13))
    assert_array_equal(found(network, frames)[0], expected(network, frames[0, 0]))


def test_grey_values_are_scaled_as_the_whole_frame_and_not_as_each_tile():
    network = Reaching(((0, 0), (0, 0)), (1, 1), (4, 4))
    image = ramp((20, 20)).astype(np.uint16)
    scale = Normalization("image").fit([image[None, None]])
    steps = posterior_steps(network, network, image[None, None], scale)
    low, span = scale.scale_of(image[None])
    assert_allclose(run(steps)[0, 0], (image - low[0]) / span[0], rtol=1e-6)


def test_a_window_gets_the_whole_images_answer():
    network = Reaching(((1, 2), (2, 1)), (4, 4), (8, 8))
    window = ramp((1, 11, 9))
    assert_array_equal(
        window_posterior(network, network, window), expected(network, window[0])
    )


def test_a_window_of_a_volume_is_labelled_plane_by_plane():
    network = Reaching(((1, 2), (2, 1)), (4, 4), (8, 8))
    window = ramp((1, 3, 11, 9))
    answer = window_posterior(network, network, window)
    assert_array_equal(answer[:, 1], expected(network, window[0, 1]))


def test_flips_give_the_mean_over_all_eight_ways_to_turn_the_tile():
    # Mirrored, what lay at one corner of the halo lies at another one.
    network = Reaching(((1, 1), (1, 1)), (1, 1), (64, 64))
    image = np.random.default_rng(0).random((12, 10), np.float32)
    corners = np.pad(image, 1, mode="reflect")
    corners = [corners[r : r + 12, c : c + 10] for r in (0, 2) for c in (0, 2)]
    answer = found(network, image[None, None], flips=True)[0]
    assert_allclose(answer, [np.mean(corners, axis=0)] * 2, rtol=1e-5)


@pytest.mark.parametrize("size", [(4096, 4096), (100, 5000), (1, 1), (517, 90)])
def test_less_memory_means_smaller_tiles_down_to_one_box(size):
    network = Reaching(((32, 32), (32, 32)), (16, 16), (1536, 1536))
    before = (1552, 1552)
    for memory_mb in (10_000, 600, 100, 20, 1, 0):
        tile = tile_shape_of(network, size, memory_mb)
        assert all(t % 16 == 0 and t >= 16 for t in tile)
        assert np.prod(tile) <= np.prod(before)
        px = np.prod([t + 64 for t in tile])
        assert px * network.bytes_per_px <= memory_mb * 1e6 or tile == (16, 16)
        before = tile


def test_tiles_cut_an_image_evenly():
    network = Reaching(((0, 0), (0, 0)), (16, 16), (1024, 1024))
    assert tile_shape_of(network, (1040, 3000), 1e6) == (528, 1008)


def test_every_tile_is_reported():
    network = Reaching(((0, 0), (0, 0)), (1, 1), (8, 8))
    steps = list(
        posterior_steps(network, network, ramp((1, 1, 20, 20)), Normalization("none"))
    )
    assert [s.done for s in steps] == list(range(10))
    assert {s.total for s in steps} == {9}


def test_small_tiles_are_labelled_several_at_once():
    network = Reaching(((0, 0), (0, 0)), (1, 1), (16, 16))
    frames = ramp((1, 1, 40, 8, 8))
    steps = list(posterior_steps(network, network, frames, Normalization("none")))
    assert len(steps) == 1 + 40 // 4
