import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal
from tests.strategies import tile_specs

from napari_segen.core.tiles import tile_grid


@given(tile_specs())
def test_cores_cover_every_pixel_exactly_once(spec):
    times = np.zeros(spec[0], int)
    for tile in tile_grid(*spec):
        times[tile.core] += 1
    assert (times == 1).all()


@given(tile_specs())
def test_a_padded_tile_is_its_core_and_its_halo_within_the_frame(spec):
    shape, _, halo = spec
    for tile in tile_grid(*spec):
        reach = np.zeros(shape, bool)
        near = tuple(
            slice(max(s.start - h, 0), s.stop + h)
            for s, h in zip(tile.core, halo, strict=True)
        )
        reach[near] = True
        padded = np.zeros(shape, bool)
        padded[tile.padded] = True
        assert_array_equal(padded, reach)


@given(tile_specs())
def test_the_inner_part_of_a_padded_tile_is_its_core(spec):
    image = np.arange(np.prod(spec[0])).reshape(spec[0])
    for tile in tile_grid(*spec):
        assert_array_equal(image[tile.padded][tile.inner], image[tile.core])


@given(tile_specs())
def test_no_core_is_larger_than_the_tile_shape(spec):
    for tile in tile_grid(*spec):
        sides = [s.stop - s.start for s in tile.core]
        assert all(0 < n <= t for n, t in zip(sides, spec[1], strict=True))


@pytest.mark.parametrize(
    "arguments",
    [
        ((4, 4), (2,), (0, 0)),
        ((4, 4), (2, 0), (0, 0)),
        ((4, 4), (2, 2), (0, -1)),
    ],
)
def test_a_bad_grid_names_its_arguments(arguments):
    with pytest.raises(ValueError, match=r"tile_shape .* halo"):
        list(tile_grid(*arguments))
