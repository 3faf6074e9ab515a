from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from napari_segen.cnn import backend
from napari_segen.cnn.patch import PatchNetwork, PatchParams
from napari_segen.cnn.standardized import standardized
from napari_segen.cnn.unet import UNet, UNetParams
from napari_segen.cnn.unet3d import UNet3D, UNet3DParams


@pytest.mark.parametrize(
    ("network_class", "params", "patch_px"),
    [
        (UNet, UNetParams(filters=256, depth=5), 128),
        (PatchNetwork, PatchParams(filters=(1024,), dense_units=4096), 1024),
    ],
)
def test_a_network_beyond_all_memory_is_refused_before_it_is_built(
    network_class, params, patch_px
):
    with pytest.raises(ValueError, match="weights; at most"):
        network_class(params, 1, 2, patch_px)


def test_a_patch_that_the_unet_cannot_halve_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"multiple of 16.*128 is the nearest"):
        UNet(UNetParams(), 1, 2, 130)


def test_more_layers_than_a_patch_can_hold_are_refused():
    with pytest.raises(ValueError, match="at most 6"):
        PatchParams(filters=(1,) * 7)


@pytest.mark.parametrize("depth", range(1, 6))
def test_the_unets_halo_keeps_tiles_on_its_multiples(depth):
    network = UNet(UNetParams(filters=4, depth=depth), 1, 2, 64)
    sides = np.array(network.halo)
    assert (sides % np.array(network.multiple)[:, None] == 0).all()


@pytest.mark.parametrize(("depth", "halo"), [(1, 20), (2, 48), (3, 96), (4, 192)])
def test_the_unets_halo_is_what_its_layers_reach_rounded_up(depth, halo):
    # From a tile's border: head and levels back, 4 pixels a block, doubled each time.
    network = UNet(UNetParams(filters=4, depth=depth), 1, 2, 64)
    assert network.halo == ((halo, halo), (halo, halo))


@pytest.mark.parametrize(
    ("depth", "z_halvings", "planes", "multiple"),
    [(2, 2, 32, (4, 8, 8)), (2, 0, 8, (1, 8, 8)), (2, 3, 64, (8, 8, 8))],
)
def test_patches_of_volumes_have_as_many_planes_as_z_is_halved(
    depth, z_halvings, planes, multiple
):
    params = UNet3DParams(filters=4, depth=depth, z_halvings=z_halvings)
    network = UNet3D(params, 1, 2, 64)
    assert network.patch_shape == (planes, 64, 64)
    assert network.multiple == multiple


def test_more_halvings_along_z_than_there_are_are_refused():
    with pytest.raises(ValueError, match=r"z_halvings must be at most .* 2, got 3"):
        UNet3DParams(depth=1, z_halvings=3)


@pytest.mark.keras
@pytest.mark.parametrize("norm", ["weights", "batch", "none"])
@pytest.mark.parametrize(
    ("kind", "params"),
    [(UNet, UNetParams(filters=4, depth=1)), (UNet3D, UNet3DParams(4, 1, 1))],
)
def test_a_unets_prediction_equals_the_network_in_training(kind, params, norm):
    network = kind(replace(params, norm=norm), 2, 3, 16)
    model = network.build()
    rng = np.random.default_rng(0)
    start = network.initial_weights(model, 0)
    weights = [w + np.float32(0.1) * rng.random(w.shape, "f4") for w in start]
    backend.set_weights(model, weights)
    labeller = network.labeller("float32")
    labeller.set_weights(weights)
    halo, sides = network.halo, network.multiple
    size = [b + m + a for (b, a), m in zip(halo, sides, strict=True)]
    tile = rng.random((1, *size, 2), "f4")
    inner = tuple(slice(b, b + m) for (b, _), m in zip(halo, sides, strict=True))
    logits = model(tile, training=False).numpy()[:, *inner]
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    expected = power / power.sum(axis=-1, keepdims=True)
    assert_allclose(labeller(tile), expected, atol=2e-5)


def test_a_standardised_filter_has_mean_0_and_keeps_the_spread_through_a_relu():
    rng = np.random.default_rng(0)
    kernel = rng.normal(0.3, 2.0, (3, 3, 64, 16))
    gamma = rng.uniform(0.5, 2.0, 16)
    found = standardized(np, kernel, gamma)
    assert_allclose(found.sum(axis=(0, 1, 2)), 0, atol=1e-12)
    inputs = rng.normal(size=(20_000, 3 * 3 * 64))
    through = np.maximum(inputs @ found.reshape(-1, 16), 0)
    assert_allclose(through.std(axis=0), gamma, rtol=0.03)
