"""What holds for every scene."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generation.shapes.drawing import PURE, drawn

from napari_segen import ImageGenerator
from napari_segen.generation.shapes.method import SCENES
from napari_segen.generation.shapes.params import SCENES as NAMES

EVERY = pytest.mark.parametrize("scene", list(SCENES))
OBJECTS = [name for name, scene in SCENES.items() if scene.task == "instances"]
SHAPES = st.one_of(
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.tuples(st.integers(1, 9), st.integers(1, 20), st.integers(1, 20)),
)


def test_the_form_offers_every_scene():
    assert tuple(SCENES) == NAMES


@pytest.mark.parametrize("scene", OBJECTS)
@pytest.mark.parametrize("shape", [(150, 170), (12, 60, 50)])
def test_objects_are_numbered_without_a_gap(scene, shape):
    labels = ImageGenerator("shapes", params={"scene": scene}).generate_pairs(
        1, shape, seed=0
    )[1]
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    assert labels.max() > 2


@pytest.mark.parametrize(
    ("scene", "values"),
    [("membranes", {0, 1}), ("vessels", {0, 1}), ("layers", {1, 2, 3, 4})],
)
def test_classes_have_the_values_that_the_help_says(scene, values):
    assert set(np.unique(drawn(scene, (256, 128))[1]).tolist()) == values


@pytest.mark.parametrize("scene", [*OBJECTS, "vessels"])
@pytest.mark.parametrize("shape", [(150, 170), (12, 60, 50)])
def test_without_optics_every_pixel_inside_is_brighter_than_all_outside(scene, shape):
    image, labels = drawn(scene, shape, **PURE)
    assert image[labels > 0].min() > image[labels == 0].max()


def test_without_optics_membranes_are_darker_than_all_else():
    image, labels = drawn("membranes", (150, 170), **PURE)
    assert image[labels == 1].max() < image[labels == 0].min()


def test_without_optics_kinds_of_layers_are_bright_by_their_number():
    image, labels = drawn("layers", (200, 90), **PURE)
    inner = np.ones(labels.shape, bool)
    for step in (-1, 1):
        inner &= np.roll(labels, step, axis=0) == labels
    inner[[0, -1]] = False
    means = [image[inner & (labels == kind)].mean() for kind in (1, 2, 3, 4)]
    assert np.all(np.diff(means) > 0.1)
    assert all(image[inner & (labels == k)].std() < 0.05 for k in (1, 2, 3, 4))


@EVERY
def test_the_camera_does_not_change_the_scene(scene):
    image, labels = drawn(scene, (90, 80), seed=4)
    other, same = drawn(scene, (90, 80), seed=4, photons=20.0, blur=3.0, contrast=0.3)
    np.testing.assert_array_equal(labels, same)
    assert not np.array_equal(image, other)


@EVERY
def test_inner_blur_and_noise_leave_the_objects_visible(scene):
    image, labels = drawn(scene, (150, 170), seed=2)
    bright = labels == 0 if scene == "membranes" else labels > 2 * (scene == "layers")
    assert image[bright].mean() > 1.3 * image[~bright].mean()


@EVERY
@given(
    shape=SHAPES,
    seed=st.integers(0, 9),
    size=st.sampled_from([3.0, 11.0, 1000.0]),
    extreme=st.sampled_from([0.0, 1.0]),
    density=st.sampled_from([0.0, 0.3, 1.0]),
)
@settings(max_examples=8, deadline=None)
def test_any_shape_and_any_parameters_give_finite_images(
    scene, shape, seed, size, extreme, density
):
    image, labels = drawn(
        scene,
        shape,
        seed,
        size=size,
        density=density,
        size_spread=extreme,
        irregularity=extreme,
        touching=extreme,
        z_step=1 + 4 * extreme,
    )
    assert image.shape == labels.shape == shape
    assert np.isfinite(image).all()
    assert labels.min() >= 0


@pytest.mark.parametrize("scene", ["nuclei", "fibres", "spots", "vessels"])
def test_density_0_is_an_empty_image(scene):
    assert not drawn(scene, (60, 60), density=0.0)[1].any()


@pytest.mark.parametrize("scene", ["spots", "membranes"])
def test_more_objects_than_one_can_wait_for_are_refused(scene):
    with pytest.raises(ValueError, match="at most 200000"):
        drawn(scene, (2000, 2000), size=1.0, density=0.5)
