import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.generation.labelmaps.figures import loose_ends, membrane_figures
from tests.generation.labelmaps.maps import foam

from napari_segen.core.steps import run
from napari_segen.generation.labelmaps.model import LabelModel
from napari_segen.generation.labelmaps.pieces import cut_map, looks_alike
from napari_segen.generation.labelmaps.slivers import merge_slivers

TRAINING = foam((256, 256), 90)


def draw(labels, shape, seeds, task="classes"):
    model = LabelModel.fit([labels], task)
    return [run(model.sample_steps(shape, np.random.default_rng(s))) for s in seeds]


def blocks(side, shape, seed=0, n_classes=4):
    rng = np.random.default_rng(seed)
    few = rng.integers(0, n_classes, [n // side for n in shape])
    return np.kron(few, np.ones((side, side), int))


def test_membranes_are_found_whatever_their_value():
    assert cut_map(TRAINING, instances=False).wall == 1
    assert cut_map(1 - TRAINING, instances=False).wall == 0
    assert cut_map(blocks(16, (128, 128)), instances=False).wall is None


def test_share_thickness_and_cells_are_as_in_training():
    real = membrane_figures([TRAINING > 0])
    made = membrane_figures([m > 0 for m in draw(TRAINING, (256, 256), range(4))])
    assert_allclose(made["share"], real["share"], rtol=0.2)
    assert_allclose(made["thickness"], real["thickness"], rtol=0.2)
    assert_allclose(made["cells_per_megapixel"], real["cells_per_megapixel"], rtol=0.3)
    assert_allclose(made["cell_area"][2], real["cell_area"][2], rtol=0.35)


def test_membranes_close():
    assert loose_ends(TRAINING > 0) == 0
    made = draw(TRAINING, (256, 256), range(4))
    # The middle line of a membrane that thickens ends in it now and then.
    assert sum(loose_ends(m > 0) for m in made) <= 8


def test_a_loose_end_is_counted():
    mask = np.zeros((60, 60), bool)
    mask[28:32, :40] = True
    assert loose_ends(mask) == 1


def test_shares_of_classes_are_as_in_training():
    labels = blocks(20, (200, 200))
    made = np.array(draw(labels, (200, 200), range(6)))
    real = np.bincount(labels.ravel()) / labels.size
    assert_allclose(np.bincount(made.ravel()) / made.size, real, atol=0.08)


def test_layers_keep_their_direction():
    labels = (np.arange(160) // 10 % 2)[:, np.newaxis] * np.ones(160, int)
    made = draw(labels, (160, 160), [0])[0].astype(int)
    across = np.count_nonzero(np.diff(made, axis=0))
    along = np.count_nonzero(np.diff(made, axis=1))
    assert not looks_alike(labels)
    assert across > 2.5 * along


def test_objects_without_background_fill_the_plane():
    ids = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((16, 16), int))
    made = draw(ids, (130, 150), range(2), "instances")
    for m in made:
        assert m.min() > 0
        assert_allclose(np.median(np.bincount(m.ravel())[1:]), 256, rtol=0.5)


@pytest.mark.parametrize("shape", [(700, 500), (20, 30)])
def test_larger_and_smaller_maps_are_alike(shape):
    made = draw(TRAINING, shape, range(1 if shape[0] > 99 else 30))
    share = np.mean([m > 0 for m in made])
    assert_allclose(share, (TRAINING > 0).mean(), rtol=0.3)


def test_slivers_go_to_the_neighbour_with_the_longest_border():
    pieces = cut_map(blocks(16, (64, 64)), instances=False)
    parts = np.ones((64, 64), np.int32)
    parts[:, 40:] = 2
    parts[10:14, 38:42] = 3
    full = np.full(parts.shape, 10**4)
    full[parts != 3] = 1
    merged = merge_slivers(parts, full, pieces)
    assert_array_equal(np.unique(merged), [1, 2])
    assert_array_equal(merged[parts != 3], parts[parts != 3])
