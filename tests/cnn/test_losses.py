import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.reference import losses as reference

from napari_segen.cnn.losses import LOSSES, masked_loss

pytestmark = pytest.mark.keras


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    index = rng.integers(-1, 3, (2, 4, 5)).astype(np.int32)
    return rng.normal(0, 3, (2, 4, 5, 3)).astype(np.float32), index


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_its_formula(name, batch):
    assert_allclose(
        masked_loss(name, *batch), reference.masked_loss(name, *batch), rtol=1e-5
    )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("other", [50.0, -1e30, np.inf, np.nan])
def test_unlabelled_pixels_do_not_change_the_loss(name, batch, other):
    logits, index = batch
    changed = np.where((index < 0)[..., None], np.float32(other), logits)
    assert float(masked_loss(name, changed, index)) == float(
        masked_loss(name, logits, index)
    )


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_labels_has_loss_zero(name, batch):
    logits, index = batch
    assert float(masked_loss(name, logits, np.full_like(index, -1))) == 0
