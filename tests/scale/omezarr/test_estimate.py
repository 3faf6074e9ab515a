"""Labelling an array that is in no file, and what that takes."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.steps import run

zarr = pytest.importorskip("zarr")

from tests.scale.conftest import fitted, spots, strokes  # noqa: E402

from napari_segen.scale.omezarr.estimate import (  # noqa: E402
    estimate_steps,
    sampled_range_steps,
)
from napari_segen.scale.omezarr.image import array_image  # noqa: E402
from napari_segen.scale.omezarr.labels import NewLabels  # noqa: E402
from napari_segen.scale.omezarr.segmenting import Labelling, label_parts_steps  # noqa: E402


class Lazy:
    """An array that can only be sliced."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key):
        return self.array[key]


def described(image, axes, folder):
    ones = (1.0,) * image.ndim
    return array_image(Lazy(image), ImageSpec(axes), folder, ones, ones)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("axes", ["yx", "tyx", "nyx", "cyx"])
def test_labels_of_an_array_are_those_of_the_whole(tmp_path, axes):
    plane = spots((70, 101), 1)
    image = plane if axes == "yx" else np.stack([plane, spots((70, 101), 2)])
    model = fitted()
    if axes != "yx":
        marks = strokes(plane if axes == "cyx" else image)
        model.fit(image, marks, spec=ImageSpec(axes))
    source = described(image, axes, tmp_path / "out.zarr")
    new = NewLabels(source, tmp_path / "out.zarr", "classes", {})
    job = Labelling.of(model, source)
    path = run(label_parts_steps(model, job, new, range_steps=sampled_range_steps))
    found = zarr.open_array(path / "0", mode="r")
    np.testing.assert_array_equal(found[:], model.predict(image))


def test_axes_the_format_does_not_know_are_refused(tmp_path):
    with pytest.raises(ValueError, match="separate images beside time"):
        described(np.zeros((2, 2, 9, 9)), "tnyx", tmp_path)


@pytest.mark.usefixtures("small_parts")
def test_an_estimate_scales_one_part_to_all_of_them(tmp_path, model, monkeypatch):
    image = spots((70, 101), 1)
    source = described(image, "yx", tmp_path)
    clock = iter([10.0, 12.0])
    # Only there: threads of a cluster may look at the clock, too.
    monkeypatch.setattr(
        "napari_segen.scale.omezarr.estimate.time",
        SimpleNamespace(perf_counter=lambda: next(clock)),
    )
    found = run(estimate_steps(model, source, (69, 100)))
    last = Labelling.of(model, source).tiles()[-1].core
    part = (last[0].stop - last[0].start) * (last[1].stop - last[1].start)
    assert found.n_pixels == 70 * 101
    assert found.seconds == pytest.approx(2 * 70 * 101 / part / 0.95)
    assert found.disk_bytes == int(70 * 101 * 4 / 3)
    assert found.memory_bytes > part * 4 * 2
