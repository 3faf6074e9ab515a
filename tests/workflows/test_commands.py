import numpy as np
import pytest

from napari_segen.core.imagespec import ImageSpec
from napari_segen.workflows.commands import spec_for
from napari_segen.workflows.files import ImageFile


@pytest.mark.parametrize(
    ("file_axes", "fitted", "said", "expected"),
    [
        ("yx", "yx", None, "yx"),
        (None, "tyx", None, "tyx"),
        ("cyx", "yxc", None, "cyx"),  # the same axes in another order
        ("zyx", "tyx", None, "tyx"),  # what was said in training
        ("tyx", "yx", None, "tyx"),  # more of them
        ("zyx", "yx", "tyx", "tyx"),  # what is said now
    ],
)
def test_which_axes_a_new_image_has(tmp_path, file_axes, fitted, said, expected):
    shape = (2,) * len(said or file_axes or fitted)
    file = ImageFile(tmp_path / "a.tif", np.zeros(shape), file_axes)
    assert spec_for(file, ImageSpec(fitted), said).axes == expected


def test_the_pixel_size_of_the_new_image_counts(tmp_path):
    file = ImageFile(tmp_path / "a.tif", np.zeros((2, 2)), "yx", (0.5, 0.5), "um")
    spec = spec_for(file, ImageSpec("yx", (3.0, 3.0), "mm"), None)
    assert (spec.pixel_size, spec.unit) == ((0.5, 0.5), "um")
