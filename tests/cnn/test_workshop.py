"""What happens where memory runs out."""

import numpy as np
import pytest

from napari_segen.cnn import backend
from napari_segen.cnn.holdout import hold_out
from napari_segen.cnn.labelled import LabelledImage
from napari_segen.cnn.learner import Learner
from napari_segen.cnn.params import TrainingParams
from napari_segen.cnn.training import train_steps
from napari_segen.cnn.unet import UNet, UNetParams
from napari_segen.cnn.workshop import random_streams
from napari_segen.core.steps import run

pytestmark = pytest.mark.keras


def train(batch_size, max_steps=5):
    index = (np.arange(48) // 8 % 2 * np.ones((48, 1))).astype(np.int16)
    images = [LabelledImage(index[np.newaxis].astype(np.float32), index)]
    params = TrainingParams(
        batch_size=batch_size, max_steps=max_steps, time_limit_s=None
    )
    held = hold_out(images, 0.1, 2, random_streams(0)[0])
    return run(train_steps(UNet(UNetParams(4, 1), 1, 2, 16), held, params))


def failing(monkeypatch, fails, error=None):
    """Make the steps fail of which ``fails(batch size, step)`` is true."""
    learn = Learner.learn

    def limited(self, batch, step, rate):
        if fails(len(batch.x), step):
            raise error or MemoryError
        return learn(self, batch, step, rate)

    monkeypatch.setattr(Learner, "learn", limited)


def same(first, second):
    return all((a == b).all() for a, b in zip(first, second, strict=True))


def test_out_of_memory_at_once_is_as_if_asked_for_half_the_batch(monkeypatch):
    half = train(4)
    exhausted = backend.tensorflow().errors.ResourceExhaustedError(None, None, "full")
    failing(monkeypatch, lambda size, step: size > 4, exhausted)
    trained = train(8)
    assert "memory ran out: 4 patches per step instead" in trained.note
    assert same(trained.weights, half.weights)


def test_out_of_memory_later_goes_on_from_where_it_was(monkeypatch):
    failing(monkeypatch, lambda size, step: size > 4 and step == 21)
    trained = train(8, max_steps=40)
    assert trained.n_steps == 40
    assert trained.history["step"] == [20, 40]
    assert trained.history["loss"][1] < trained.history["loss"][0]
    assert "4 patches per step" in trained.note


def test_no_memory_for_half_the_batch_is_an_error_with_the_remedy(monkeypatch):
    failing(monkeypatch, lambda size, step: True)
    with pytest.raises(MemoryError, match=r"batches of 4 patches.*smaller patch_px"):
        train(8)


def test_no_memory_after_a_while_keeps_what_was_good(monkeypatch):
    failing(monkeypatch, lambda size, step: step > 25)
    trained = train(8, max_steps=100)
    assert trained.n_steps == 25
    assert "stopped: memory ran out at step 26" in trained.note


def test_a_full_gpu_is_left_for_the_processor(monkeypatch):
    monkeypatch.setattr(backend, "has_gpu", lambda: True)
    devices = []
    init = Learner.__init__

    def noted(self, *args, device=None, **given):
        devices.append(device)
        init(self, *args, device=device, **given)
        if device is None:
            raise MemoryError

    monkeypatch.setattr(Learner, "__init__", noted)
    trained = train(8)
    assert devices == [None, None, "/CPU:0"]
    assert "the GPU's memory is full: trained on the CPU" in trained.note
