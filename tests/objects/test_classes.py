"""Objects from a map of classes, beside those from its probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

import napari_segen as ns
from napari_segen.core.steps import run
from napari_segen.objects.classes import instances_of_steps

VALUES = np.array([2, 5, 7])
SPEC = ns.ImageSpec("tyx", (0.5, 0.25), "um")


def smooth_posterior(seed, shape=(2, 24, 30)):
    rng = np.random.default_rng(seed)
    logits = [
        ndimage.gaussian_filter(rng.normal(size=shape), (0, 2, 2)) for _ in VALUES
    ]
    odds = np.exp(20 * np.array(logits))
    return (odds / odds.sum(axis=0)).astype(np.float32)


@given(
    st.integers(0, 99),
    st.sampled_from([(None, "distance"), (None, "components"), (2, "distance")]),
    st.sampled_from([0, 12]),
)
def test_the_objects_are_those_of_the_probabilities(seed, how, size):
    boundary, method = how
    posterior = smooth_posterior(seed)
    rest = {"method": method, "min_size": size, "fill_holes": size, "spec": SPEC}
    expected = ns.instances(posterior, foreground=1, boundary=boundary, **rest)
    found = run(
        instances_of_steps(
            VALUES[posterior.argmax(axis=0)],
            foreground=5,
            boundary=None if boundary is None else 7,
            wall=None if boundary is None else posterior[boundary],
            **rest,
        )
    )
    assert_array_equal(found, expected)


@given(st.integers(0, 99))
def test_without_probabilities_the_boundary_is_certain_where_it_is_the_class(seed):
    labels = VALUES[smooth_posterior(seed).argmax(axis=0)]
    certain = (labels == VALUES[:, None, None, None]).astype(np.float32)
    expected = ns.instances(certain, foreground=1, boundary=2, spec=SPEC)
    steps = instances_of_steps(labels, foreground=5, boundary=7, spec=SPEC)
    assert_array_equal(run(steps), expected)


def test_bad_input_is_refused_with_its_name():
    labels = np.ones((2, 6, 6), int)
    with pytest.raises(ValueError, match="boundary is the foreground class too: 5"):
        run(instances_of_steps(labels, foreground=5, boundary=5, spec=SPEC))
    flat = instances_of_steps(
        labels, foreground=5, boundary=7, wall=np.ones((6, 6)), spec=SPEC
    )
    with pytest.raises(ValueError, match="wall must have the shape of classes"):
        run(flat)
    with pytest.raises(TypeError, match="classes must be integers"):
        run(instances_of_steps(labels * 1.0, foreground=5, spec=SPEC))
