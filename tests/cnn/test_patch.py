import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.reference.patch_network import posterior_of_patch

from napari_segen.cnn import backend
from napari_segen.cnn.labelled import read_window
from napari_segen.cnn.patch import PatchNetwork, PatchParams
from napari_segen.cnn.prediction import posterior_steps
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import run

pytestmark = pytest.mark.keras

SHAPE = (11, 9)


def make(patch_px=13, n_channels=2, **params):
    params = {"filters": (4, 5), "dense_units": 6} | params
    network = PatchNetwork(PatchParams(**params), n_channels, 3, patch_px)
    rng = np.random.default_rng(1)
    weights = [
        rng.normal(0, 0.5, s).astype(np.float32) for s in network.weight_shapes()
    ]
    return network, weights


def dense(network, weights, image, **more):
    labeller = network.labeller()
    labeller.set_weights(weights)
    steps = posterior_steps(
        network, labeller, image[None], Normalization("none"), **more
    )
    return run(steps)[0]


def patch_by_patch(network, weights, image):
    """Each pixel's own patch, the pixel at index ``patch_px // 2``, mirrored."""
    side, p = network.patch_px, network.params
    answer = np.empty((3, *image.shape[1:]))
    for at in np.ndindex(image.shape[1:]):
        patch = read_window(image, [i - side // 2 for i in at], (side, side))
        answer[:, *at] = posterior_of_patch(
            patch.transpose(1, 2, 0), weights, p.activation, p.pooling
        )
    return answer


def image_of(shape, n_channels=2):
    return np.random.default_rng(0).normal(size=(n_channels, *shape)).astype("f4")


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_the_dense_pass_is_patch_by_patch(activation, pooling):
    network, weights = make(activation=activation, pooling=pooling)
    image = image_of(SHAPE)
    assert_allclose(
        dense(network, weights, image),
        patch_by_patch(network, weights, image),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("patch_px", "params"),
    [
        (10, {}),
        (11, {}),
        (12, {}),
        (16, {}),
        (17, {"filters": (3,), "kernel_size": 5}),
        (14, {"kernel_size": 2}),
        (9, {"kernel_size": 1, "filters": (2, 3, 4)}),
        (24, {"filters": (2, 3, 4)}),
        (4, {"kernel_size": 3, "filters": (3,)}),
    ],
)
def test_the_dense_pass_is_patch_by_patch_for_all_layouts(patch_px, params):
    network, weights = make(patch_px, **params)
    image = image_of((7, 10))
    assert_allclose(
        dense(network, weights, image),
        patch_by_patch(network, weights, image),
        atol=1e-5,
    )


@pytest.mark.parametrize("shape", [(1, 6), (5, 1), (1, 1)])
def test_the_dense_pass_is_patch_by_patch_on_images_smaller_than_a_patch(shape):
    network, weights = make()
    image = image_of(shape)
    assert_allclose(
        dense(network, weights, image),
        patch_by_patch(network, weights, image),
        atol=1e-5,
    )


def test_the_network_in_training_is_the_reference():
    network, weights = make()
    model = network.build()
    backend.set_weights(model, weights)
    patch = image_of((13, 13)).transpose(1, 2, 0)
    logits = np.asarray(model(patch[None]))[0, 0, 0].astype(float)
    p = np.exp(logits) / np.exp(logits).sum()
    assert_allclose(p, posterior_of_patch(patch, weights, "relu", "max"), atol=1e-5)


def test_a_patch_too_small_for_its_layers_is_refused():
    with pytest.raises(ValueError, match="patch_px=6 is too small"):
        make(6)
