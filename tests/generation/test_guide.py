import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from napari_segen.core.steps import run
from napari_segen.generation import guide as guide_module
from napari_segen.generation.displaced import REACH_PX, displaced
from napari_segen.generation.guide import Guide
from napari_segen.generation.labelmaps import Drawn, LabelModel, kept_parts
from napari_segen.generation.method import Source
from napari_segen.generation.scaling import Scaling

SAME = Scaling(np.zeros(1), np.ones(1))


def cells(seed=0, shape=(90, 110)):
    """Cells of class 7 between membranes of class 2, each of its own grey value."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, int)
    at = rng.integers(0, shape, (40, 2))
    seeds[tuple(at.T)] = np.arange(1, 41)
    nearest = ndimage.distance_transform_edt(
        seeds == 0, return_distances=False, return_indices=True
    )
    grown = seeds[tuple(nearest)]
    wall = ndimage.grey_dilation(grown, 3) != ndimage.grey_erosion(grown, 3)
    return np.where(wall, 2, 7), np.where(wall, 0, grown)


@pytest.mark.parametrize("seed", range(3))
def test_a_collage_says_where_each_pixel_was_cut_from(seed):
    labels, _ = cells()
    model = LabelModel.fit([labels], "classes")
    assert model.makes_collages
    drawn = run(model.draw_steps((120, 80), np.random.default_rng(seed)))
    known = drawn.at >= 0
    assert known.mean() > 0.8
    assert_array_equal(drawn.labels[known], labels.ravel()[drawn.at[known]])
    again = run(model.sample_steps((120, 80), np.random.default_rng(seed)))
    assert_array_equal(again, drawn.labels)


def test_scattered_objects_were_cut_from_nowhere():
    labels = np.zeros((60, 60), int)
    labels[10:20, 10:20], labels[40:50, 30:40] = 1, 2
    model = LabelModel.fit([labels], "instances")
    assert not model.makes_collages
    drawn = run(model.draw_steps((50, 50), np.random.default_rng(0)))
    assert drawn.at is None


@pytest.fixture
def still(monkeypatch):
    """Leave pixels where they are."""
    monkeypatch.setattr(guide_module, "displaced", lambda picture, *_: picture)


def random():
    return np.random.default_rng(0)


def test_displaced_pixels_keep_their_label_and_their_neighbours():
    labels, grey = cells(shape=(200, 240))
    y, x = np.indices(labels.shape, np.float32)
    picture = np.stack([labels, grey, y, x], axis=-1).astype(np.float32)
    found = displaced(picture, labels, np.ones(labels.shape, bool), random())
    assert_array_equal(found[..., 0], labels)
    moved = np.hypot(found[..., 2] - y, found[..., 3] - x)
    assert 0.3 * REACH_PX < np.sqrt((moved**2).mean()) < 2 * REACH_PX
    together = np.hypot(*np.diff(found[..., 2:], axis=1).transpose(2, 0, 1)) < 4
    assert together.mean() > 0.75


def test_only_known_pixels_are_fetched():
    labels = np.ones((90, 80), int)
    known = np.zeros(labels.shape, bool)
    known[:45] = True
    picture = np.where(known, 5, -1).astype(np.float32)[..., np.newaxis]
    found = displaced(picture, labels, known, random())[..., 0]
    assert (found[known] == 5).all()
    assert (found[~known] == 5).any()


def test_planes_of_a_volume_are_displaced_alike():
    plane = np.random.default_rng(1).random((60, 70)).astype(np.float32)
    picture = np.stack([plane] * 3)[..., np.newaxis]
    labels = np.ones((3, 60, 70), int)
    found = displaced(picture, labels, np.ones(labels.shape, bool), random())
    assert not np.array_equal(found[0], picture[0])
    assert_array_equal(found[1:], np.stack([found[0]] * 2))


def test_a_picture_holds_the_grey_values_of_the_places_it_is_cut_from(still):
    labels, grey = cells()
    image = np.stack([grey, -grey]).astype(np.int16)
    guide = Guide.fit([Source(image, labels)])
    scaling = Scaling(np.array([1.0, 0.0]), np.array([2.0, 1.0]))
    at = np.array([[5, 17, -1], [999, -1, 3]], np.int32)
    drawn = Drawn(np.where(at < 0, 2, labels.ravel()[at]), 0, at)
    drawn.labels[0, :2] = 2
    picture = guide.picture(drawn, scaling, random())
    flat = (image.reshape(2, -1) - [[1.0], [0.0]]) / [[2.0], [1.0]]
    assert picture.shape == (2, 3, 2)
    assert_allclose(picture[at >= 0], flat[:, at[at >= 0]].T)
    same = (at >= 0) & (drawn.labels == 2)
    assert_allclose(picture[at < 0], [picture[same].mean(axis=0)] * 2, rtol=1e-6)


def test_pixels_without_data_count_as_cut_from_nowhere(still):
    image = np.array([[[1.0, np.nan, 3.0]]])
    guide = Guide.fit([Source(image, np.array([[4, 4, 9]]))])
    at = np.array([[0, 1, -1]], np.int32)
    picture = guide.picture(Drawn(np.array([[4, 4, 9]]), 0, at), SAME, random())
    assert_array_equal(picture[0, :, 0], [1, 1, 0])


def test_no_collage_no_picture():
    guide = Guide([np.zeros((1, 4, 4))])
    assert guide.picture(Drawn(np.zeros((4, 4), int), 0, None), SAME, random()) is None


def test_images_are_cut_as_their_maps_are():
    labels = np.arange(3000 * 2000, dtype=np.uint32).reshape(3000, 2000) % 7
    ((number, box),) = kept_parts([labels])
    model = LabelModel.fit([labels], "classes")
    guide = Guide.fit([Source(labels[np.newaxis], labels)])
    assert number == 0
    assert labels[box].size <= 2**22
    assert_array_equal(guide.images[0][0], model.values[model.maps[0]])


def test_a_file_gives_the_images_back_and_a_damaged_one_is_refused():
    guide = Guide([np.arange(12.0).reshape(1, 3, 4)])
    back = Guide.from_arrays(guide.arrays(), [(1, 3, 4)])
    assert_array_equal(back.images[0], guide.images[0])
    for shapes in ([(1, 4, 3)], [(1, 3, 4)] * 2):
        with pytest.raises(ValueError, match="images of the label maps"):
            Guide.from_arrays(guide.arrays(), shapes)
    with pytest.raises(ValueError, match="images of the label maps"):
        Guide.from_arrays({"guide_0": np.array([["a"]])}, [(1, 1)])
