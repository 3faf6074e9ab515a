"""The operations, each against its formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import expit, softmax

from napari_segen.cnn.bioimageio.layout import BEYOND, read_padded
from napari_segen.cnn.bioimageio.processing import processed
from napari_segen.core.errors import ModelFileError

AXES = ("batch", "channel", "y", "x")
X = np.random.default_rng(0).normal(3, 2, (1, 2, 5, 7)).astype(np.float32)
COLUMN = np.array([2.0, 3.0]).reshape(1, 2, 1, 1)
SPACE = (2, 3)


def percentile(q, axis=None):
    return np.percentile(X, q, axis=axis, keepdims=True)


@pytest.mark.parametrize(
    ("name", "keywords", "wanted"),
    [
        ("ensure_dtype", {"dtype": "int32"}, X.astype(np.int32)),
        ("binarize", {"threshold": 2.5}, X > 2.5),
        ("binarize", {"threshold": [2.0, 3.0], "axis": "channel"}, X > COLUMN),
        ("clip", {"min": 1.0, "max": None}, np.maximum(X, 1)),
        (
            "clip",
            {"min_percentile": 10.0, "max": 4.0, "axes": ["y", "x"]},
            np.minimum(np.maximum(X, percentile(10, SPACE)), 4),
        ),
        ("scale_linear", {"gain": 2.0, "offset": -1.0}, 2 * X - 1),
        (
            "scale_linear",
            {"gain": [2.0, 3.0], "offset": [0.0, 0.0], "axis": "channel"},
            X * COLUMN,
        ),
        ("fixed_zero_mean_unit_variance", {"mean": 3.0, "std": 2.0}, (X - 3) / 2),
        (
            "zero_mean_unit_variance",
            {"axes": ["y", "x"], "eps": 0.1},
            (X - X.mean(SPACE, keepdims=True)) / (X.std(SPACE, keepdims=True) + 0.1),
        ),
        (
            "scale_range",
            {"min_percentile": 5.0, "max_percentile": 90.0, "eps": 0.1},
            (X - percentile(5)) / (percentile(90) - percentile(5) + 0.1),
        ),
        ("sigmoid", {}, expit(X)),
        ("softmax", {"axis": "channel"}, softmax(X, axis=1)),
    ],
)
def test_operations(name, keywords, wanted):
    before = X.copy()
    found = processed(X, AXES, [(name, keywords)])
    assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"gain": [1.0, 2.0, 3.0], "offset": 0.0, "axis": "channel"}, "3 values"),
        ({"gain": [1.0], "offset": 0.0, "axis": "z"}, "axis 'z'"),
    ],
)
def test_keywords_that_do_not_fit(keywords, words):
    with pytest.raises(ModelFileError, match=words):
        processed(X, AXES, [("scale_linear", keywords)])


@given(
    st.integers(1, 6),
    st.integers(-20, 20),
    st.integers(1, 15),
    st.sampled_from(sorted(BEYOND)),
)
def test_a_window_is_one_of_the_padded_image(n, corner, size, mode):
    image = np.arange(n, dtype=float)[np.newaxis] + 1
    more = {"constant_values": 9} if mode == "constant" else {}
    padded = np.pad(image[0], 40, mode=mode, **more)
    found = read_padded(image, [corner], [size], {"mode": mode, "value": 9})
    np.testing.assert_array_equal(found[0], padded[40 + corner : 40 + corner + size])
