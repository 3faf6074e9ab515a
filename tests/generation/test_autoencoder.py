from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.reference import autoencoder_loss as reference

from napari_segen.cnn.backend import tensorflow
from napari_segen.core.steps import run
from napari_segen.generation.application import as_function, by_tiles
from napari_segen.generation.autoencoder import (
    HALO,
    Plan,
    build,
    losses,
    split,
    weight_shapes,
)

pytestmark = pytest.mark.keras


def networks(plan, seed=0):
    rng = np.random.default_rng(seed)
    return [
        build(layers, [w for layer in layers for w in layer.initial(rng)])
        for layers in (plan.encoder(), plan.decoder())
    ]


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_declared_weight_shapes_are_those_that_keras_makes(levels):
    plan = Plan(n_channels=3, width=4, levels=levels, latent=5)
    for layers, network in zip(
        (plan.encoder(), plan.decoder()), networks(plan), strict=True
    ):
        assert weight_shapes(layers) == [tuple(w.shape) for w in network.weights]


def test_the_loss_is_squared_error_and_divergence():
    plan = Plan(n_channels=2, width=4, levels=2, latent=3)
    encoder, decoder = networks(plan)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 16, 16, 2)).astype(np.float32)
    noise = rng.standard_normal((2, 4, 4, 3)).astype(np.float32)
    seen = (rng.random((2, 16, 16, 1)) > 0.3).astype(np.float32)
    found = [
        float(v)
        for v in losses(encoder, decoder, tensorflow().constant(x), seen, noise, 4)
    ]
    mean, log_variance = (v.numpy() for v in split(encoder(x)))
    y = decoder(mean + np.exp(log_variance / 2) * noise).numpy()
    inner = np.s_[:, 4:12, 4:12]
    error = reference.squared_error(x[inner], y[inner], seen[inner])
    nats = reference.divergence(mean, log_variance, 2 * 16 * 16)
    assert_allclose(
        found, [np.log(error + 1e-4).sum() / 2, error.mean(), nats], rtol=1e-4
    )


def test_pixels_without_data_never_change_the_squared_error():
    plan = Plan(n_channels=1, width=4, levels=1, latent=2)
    _, decoder = networks(plan)
    x = np.random.default_rng(0).standard_normal((1, 8, 8, 1)).astype(np.float32)
    seen = np.ones_like(x)
    seen[0, 3, 4] = 0
    other = x.copy()
    other[0, 3, 4] = 99
    tf = tensorflow()

    def blind(_x, training):
        return tf.zeros((1, 4, 4, 4))

    noise = np.zeros((1, 4, 4, 2), np.float32)
    a, b = (
        float(losses(blind, decoder, tf.constant(v), seen, noise, 0)[1])
        for v in (x, other)
    )
    assert a == b


@cache
def functions(levels):
    """Return stride, encoder and decoder; compiled once for all sizes."""
    plan = Plan(n_channels=2, width=4, levels=levels, latent=3)
    encoder, decoder = networks(plan)
    return (
        plan.stride,
        as_function(encoder, is_encoder=True),
        as_function(decoder, is_encoder=False),
    )


@pytest.mark.parametrize("levels", [1, 3, 4])
@settings(max_examples=4)
@given(
    points=st.tuples(st.integers(1, 70), st.integers(1, 40)), seed=st.integers(0, 99)
)
def test_tiled_equals_whole(levels, points, seed):
    stride, encode, decode = functions(levels)
    rng = np.random.default_rng(seed)
    grid = rng.standard_normal((*points, 3)).astype(np.float32)
    assert_allclose(
        run(by_tiles(decode, grid, points, 1, stride)), decode(grid), atol=1e-4
    )
    image = rng.standard_normal((*(stride * n for n in points), 2))
    assert_allclose(
        run(by_tiles(encode, image, points, stride, 1)), encode(image), atol=1e-4
    )


@pytest.mark.parametrize("levels", [1, 4])
def test_beyond_the_halo_no_border_is_seen(levels):
    plan = Plan(n_channels=1, width=4, levels=levels, latent=2)
    decode = as_function(networks(plan)[1], is_encoder=False)
    flat = decode(np.ones((2 * HALO + 3, 2 * HALO + 3, 2)))
    s = plan.stride
    inner = flat[HALO * s : -HALO * s, HALO * s : -HALO * s, 0]
    # Equal under shifts by a grid point: only the grid's own period remains.
    assert_allclose(inner[s:], inner[:-s], atol=1e-5)
    assert_allclose(inner[:, s:], inner[:, :-s], atol=1e-5)
