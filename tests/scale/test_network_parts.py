"""Parts of an image, labelled by networks."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.scale.conftest import spots, strokes
from tests.scale.test_parts import assert_like_whole

from napari_segen.cnn.segmenter import CnnSegmenter
from napari_segen.core.imagespec import ImageSpec
from napari_segen.scale.lazy import segment_lazy

pytestmark = pytest.mark.keras

SMALL = {"max_steps": 2, "time_limit_s": None, "precision": "float32"}


@cache
def trained(network):
    """Train a network for planes a little, once for all tests."""
    image = spots((64, 80))
    model = CnnSegmenter(network, patch_px=32, **SMALL)
    return model.fit(image, strokes(image), unlabelled=0, spec=ImageSpec("yx"))


@pytest.mark.parametrize("network", ["unet", "patch"])
@settings(max_examples=4)
@given(
    size=st.tuples(st.integers(1, 160), st.integers(1, 260)),
    least=st.tuples(st.integers(24, 64), st.integers(24, 64)),
)
def test_parts_of_any_shape_give_the_posterior_of_the_whole(network, size, least):
    model = trained(network)
    step = model.reach(ImageSpec("yx")).multiple[0]
    part = tuple(-(-n // step) * step for n in least)
    assert_like_whole(model, spots(size, 1), ImageSpec("yx"), part)


def test_another_scale_keeps_the_compiled_network():
    model = trained("unet")
    twins = [model.with_normalization(model.normalization_) for _ in range(2)]
    assert twins[0]._labeller is twins[1]._labeller is model._labeller is not None


def test_time_points_have_ranges_of_their_own():
    model = trained("unet")
    film = np.stack([spots((40, 50), s) // (s + 1) for s in range(3)])
    assert_like_whole(model, film, ImageSpec("tyx"), (32, 32))


def test_a_network_for_planes_labels_a_volume_plane_by_plane():
    model = trained("unet")
    volume = spots((5, 70, 50), 1)
    assert model.reach(ImageSpec("zyx")).halo[0] == 0
    assert_like_whole(model, volume, ImageSpec("zyx"), (2, 32, 32))


def test_objects_of_the_whole_image_are_no_labels_of_parts():
    da = pytest.importorskip("dask.array")
    image = spots((64, 80))
    ids = (image > np.median(image)).astype(int)
    model = CnnSegmenter(task="instances", patch_px=32, **SMALL).fit(image, ids)
    with pytest.raises(ValueError, match="tells objects apart"):
        segment_lazy(model, da.from_array(image))
    assert_array_equal(model.predict_proba(image), model.segment(image).posterior)
