import numpy as np
import pytest

from napari_segen.cnn.patch import PatchNetwork, PatchParams
from napari_segen.cnn.unet import UNet, UNetParams


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


@pytest.mark.parametrize(
    ("given", "from_strokes", "settled"),
    [
        ("auto", True, "off"),
        ("auto", False, "on"),
        ("on", True, "on"),
        ("off", False, "off"),
    ],
)
def test_batch_normalisation_is_for_masks_unless_asked(given, from_strokes, settled):
    params = UNet.settled(UNetParams(batch_norm=given), from_strokes=from_strokes)
    assert params.batch_norm == settled
