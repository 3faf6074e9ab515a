import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference import losses as reference

from napari_segen.cnn import backend
from napari_segen.cnn.losses import LOSSES, masked_loss

pytestmark = pytest.mark.keras


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    index = rng.integers(-1, 3, (2, 4, 5)).astype(np.int32)
    return rng.normal(0, 3, (2, 4, 5, 3)).astype(np.float32), index


@pytest.fixture
def teacher():
    posterior = np.random.default_rng(1).dirichlet((1, 1, 1), (2, 4, 5))
    posterior[0, 0] = 0
    return posterior.astype(np.float32)


def value_and_gradient(name, logits, *rest):
    tf = backend.tensorflow()
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = masked_loss(name, variable, *rest)
    return float(loss), tape.gradient(loss, variable).numpy()


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_its_formula(name, batch):
    assert_allclose(
        masked_loss(name, *batch), reference.masked_loss(name, *batch), rtol=1e-5
    )


@pytest.mark.parametrize("name", LOSSES)
def test_with_a_teacher_the_loss_is_its_formula(name, batch, teacher):
    given = (name, *batch, teacher, 0.3)
    assert_allclose(masked_loss(*given), reference.masked_loss(*given), rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("other", [50.0, -1e30, np.inf, np.nan])
def test_unlabelled_pixels_change_neither_the_loss_nor_what_is_learnt(
    name, batch, other
):
    logits, index = batch
    changed = np.where((index < 0)[..., None], np.float32(other), logits)
    value, gradient = value_and_gradient(name, logits, index)
    same, same_gradient = value_and_gradient(name, changed, index)
    assert same == value
    assert_array_equal(same_gradient, gradient)
    assert (gradient[index < 0] == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_teacher_is_heard_where_nothing_is_labelled_only(name, batch, teacher):
    logits, index = batch
    value, gradient = value_and_gradient(name, logits, index, teacher, 0.3)
    other = np.where((index >= 0)[..., None], np.float32(1 / 3), teacher)
    assert value_and_gradient(name, logits, index, other, 0.3)[0] == value
    silent = (index < 0) & (teacher.sum(axis=-1) == 0)
    assert (gradient[silent] == 0).all()
    assert (gradient[(index < 0) & ~silent] != 0).any(axis=-1).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_labels_has_loss_zero(name, batch):
    logits, index = batch
    assert float(masked_loss(name, logits, np.full_like(index, -1))) == 0


@pytest.mark.parametrize("name", LOSSES)
def test_certain_and_right_is_the_least_loss(name, batch):
    _, index = batch
    right = 30 * np.eye(3, dtype=np.float32)[np.maximum(index, 0)]
    assert float(masked_loss(name, right, index)) < 1e-5


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("far", [1e4, -1e4])
def test_certain_and_wrong_leaves_a_finite_gradient(name, batch, far):
    logits, index = batch
    logits = logits.copy()
    logits[..., 0] = far
    value, gradient = value_and_gradient(name, logits, index)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
