import random
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_segen.cnn.batches import PatchSampler
from napari_segen.cnn.holdout import hold_out
from napari_segen.cnn.labelled import LabelledImage
from napari_segen.cnn.learner import Judgement
from napari_segen.cnn.losses import LOSSES
from napari_segen.cnn.pace import Clock
from napari_segen.cnn.params import TrainingParams
from napari_segen.cnn.record import HISTORY_KEYS
from napari_segen.cnn.training import PAUSE_SECONDS, Surroundings, train_steps
from napari_segen.cnn.unet import UNet, UNetParams
from napari_segen.cnn.workshop import Workshop, random_streams
from napari_segen.core.steps import FINISH, PAUSE, RESUME, Show, run

pytestmark = pytest.mark.keras


def network():
    return UNet(UNetParams(filters=4, depth=1), 1, 2, 16)


def planes(n=4, value=1.0):
    """Stripes, all labelled."""
    index = np.zeros((48, 48), np.int16)
    index[:, np.arange(48) // 8 % 2 == 1] = 1
    image = (index[np.newaxis] * value).astype(np.float32)
    return [LabelledImage(image, index)] * n


def params(**given):
    given = {"time_limit_s": None, "batch_size": 4, "max_steps": 25} | given
    return TrainingParams(**given)


def steps_of(given, source=None, **around):
    rng = random_streams(given.seed)[0]
    held = hold_out(source or planes(), given.validation_split, 2, rng)
    return train_steps(network(), held, given, Surroundings(**around))


def train(given, source=None, **around):
    return run(steps_of(given, source, **around))


def same(first, second):
    return all((a == b).all() for a, b in zip(first, second, strict=True))


def driven(steps, send):
    """Drive steps, sending ``send(number, step)`` after each; steps and result."""
    seen = [next(steps)]
    try:
        while True:
            seen.append(steps.send(send(len(seen), seen[-1])))
    except StopIteration as end:
        return seen, end.value


@pytest.fixture(scope="module")
def plain():
    """What 25 steps make."""
    return train(params())


SETTINGS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**31 - 1),
        "max_steps": st.integers(1, 5),
        "batch_size": st.integers(1, 5),
        "loss": st.sampled_from(list(LOSSES)),
        "learning_rate": st.floats(1e-6, 0.1),
        "decay": st.sampled_from(["none", "cosine"]),
        "validation_split": st.sampled_from([0.0, 0.3]),
        "class_balance": st.floats(0, 1),
        "augment": st.booleans(),
    }
)


@settings(max_examples=3)
@given(SETTINGS)
def test_the_same_seed_and_steps_make_the_same_weights(given):
    first, twin = train(params(**given)), train(params(**given))
    assert same(first.weights, twin.weights)
    assert first.history["loss"] == twin.history["loss"]


def test_another_seed_makes_other_weights(plain):
    assert not same(plain.weights, train(params(seed=4)).weights)


@pytest.fixture
def steady(monkeypatch):
    """A machine on which everything takes the same time."""
    counted = iter(range(10**6))
    monkeypatch.setattr(Clock, "elapsed", property(lambda self: next(counted) / 100))


@pytest.mark.parametrize("decay", ["none", "cosine"])
def test_a_time_budget_is_as_good_as_the_number_of_steps_it_took(decay, steady):
    timed = train(params(decay=decay, max_steps=None, time_limit_s=1.0))
    counted = train(params(decay=decay, max_steps=timed.n_steps))
    assert timed.note.startswith("all steps" if decay == "cosine" else "time is up")
    assert timed.decay_steps == counted.decay_steps
    assert (timed.decay_steps is None) == (decay == "none")
    assert same(timed.weights, counted.weights)


def test_a_cosine_makes_other_weights_than_none(plain):
    cosine = train(params(decay="cosine"))
    assert cosine.decay_steps == 25
    assert not same(plain.weights, cosine.weights)


def test_training_lowers_the_loss_and_the_history_says_so():
    history = train(params(max_steps=60, learning_rate=0.01)).history
    assert set(history) == set(HISTORY_KEYS)
    assert history["step"] == [20, 40, 60]
    assert history["seconds"] == sorted(history["seconds"])
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert all(0 <= v <= 1 for v in history["val_iou"])


def judged_as(monkeypatch, losses):
    """Make the looks find these losses, whatever the network says."""
    found = iter(losses)
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.int32)
    monkeypatch.setattr(
        Workshop, "judge", lambda self: Judgement(next(found), 0.5, *nothing)
    )


def test_the_weights_kept_are_those_with_the_lowest_held_out_loss(monkeypatch):
    trained = []
    for max_steps in (60, 40):
        judged_as(monkeypatch, [0.5, 0.2, 0.4])
        trained.append(train(params(max_steps=max_steps)).weights)
    assert same(*trained)


