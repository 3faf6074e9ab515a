import random

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from napari_segen.cnn.batches import PatchSampler
from napari_segen.cnn.planes import Plane
from napari_segen.cnn.training import (
    HISTORY_KEYS,
    TrainingParams,
    _Run,
    train_steps,
)
from napari_segen.cnn.unet import UNet, UNetParams
from napari_segen.core.parameters import describe
from napari_segen.core.steps import FINISH, run

pytestmark = pytest.mark.keras


def network():
    return UNet(UNetParams(filters=4, depth=1), 1, 2, 16)


def planes(n=4, value=1.0):
    """Stripes, all labelled."""
    index = np.zeros((48, 48), np.int16)
    index[:, np.arange(48) // 8 % 2 == 1] = 1
    image = (index[np.newaxis] * value).astype(np.float32)
    return [Plane(image, index)] * n


def params(**given):
    given = {"time_limit_s": None, "batch_size": 4, "max_steps": 25} | given
    return TrainingParams(**given)


def train(given, source=None):
    return run(train_steps(network(), source or planes(), given))


def test_the_same_seed_and_steps_make_the_same_weights():
    first, again = train(params(seed=3)), train(params(seed=3))
    for a, b in zip(first.weights, again.weights, strict=True):
        assert_array_equal(a, b)
    other = train(params(seed=4)).weights
    assert any((a != b).any() for a, b in zip(first.weights, other, strict=True))


def test_a_time_budget_is_as_good_as_the_number_of_steps_it_took():
    timed = train(params(max_steps=None, time_limit_s=0.5))
    counted = train(params(max_steps=timed.n_steps))
    assert "time is up" in timed.note
    for a, b in zip(timed.weights, counted.weights, strict=True):
        assert_array_equal(a, b)


def test_training_lowers_the_loss_and_the_history_says_so():
    history = train(params(max_steps=60, learning_rate=0.01)).history
    assert set(history) == set(HISTORY_KEYS)
    assert history["step"] == [20, 40, 60]
    assert history["seconds"] == sorted(history["seconds"])
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert all(0 <= v <= 1 for v in history["val_iou"])


def test_the_weights_kept_are_those_with_the_lowest_held_out_loss(monkeypatch):
    def train_judged(max_steps):
        scores = iter([(0.5, 0.6), (0.2, 0.9), (0.4, 0.7)])
        monkeypatch.setattr(_Run, "_validate", lambda self: next(scores))
        return train(params(max_steps=max_steps))

    for a, b in zip(train_judged(60).weights, train_judged(40).weights, strict=True):
        assert_array_equal(a, b)


def test_asked_to_finish_it_stops_with_the_best_so_far():
    steps = train_steps(network(), planes(), params(max_steps=10_000))
    for step in steps:
        if "loss" in step.figures:
            break
    with pytest.raises(StopIteration) as end:
        steps.send(FINISH)
    assert end.value.value.n_steps == 1
    assert end.value.value.note.startswith("finished early")


def test_every_step_has_its_loss_and_new_looks_have_the_held_out_one():
    steps = list(train_steps(network(), planes(), params()))
    losses = [s.figures["loss"] for s in steps if "loss" in s.figures]
    looks = [s.figures["step"] for s in steps if "val_loss" in s.figures]
    assert len(losses) == 25
    assert looks == [20, 25]
    assert steps[-1].done == steps[-1].total


def test_epochs_end_the_training():
    # 4 planes of 3 x 3 patches, a tenth held out, 4 patches a step.
    assert train(params(max_steps=None, epochs=2, validation_split=0.0)).n_steps == 18


def test_training_that_is_never_finite_is_an_error_with_the_remedy():
    with pytest.raises(ValueError, match=r"diverged at step.*learning_rate"):
        train(params(), planes(value=np.float32(np.nan)))


def test_training_that_diverges_keeps_what_was_good(monkeypatch):
    draw, drawn = PatchSampler.draw, []

    def poisoned(self, rng):
        x, y = draw(self, rng)
        drawn.append(1)
        return (x * np.nan if len(drawn) > 30 else x), y

    monkeypatch.setattr(PatchSampler, "draw", poisoned)
    trained = train(params(max_steps=100, validation_split=0.0))
    assert "diverged" in trained.note
    assert trained.n_steps < 100
    assert all(np.isfinite(w).all() for w in trained.weights)


def test_training_leaves_the_users_global_generators_alone():
    def states():
        return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = states()
    train(params(max_steps=2))
    assert states() == before


def test_without_any_limit_the_parameters_are_refused():
    with pytest.raises(ValueError, match="never end"):
        TrainingParams(time_limit_s=None)


@pytest.mark.parametrize("name", ["epochs", "max_steps", "batch_size", "patch_px"])
def test_counts_are_whole_numbers(name):
    with pytest.raises(TypeError, match=f"{name} must be a whole number"):
        TrainingParams(**{name: 4.5})


@pytest.mark.parametrize(
    "given",
    [
        {"loss": "hinge"},
        {"learning_rate": 0.0},
        {"validation_split": 0.9},
        {"seed": -1},
        {"batch_size": 0},
    ],
)
def test_values_out_of_range_are_refused_by_name(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        TrainingParams(**given)


def test_every_parameter_has_a_help_text():
    assert all(p.help for p in describe(TrainingParams))
