import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage
from skimage.measure import label
from tests.generation.labelmaps.figures import object_figures
from tests.generation.labelmaps.maps import discs

from napari_segen.core.steps import run
from napari_segen.generation.labelmaps.model import LabelModel

TRAINING = discs((200, 200))


def draw(labels, shape, seeds, task="instances"):
    model = LabelModel.fit([labels], task)
    return [
        run(model.sample_steps(shape, np.random.default_rng(s))).astype(int)
        for s in seeds
    ]


def touching_pairs(shape=(200, 200)):
    """Discs, each cut in two objects that touch."""
    ids = discs(shape).astype(int)
    lower = np.zeros(shape, bool)
    for i, box in enumerate(ndimage.find_objects(ids), start=1):
        half = (box[0].start + box[0].stop) // 2
        lower[half:][(ids == i)[half:]] = True
    return ids * 2 - lower * (ids > 0)


def crowd(side=16, gap=2, shape=(192, 192)):
    y, x = np.indices(shape)
    inside = (y % side < side - gap) & (x % side < side - gap)
    return np.where(inside, y // side * 100 + x // side + 1, 0)


def test_share_number_sizes_and_distances_are_as_in_training():
    real = object_figures([TRAINING])
    made = object_figures(draw(TRAINING, (300, 300), range(4)))
    assert_allclose(made["foreground"], real["foreground"], rtol=0.15)
    assert_allclose(made["per_megapixel"], real["per_megapixel"], rtol=0.15)
    assert_allclose(made["area"], real["area"], rtol=0.25)
    assert_allclose(made["neighbour"][2], real["neighbour"][2], rtol=0.2)
    assert made["touching"] == real["touching"] == 0


def test_density_varies_over_a_map_as_in_training():
    uneven = np.where(np.arange(200) < 100, TRAINING, 0)
    made = draw(uneven, (400, 400), [0])[0] > 0
    blocks = made.reshape(8, 50, 8, 50).mean(axis=(1, 3))
    assert (blocks < 0.03).mean() > 0.15
    assert (blocks > 0.1).mean() > 0.15
    assert_allclose(made.mean(), (uneven > 0).mean(), rtol=0.35)


def test_touching_objects_stay_two():
    pairs = touching_pairs()
    made = draw(pairs, (300, 300), [0, 1])
    real, found = object_figures([pairs]), object_figures(made)
    assert found["touching"] > 0.85 * real["touching"]
    assert_allclose(found["per_megapixel"], real["per_megapixel"], rtol=0.2)


@pytest.mark.parametrize("labels", [TRAINING, crowd()], ids=["scattered", "crowded"])
def test_objects_are_whole_and_cut_only_by_the_border(labels):
    least = 0.5 * np.bincount(labels[labels > 0])[1:][np.newaxis]
    least = least[least > 0].min()
    for ids in draw(labels, (220, 180), range(3)):
        inner = set(np.unique(ids)) - {0}
        inner -= {*ids[0], *ids[-1], *ids[:, 0], *ids[:, -1]}
        for i in inner:
            mask = ids == i
            n_large = (np.bincount(label(mask)[mask]) > 4).sum()
            assert n_large <= 1
            assert mask.sum() > least


def test_a_crowd_stays_one():
    real = object_figures([crowd()])
    made = object_figures(draw(crowd(), (250, 250), range(3)))
    assert_allclose(made["foreground"], real["foreground"], rtol=0.25)
    assert_allclose(made["area"][2], real["area"][2], rtol=0.15)


def test_classes_of_an_object_stay_together():
    body = discs((160, 160), spacing=26) > 0
    kernel = ndimage.binary_erosion(body, iterations=2)
    labels = np.where(kernel, 9, np.where(body, 4, 0))
    made = draw(labels, (200, 200), [0], "classes")[0]
    assert set(np.unique(made)) == {0, 4, 9}
    beside = ndimage.binary_dilation(made == 9) & (made != 9)
    assert (made[beside] == 4).mean() > 0.97


def test_drawn_objects_are_not_copies():
    shapes = set()
    for ids in draw(TRAINING, (200, 200), range(2)):
        for i, box in enumerate(ndimage.find_objects(ids), start=1):
            shapes.add((ids[box] == i).tobytes())
    training = {
        (TRAINING[box] == i).tobytes()
        for i, box in enumerate(ndimage.find_objects(TRAINING), start=1)
    }
    assert len(shapes & training) < 0.2 * len(shapes)


def test_objects_of_a_volume_are_drawn_in_depth():
    z, y, x = np.indices((30, 60, 60))
    labels = np.zeros((30, 60, 60), int)
    rng = np.random.default_rng(0)
    for i, at in enumerate(rng.uniform(6, [24, 54, 54], (12, 3)), start=1):
        ball = (z - at[0]) ** 2 * 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2 < 36
        labels[ball & (labels == 0)] = i
    made = draw(labels, (30, 90, 90), range(3))
    share = np.mean([m > 0 for m in made])
    assert_allclose(share, (labels > 0).mean(), rtol=0.4)
    boxes = [box for m in made for box in ndimage.find_objects(m)]
    depths = np.array([b[0].stop - b[0].start for b in boxes])
    widths = np.array([b[1].stop - b[1].start for b in boxes])
    assert 1.1 < np.median(widths) / np.median(depths) < 1.9