def test_patience_ends_a_training_that_gets_no_better(monkeypatch):
    judged_as(monkeypatch, [0.5, 0.4, 0.6, 0.4, 0.7])
    trained = train(params(max_steps=500, patience=2))
    assert trained.n_steps == 80
    assert "no better on held-out labels in 2 looks" in trained.note
    assert trained.history["val_loss"] == [0.5, 0.4, 0.6, 0.4]


def test_without_held_out_labels_patience_has_no_meaning():
    trained = train(params(validation_split=0.0, patience=1, max_steps=50))
    assert trained.n_steps == 50


def test_asked_to_finish_it_stops_with_the_best_so_far():
    steps = steps_of(params(max_steps=10_000))
    for step in steps:
        if "loss" in step.figures:
            break
    with pytest.raises(StopIteration) as end:
        steps.send(FINISH)
    assert end.value.value.n_steps == 1
    assert end.value.value.note.startswith("finished early")


def test_every_step_has_its_loss_and_new_looks_have_the_held_out_one():
    steps = list(steps_of(params()))
    losses = [s.figures["loss"] for s in steps if "loss" in s.figures]
    looks = [s.figures["step"] for s in steps if "val_loss" in s.figures]
    assert len(losses) == 25
    assert looks == [20, 25]
    assert steps[-1].done == steps[-1].total


def test_orders_given_while_tensorflow_starts_are_kept():
    steps = steps_of(params(max_steps=10_000))
    next(steps)
    steps.send(FINISH)
    assert run(steps).n_steps == 1


def test_a_pause_does_nothing_and_counts_no_time(plain):
    since, n_wanted = [], 8

    def send(number, step):
        if number == 6:
            return PAUSE
        if step.text != "Paused":
            return None
        since.append(time.monotonic())
        return RESUME if len(since) == n_wanted else None

    began = time.monotonic()
    seen, paused = driven(steps_of(params(), augmentation=None), send)
    texts = [s.text for s in seen]
    first = texts.index("Paused")
    n_paused = texts.count("Paused")
    assert set(texts[first : first + n_paused]) == {"Paused"}
    assert n_paused == n_wanted
    seconds = since[-1] - since[0]
    assert seconds >= (n_wanted - 1) * PAUSE_SECONDS
    whole = time.monotonic() - began
    assert paused.history["seconds"][-1] < whole - seconds
    assert same(paused.weights, plain.weights)


def test_a_finish_ends_a_pause():
    orders = {5: PAUSE, 8: FINISH}
    seen, trained = driven(
        steps_of(params(max_steps=500)), lambda number, _: orders.get(number)
    )
    assert trained.n_steps == 3
    assert seen[-1].text == "Paused"


def test_a_look_is_answered_once_by_the_next_step(plain):
    asked = Show(0, 0, (slice(0, 4), slice(0, 5)))

    def show(order, weights):
        assert order is asked
        return np.full((4, 5), len(weights))

    seen, trained = driven(
        steps_of(params(), show=show), lambda number, _: asked if number == 9 else None
    )
    pictures = [i for i, s in enumerate(seen) if s.picture is not None]
    assert pictures == [9]
    assert seen[9].picture.shape == (4, 5)
    assert same(trained.weights, plain.weights)


def test_epochs_end_the_training():
    # 4 planes of 3 x 3 patches, a tenth held out, 4 patches a step.
    assert train(params(max_steps=None, epochs=2, validation_split=0.0)).n_steps == 18


def test_training_that_is_never_finite_is_an_error_with_the_remedy():
    with pytest.raises(ValueError, match=r"diverged at step.*learning_rate"):
        train(params(), planes(value=np.float32(np.nan)))


def test_training_that_diverges_keeps_what_was_good(monkeypatch):
    draw, drawn = PatchSampler.draw, []

    def poisoned(self, rng):
        batch = draw(self, rng)
        drawn.append(1)
        return batch._replace(x=batch.x * np.nan) if len(drawn) > 30 else batch

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


def test_the_thread_that_draws_batches_ends_with_the_training():
    def drawing():
        return [t for t in threading.enumerate() if "patches" in t.name]

    steps = steps_of(params(max_steps=1000))
    for step in steps:
        if "loss" in step.figures:
            break
    assert drawing()
    steps.close()
    assert not drawing()


def test_a_log_for_tensorboard_holds_the_curves(tmp_path):
    from napari_segen.cnn import backend

    trained = train(params(), log_dir=tmp_path / "logs")
    (path,) = (tmp_path / "logs").iterdir()
    tf = backend.tensorflow()
    seen = {}
    for record in tf.data.TFRecordDataset(str(path)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name in ("scalars", "")
            number = float(tf.make_ndarray(value.tensor))
            seen.setdefault(value.tag, {})[event.step] = number
    assert list(seen["loss"]) == list(range(1, 26))
    assert seen["val_iou"][25] == pytest.approx(trained.history["val_iou"][-1])
