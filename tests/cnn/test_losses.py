from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.reference import losses as reference

from napari_segen.cnn import backend
from napari_segen.cnn.losses import LOSSES, masked_loss

pytestmark = pytest.mark.keras


@dataclass
class Batch:
    logits: np.ndarray
    index: np.ndarray
    teacher: np.ndarray


@st.composite
def batches(draw):
    """A batch of any shape and number of classes, some or all of it unlabelled."""
    shape = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    n_classes = draw(st.integers(2, 5))
    unlabelled, silent = draw(st.tuples(*[st.sampled_from([0.0, 0.4, 1.0])] * 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = rng.normal(0, draw(st.floats(0, 10)), (*shape, n_classes))
    index = rng.integers(0, n_classes, shape)
    index[rng.random(shape) < unlabelled] = -1
    teacher = rng.dirichlet(np.ones(n_classes), shape)
    teacher[rng.random(shape) < silent] = 0
    return Batch(
        logits.astype(np.float32), index.astype(np.int32), teacher.astype(np.float32)
    )


TAUGHT = st.none() | st.floats(0, 2)  # the weight of a teacher, if there is one
EVERY = pytest.mark.parametrize("name", LOSSES)


def given_to(batch, weight):
    taught = () if weight is None else (batch.teacher, weight)
    return batch.logits, batch.index, *taught


def value_and_gradient(name, logits, *rest):
    tf = backend.tensorflow()
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = masked_loss(name, variable, *rest)
    return float(loss), tape.gradient(loss, variable).numpy()


@EVERY
@settings(max_examples=12)
@given(batches(), TAUGHT)
def test_the_loss_is_its_formula(name, batch, weight):
    arguments = name, *given_to(batch, weight)
    assert_allclose(
        masked_loss(*arguments),
        reference.masked_loss(*arguments),
        rtol=1e-4,
        atol=1e-5,
    )


@EVERY
@settings(max_examples=6)
@given(batches(), st.sampled_from([50.0, -1e30, np.inf, np.nan]))
def test_unlabelled_pixels_change_neither_the_loss_nor_what_is_learnt(
    name, batch, other
):
    unlabelled = batch.index < 0
    changed = np.where(unlabelled[..., None], np.float32(other), batch.logits)
    value, gradient = value_and_gradient(name, batch.logits, batch.index)
    same, same_gradient = value_and_gradient(name, changed, batch.index)
    assert same == value
    assert_array_equal(same_gradient, gradient)
    assert (gradient[unlabelled] == 0).all()


@EVERY
@settings(max_examples=6)
@given(batches())
def test_a_teacher_is_heard_where_nothing_is_labelled_only(name, batch):
    labelled, silent = batch.index >= 0, batch.teacher.sum(axis=-1) == 0
    given = batch.logits, batch.index
    value, gradient = value_and_gradient(name, *given, batch.teacher, 0.3)
    other = np.where(labelled[..., None], np.float32(1 / 3), batch.teacher)
    assert value_and_gradient(name, *given, other, 0.3)[0] == value
    assert (gradient[~labelled & silent] == 0).all()
    assert (gradient[~labelled & ~silent] != 0).any(axis=-1).all()


@EVERY
@settings(max_examples=4)
@given(batches())
def test_a_batch_without_labels_has_loss_zero(name, batch):
    nothing = np.full_like(batch.index, -1)
    assert float(masked_loss(name, batch.logits, nothing)) == 0


@EVERY
@settings(max_examples=4)
@given(batches())
def test_certain_and_right_is_the_least_loss(name, batch):
    right = 30 * np.eye(batch.logits.shape[-1], dtype=np.float32)[batch.index]
    assert float(masked_loss(name, right, batch.index)) < 1e-5


@EVERY
@settings(max_examples=4)
@given(batches(), st.sampled_from([1e4, -1e4, 1e30]))
def test_certain_and_wrong_leaves_a_finite_gradient(name, batch, far):
    batch.logits[..., 0] = far
    value, gradient = value_and_gradient(name, batch.logits, batch.index)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
