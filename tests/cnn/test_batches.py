import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from napari_segen.cnn.augmentation import Augmentation
from napari_segen.cnn.batches import PatchSampler
from napari_segen.cnn.patch import PatchNetwork, PatchParams
from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.cnn.unet import UNet, UNetParams


def labelled_plane(shape=(40, 50), counts=(20, 20), seed=0):
    """Single labelled pixels; the grey value is the class, 0.5 where unlabelled."""
    rng = np.random.default_rng(seed)
    index = np.full(shape, UNLABELLED, np.int16)
    places = rng.choice(index.size, sum(counts), replace=False)
    index.flat[places] = np.repeat([0, 1], counts)
    image = np.where(index == UNLABELLED, 0.5, index).astype(np.float32)
    return LabelledImage(image[np.newaxis], index)


def patch_network(patch_px):
    return PatchNetwork(PatchParams(filters=(4,)), 1, 2, patch_px)


def unet(patch_px):
    return UNet(UNetParams(filters=4, depth=1), 1, 2, patch_px)


FLIPS = Augmentation(rotation=0, scale=0, elastic=0, intensity=0, noise=0, blur=0)


def draw(plane, network, batch_size=64, augmentation=FLIPS, seed=0):
    sampler = PatchSampler([plane], network, batch_size, augmentation)
    return sampler.draw(np.random.default_rng(seed))


@given(st.integers(8, 13), st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_the_labelled_pixel_stays_in_the_centre_when_patches_are_turned(patch_px, seed):
    x, y, _ = draw(labelled_plane(), patch_network(patch_px), seed=seed)
    centre = x[:, patch_px // 2, patch_px // 2, 0]
    assert_array_equal(np.abs(centre - y[:, 0, 0]) < 0.2, True)


@pytest.mark.parametrize("shape", [(40, 50), (10, 50), (1, 40)])
def test_labels_are_turned_with_their_image(shape):
    x, y, _ = draw(labelled_plane(shape, (10, 10)), unet(16), batch_size=16)
    at = y != UNLABELLED
    assert at.any(axis=(1, 2)).all()
    assert_array_equal(np.abs(x[..., 0][at] - y[at]) < 0.2, True)


def test_a_thin_class_comes_up_by_the_root_of_its_share():
    _, y, _ = draw(labelled_plane(counts=(400, 4)), patch_network(8), batch_size=2000)
    assert (y == 1).mean() == pytest.approx(1 / 11, abs=0.02)


def test_without_augmentation_patches_are_cut_from_the_image_as_they_are():
    plane = labelled_plane()
    x, *_ = draw(plane, patch_network(8), augmentation=None)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(plane.image[0], 8, mode="reflect"), (8, 8)
    ).reshape(-1, 64)
    assert all((windows == patch.ravel()).all(axis=1).any() for patch in x[:5])


def test_the_planes_are_not_written_to():
    plane = labelled_plane()
    image, index = plane.image.copy(), plane.index.copy()
    draw(plane, unet(16))
    assert_array_equal(plane.image, image)
    assert_array_equal(plane.index, index)


def test_an_epoch_covers_every_labelled_pixel_once():
    plane = labelled_plane((32, 32), (500, 524))
    assert PatchSampler([plane], patch_network(8), 4, None).patches_per_epoch() == 1024
    assert PatchSampler([plane], unet(16), 4, None).patches_per_epoch() == 4
