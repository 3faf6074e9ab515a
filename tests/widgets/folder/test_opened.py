"""Images of all axes and their results, as layers."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import ClassInfo
from napari_segen.widgets.colors import color_in, names_in
from napari_segen.widgets.folder.opened import Field, layers_of
from napari_segen.widgets.layers import axes_of

MODEL = SimpleNamespace(
    kind="probabilistic",
    task="classes",
    class_info_={
        0: ClassInfo("", "#808080"),
        1: ClassInfo("kern", "#ff8000"),
        2: ClassInfo(),
    },
)


def opened(axes, shape, dtype=np.uint16, size=None, unit="pixel"):
    spec = ImageSpec(axes, size, unit)
    image = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    labels = np.ones(spec.label_shape(shape), np.uint8)
    results = {"labels": labels, "objects": labels.astype(np.int32)}
    return layers_of(Field("f", image, spec, results, (0.0, 9.0)), MODEL)


@pytest.mark.parametrize(
    ("axes", "shape", "n_images"),
    [
        ("yx", (4, 5), 1),
        ("zyx", (3, 4, 5), 1),
        ("tyx", (3, 4, 5), 1),
        ("tzyx", (2, 3, 4, 5), 1),
        ("cyx", (2, 4, 5), 2),
        ("yxc", (4, 5, 2), 2),
        ("tcyx", (3, 2, 4, 5), 2),
    ],
)
def test_images_and_results_lie_over_each_other(axes, shape, n_images):
    layers = opened(axes, shape)
    assert [type(x) for x in layers] == [Image] * n_images + [Labels] * 2
    assert len({x.data.shape for x in layers}) == 1
    assert {tuple(x.axis_labels) for x in layers} == {tuple(axes.replace("c", ""))}
    # What was known when they were segmented is not asked again.
    assert {axes_of(x) for x in layers} == {axes.replace("c", "")}


def test_colours_are_shown_as_such():
    layers = opened("yxc", (4, 5, 3), np.uint8)
    assert layers[0].rgb
    assert axes_of(layers[0]) == "yxc"


def test_the_pixel_size_is_the_scale_of_the_spatial_axes():
    layers = opened("tzyx", (2, 3, 4, 5), size=(2.0, 0.5, 0.25), unit="um")
    for layer in layers:
        assert tuple(layer.scale) == (1.0, 2.0, 0.5, 0.25)
        assert [str(u) for u in layer.units] == ["pixel", *["micrometer"] * 3]


def test_classes_have_their_names_and_colours():
    labels = opened("yx", (4, 5))[1]
    assert names_in(labels) == {1: "kern"}
    assert color_in(labels, 1) == "#ff8000"


def test_the_background_of_masks_stays_clear():
    labels = opened("yx", (4, 5))[1]
    assert labels.colormap.map(np.uint8(0))[-1] == 0
