"""Laws that each network of the registry obeys."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.cnn import backend
from napari_segen.cnn.precision import settle
from napari_segen.cnn.prediction import posterior_steps, tile_shape_of, window_posterior
from napari_segen.cnn.registry import NETWORKS
from napari_segen.core.normalization import Normalization
from napari_segen.core.parameters import as_json, describe, make_params
from napari_segen.core.steps import run

pytestmark = [pytest.mark.keras, pytest.mark.parametrize("name", list(NETWORKS))]

# Smaller than the default ones, where these would take long.
SMALL = {
    "unet": {"filters": 6, "depth": 2},
    "unet3d": {"filters": 4, "depth": 1, "z_halvings": 1},
    "patch": {"filters": (6, 6), "dense_units": 16},
}
# Odd sizes, one pixel wide, less than a patch; for volumes with a z axis in front.
SIZES = [(40, 67), (1, 9), (9, 1)]


def make(name, n_channels=2, n_classes=3):
    network_class = NETWORKS.get(name)
    params = make_params(network_class.Params, SMALL.get(name))
    return network_class(params, n_channels, n_classes, network_class.default_patch_px)


def random_weights(network, seed=0):
    """Weights as in the middle of training: scales and means are not 1 and 0."""
    rng = np.random.default_rng(seed)
    start = network.initial_weights(network.build(), seed)
    return [
        w * rng.uniform(0.7, 1.3, w.shape).astype("f4")
        + rng.normal(0, 0.02 if (w != 1).any() else 0, w.shape).astype("f4")
        for w in start
    ]


def labeller_of(network, precision="float32", seed=0):
    labeller = network.labeller(precision)
    labeller.set_weights(random_weights(network, seed))
    return labeller


def posterior(network, frames, labeller=None, **more):
    labeller = labeller or labeller_of(network)
    steps = posterior_steps(network, labeller, frames, Normalization("none"), **more)
    return run(steps)


def image(shape, seed=0):
    return np.random.default_rng(seed).random((1, 2, *shape), np.float32)


def space(network, size, depth=6):
    """A shape ``(*S)`` that the network looks at."""
    return (*(depth,) * (network.ndim - 2), *size)


def memory_for(network, frames, n_tiles):
    """Megabytes for which an image is cut into so many tiles at least."""
    size = frames.shape[-network.ndim :]
    memory_mb = 100.0
    while True:
        tile = tile_shape_of(network, size, memory_mb)
        if np.prod(-(-np.array(size) // tile)) >= n_tiles:
            return memory_mb
        memory_mb *= 0.8


def softmax(z):
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def test_it_says_what_it_is_and_what_its_parameters_do(name):
    network_class = NETWORKS.get(name)
    assert network_class.title
    assert network_class.summary
    assert all(p.help for p in describe(network_class.Params))


def test_its_parameters_survive_json(name):
    params = NETWORKS.get(name).Params()
    assert make_params(type(params), as_json(params)) == params


def test_what_counts_pixels_has_an_entry_for_each_axis(name):
    network = make(name)
    for what in ("patch_shape", "answer_shape", "answer_start", "multiple", "halo"):
        assert len(getattr(network, what)) == network.ndim
    assert len(network.tile_shape) == network.ndim


def test_the_weights_have_the_shapes_that_are_known_without_keras(name):
    network = make(name)
    shapes = [tuple(w.shape) for w in network.build().weights]
    assert shapes == network.weight_shapes()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_answers_the_declared_pixels_in_float32(name, precision):
    network = make(name)
    patch = np.zeros((2, *network.patch_shape, 2), np.float32)
    answer = network.build(settle(precision))(patch)
    assert tuple(answer.shape) == (2, *network.answer_shape, 3)
    assert answer.dtype == "float32"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_are_float32_in_any_precision(name, precision):
    assert {w.dtype for w in make(name).build(settle(precision)).weights} == {"float32"}


def test_initial_weights_depend_on_the_seed_alone(name):
    network = make(name)
    first, again, other = (
        network.initial_weights(network.build(), seed) for seed in (1, 1, 2)
    )
    for a, b in zip(first, again, strict=True):
        assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_the_labeller_gives_what_the_network_in_training_gives(name):
    network = make(name)
    weights, model = random_weights(network), network.build()
    backend.set_weights(model, weights)
    tile = network.multiple if network.answer_start[0] == 0 else network.answer_shape
    halo = network.halo
    sides = [t + sum(h) for t, h in zip(tile, halo, strict=True)]
    x = np.random.default_rng(1).random((2, *sides, 2), np.float32)
    if network.answer_shape == network.patch_shape:
        given = np.asarray(model(x, training=False))
        inner = (slice(h[0], h[0] + t) for t, h in zip(tile, halo, strict=True))
        given = given[:, *inner]
    else:  # a patch may reach further than what its answer depends on
        rest = [p - s for p, s in zip(network.patch_shape, sides, strict=True)]
        wide = np.pad(x, [(0, 0), *((0, r) for r in rest), (0, 0)])
        given = np.asarray(model(wide, training=False))
    assert given.std() > 1e-2
    assert_allclose(labeller_of(network)(x), softmax(given), atol=1e-5)


def test_the_plain_model_gives_what_the_labeller_gives_away_from_the_border(name):
    network = make(name)
    weights, model = random_weights(network), network.plain()
    backend.set_weights(model, network.merged(weights))
    halo = network.halo
    sides = [(sum(h) // m + 3) * m for h, m in zip(halo, network.multiple, strict=True)]
    x = np.random.default_rng(1).random((2, *sides, 2), np.float32)
    inner = (slice(h[0], n - h[1]) for h, n in zip(halo, sides, strict=True))
    given = np.asarray(model(x))
    assert given.shape == (2, *sides, 3)
    assert_allclose(labeller_of(network)(x), softmax(given[:, *inner]), atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_answer_depends_on_the_halo_and_on_nothing_beyond(name, axis):
    network = make(name)
    if axis >= network.ndim:
        pytest.skip("no such axis")
    tile = np.array(network.multiple)
    grid = tile.copy()
    grid[axis] *= 3
    halo = np.array(network.halo)
    x = np.random.default_rng(2).random((1, *(grid + halo.sum(axis=1)), 2), np.float32)
    # Also without the outermost box of the halo: the network must depend on that.
    box = tile[axis]
    nearer = slice(tile[axis] + box, tile[axis] + halo[axis].sum() + tile[axis] - box)
    other, closer = 1 - x, 1 - x
    # The tile in the middle and its halo, in the whole's pixels.
    seen = slice(tile[axis], tile[axis] + halo[axis].sum() + tile[axis])
    at = (slice(None),) * (axis + 1)
    other[*at, seen] = x[*at, seen]
    closer[*at, nearer] = x[*at, nearer]
    labeller = labeller_of(network)
    middle = (*at, slice(tile[axis], 2 * tile[axis]))
    same, changed = labeller(x), labeller(other)
    assert_array_equal(same[middle], changed[middle])
    assert (same[middle] != labeller(closer)[middle]).any()


@pytest.mark.parametrize("size", SIZES)
def test_a_posterior_is_a_posterior(name, size):
    network = make(name)
    shape = space(network, size)
    p = posterior(network, image(shape))
    assert p.shape == (1, 3, *shape)
    assert p.dtype == np.float32
    assert (p >= 0).all()
    assert_allclose(p.sum(axis=1), 1, atol=1e-5)


def test_tiled_equals_whole_to_the_bit(name):
    network = make(name)
    frames = image(space(network, (60, 43), depth=7))
    labeller = labeller_of(network)
    whole = posterior(network, frames, labeller, memory_mb=10_000)
    for memory_mb in (memory_for(network, frames, n) for n in (2, 6)):
        tiled = posterior(network, frames, labeller, memory_mb=memory_mb)
        assert_array_equal(tiled, whole)
    assert whole.std(axis=tuple(range(2, whole.ndim))).max() > 1e-3


def test_bfloat16_gives_almost_the_same(name):
    network = make(name)
    frames = image(space(network, (50, 60)))
    exact = posterior(network, frames)
    rough = posterior(network, frames, labeller_of(network, settle("bfloat16")))
    assert np.abs(rough - exact).mean() < 0.02


def test_a_window_is_labelled_as_the_same_image(name):
    network = make(name)
    frames = image(space(network, (20, 33)))
    labeller = labeller_of(network)
    assert_array_equal(
        window_posterior(network, labeller, frames[0]),
        posterior(network, frames, labeller)[0],
    )


def test_frames_are_labelled_each_on_its_own(name):
    network = make(name)
    shape = space(network, (24, 18))
    first, second = image(shape), image(shape, seed=1)
    labeller = labeller_of(network)
    both = posterior(network, np.concatenate([first, second]), labeller)
    assert_array_equal(both[:1], posterior(network, first, labeller))
    assert_array_equal(both[1:], posterior(network, second, labeller))


def test_a_volume_is_its_planes_where_planes_are_looked_at(name):
    network, volume = make(name), image((3, 20, 18))
    if network.ndim == 3:
        pytest.skip("looks at volumes")
    labeller = labeller_of(network)
    whole = posterior(network, volume, labeller)
    for z in range(3):
        plane = posterior(network, volume[:, :, z], labeller)
        assert_array_equal(whole[:, :, z], plane)


def test_a_plane_is_refused_where_volumes_are_looked_at(name):
    network = make(name)
    if network.ndim == 2:
        pytest.skip("looks at planes")
    with pytest.raises(ValueError, match=r"network .* looks at volumes"):
        posterior(network, image((20, 18)))


@pytest.mark.parametrize(
    "turned",
    [
        lambda a: np.flip(a, -1),
        lambda a: np.flip(a, -2),
        lambda a: np.swapaxes(a, -1, -2),
        lambda a: np.rot90(a, 1, (-2, -1)),
    ],
)
def test_with_flips_a_turned_image_has_the_turned_posterior(name, turned):
    network = make(name)
    side = 8 * -(-network.multiple[-1] // 8)
    frames = image(space(network, (side, 2 * side), depth=2))
    labeller = labeller_of(network)
    found = posterior(network, frames, labeller, flips=True)
    of_turned = posterior(network, turned(frames), labeller, flips=True)
    assert_allclose(of_turned, turned(found), atol=1e-5)
    without = posterior(network, frames, labeller)
    of_turned_without = posterior(network, turned(frames), labeller)
    assert np.abs(of_turned_without - turned(without)).max() > 1e-4


def test_with_flips_tiled_equals_whole_to_the_bit(name):
    network = make(name)
    frames = image(space(network, (30, 23), depth=3))
    labeller = labeller_of(network)
    whole = posterior(network, frames, labeller, flips=True, memory_mb=10_000)
    memory_mb = memory_for(network, frames, 2)
    tiled = posterior(network, frames, labeller, flips=True, memory_mb=memory_mb)
    assert_array_equal(tiled, whole)


def test_new_weights_replace_the_old_ones(name):
    network = make(name)
    frames = image(space(network, (9, 14)))
    labeller = labeller_of(network, seed=1)
    before = posterior(network, frames, labeller)
    labeller.set_weights(random_weights(network))
    after = posterior(network, frames, labeller)
    assert (before != after).any()
    assert_array_equal(after, posterior(network, frames))


def test_the_temperature_divides_the_logits(name):
    network = make(name)
    frames = image(space(network, (9, 14)))
    plain = posterior(network, frames)[0]
    labeller = network.labeller()
    labeller.set_weights(random_weights(network), temperature=2.0)
    softer = posterior(network, frames, labeller)[0]
    assert_allclose(softer, np.sqrt(plain) / np.sqrt(plain).sum(axis=0), atol=1e-5)


def test_weights_of_other_shapes_are_refused(name):
    network = make(name)
    weights = random_weights(network)
    for refuse in (
        lambda w: backend.set_weights(network.build(), w),
        network.labeller().set_weights,
    ):
        with pytest.raises(ValueError, match="weights must have shapes"):
            refuse(weights[:-1])
