"""Laws that each network of the registry obeys."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from napari_segen.cnn import backend
from napari_segen.cnn.prediction import posterior_steps
from napari_segen.cnn.registry import NETWORKS
from napari_segen.core.normalization import Normalization
from napari_segen.core.parameters import as_json, describe, make_params
from napari_segen.core.steps import run

pytestmark = [pytest.mark.keras, pytest.mark.parametrize("name", list(NETWORKS))]


def make(name, n_channels=2, n_classes=3):
    network_class = NETWORKS.get(name)
    return network_class(
        network_class.Params(), n_channels, n_classes, network_class.default_patch_px
    )


def random_weights(network):
    model = network.build()
    weights = backend.initial_weights(model, 0, network.initial_gain)
    rng = np.random.default_rng(0)
    return [w + 0.01 * rng.random(w.shape, np.float32) for w in weights]


def labeller_of(network):
    labeller = network.labeller()
    labeller.set_weights(random_weights(network))
    return labeller


def posterior(network, frames, labeller=None, **more):
    labeller = labeller or labeller_of(network)
    steps = posterior_steps(network, labeller, frames, Normalization("none"), **more)
    return run(steps)


def image(shape, seed=0):
    return np.random.default_rng(seed).random((1, 2, *shape), np.float32)


def test_it_says_what_it_is_and_what_its_parameters_do(name):
    network_class = NETWORKS.get(name)
    assert network_class.title
    assert network_class.summary
    assert all(p.help for p in describe(network_class.Params))


def test_its_parameters_survive_json(name):
    params = NETWORKS.get(name).Params()
    assert make_params(type(params), as_json(params)) == params


def test_the_weights_have_the_shapes_that_are_known_without_keras(name):
    network = make(name)
    shapes = [tuple(w.shape) for w in network.build().weights]
    assert shapes == network.weight_shapes()


def test_training_answers_the_declared_pixels(name):
    network = make(name)
    patch = np.zeros((2, *network.patch_shape, 2), np.float32)
    assert tuple(network.build()(patch).shape) == (2, *network.answer_shape, 3)


def test_initial_weights_depend_on_the_seed_alone(name):
    network = make(name)
    first, again, other = (
        backend.initial_weights(network.build(), seed) for seed in (1, 1, 2)
    )
    for a, b in zip(first, again, strict=True):
        assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("shape", [(40, 67), (1, 9), (9, 1), (2, 3, 5)])
def test_a_posterior_is_a_posterior(name, shape):
    p = posterior(make(name), image(shape))
    assert p.shape == (1, 3, *shape)
    assert p.dtype == np.float32
    assert (p >= 0).all()
    assert_allclose(p.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("memory_mb", [1, 20])
def test_tiled_equals_whole(name, memory_mb):
    network, frames = make(name), image((100, 83))
    labeller = labeller_of(network)
    whole = posterior(network, frames, labeller, memory_mb=10_000)
    tiled = posterior(network, frames, labeller, memory_mb=memory_mb)
    assert_array_equal(tiled, whole)
    assert whole.std(axis=(2, 3)).max() > 1e-3  # or the test could not fail


def test_a_volume_is_its_planes(name):
    network, volume = make(name), image((3, 20, 18))
    labeller = labeller_of(network)
    whole = posterior(network, volume, labeller)
    for z in range(3):
        plane = posterior(network, volume[:, :, z], labeller)
        assert_allclose(whole[:, :, z], plane, atol=1e-6)


def test_weights_of_other_shapes_are_refused(name):
    network = make(name)
    weights = random_weights(network)
    with pytest.raises(ValueError, match="weights must have shapes"):
        backend.set_weights(network.build(), weights[:-1])
