"""The lazy route gives the labels of the whole image, and reads what is asked for."""

import numpy as np
import pytest

from napari_segen.core.imagespec import ImageSpec

da = pytest.importorskip("dask.array")

from tests.scale.conftest import fitted, spots  # noqa: E402

from napari_segen.core.errors import NotFitted  # noqa: E402
from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter  # noqa: E402
from napari_segen.scale.lazy import segment_lazy  # noqa: E402

pytestmark = pytest.mark.usefixtures("small_parts")


@pytest.mark.parametrize("chunks", [17, (70, 101), (5, 64)])
def test_labels_are_those_of_the_whole_image(model, chunks):
    image = spots((70, 101), 1)
    found = segment_lazy(model, da.from_array(image, chunks))
    whole = model.predict(image)
    assert found.dtype == whole.dtype
    assert found.npartitions == 12
    np.testing.assert_array_equal(found.compute(scheduler="synchronous"), whole)
    np.testing.assert_array_equal(found.compute(scheduler="threads"), whole)


def test_frames_channels_and_axes_of_length_one(model):
    film = np.stack([spots((40, 50), s) // (s + 1) for s in range(3)])
    array = da.from_array(film[:, None, None])
    found = segment_lazy(model, array, spec=ImageSpec("tczyx"))
    assert found.shape == (3, 1, 40, 50)
    whole = model.predict(film, spec=ImageSpec("tyx"))
    np.testing.assert_array_equal(found.compute()[:, 0], whole)


def test_volumes():
    model = fitted((10, 30, 30))
    volume = spots((14, 40, 33), 1)
    found = segment_lazy(model, da.from_array(volume, 16))
    np.testing.assert_array_equal(found.compute(), model.predict(volume))


def test_only_what_is_wanted_is_read():
    model = fitted((60, 60), normalization="training")
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return spots((32, 32))

    array = da.map_blocks(block, chunks=((32,) * 8,) * 2, dtype=np.uint16)
    found = segment_lazy(model, array)
    read.clear()
    # Whatever cluster other tests have connected this process to.
    found[:32, :32].compute(scheduler="synchronous")
    assert set(read) == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_numpy_arrays_will_do(model):
    image = spots((40, 50))
    found = segment_lazy(model, image)
    np.testing.assert_array_equal(found.compute(), model.predict(image))


def test_bad_arguments(model):
    image = da.zeros((30, 30))
    with pytest.raises(NotFitted):
        segment_lazy(ProbabilisticSegmenter(), image)
    with pytest.raises(TypeError, match="spec must be an ImageSpec"):
        segment_lazy(model, image, spec="yx")
    with pytest.raises(ValueError, match="3 axes"):
        segment_lazy(model, da.zeros((2, 30, 30)))
