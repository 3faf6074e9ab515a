"""Fitting the autoencoder to random patches."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.cnn.backend import keras, tensorflow
from napari_segen.core.imagespec import Array
from napari_segen.core.steps import FINISH, Step, Steps
from napari_segen.generation.autoencoder import HALO, Plan, build, losses
from napari_segen.generation.method import Budget

_AVERAGE_DECAY = 0.98
# Steps until the divergence counts in full: at once, it would silence the noise
# before the decoder has learnt to listen to it.
_WARM_UP = 100.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame to draw patches from, at least one patch in size.

    Parameters
    ----------
    values : float32 array of shape (H, W, C)
        Standardised, 0 where there is no data.
    seen : float32 array of shape (H, W, 1)
        0 where there is no data, else 1.
    """

    values: Array
    seen: Array


def padded(frame: Frame, least: int) -> Frame:
    """Mirror a frame that is smaller than a patch until it holds one."""
    pad = [(0, max(0, least - n)) for n in frame.seen.shape[:2]]
    return Frame(
        np.pad(frame.values, [*pad, (0, 0)], mode="symmetric"),
        np.pad(frame.seen, [*pad, (0, 0)], mode="symmetric"),
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights of encoder and decoder, and how they came about."""

    encoder: list[Array]
    decoder: list[Array]
    n_steps: int
    history: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the weights are fitted."""

    patch_px: int
    batch_size: int
    learning_rate: float
    divergence_weight: float


def train_steps(
    plan: Plan, frames: Sequence[Frame], schedule: Schedule, budget: Budget, seed: int
) -> Steps[Trained]:
    """Train until the budget is spent or FINISH comes; averaged weights are returned.

    The running mean of the weights is less noisy than the last ones, and unlike a
    falling learning rate it need not know when the end will come.
    """
    yield Step(0, 0, "Starting TensorFlow")
    rng = np.random.default_rng(seed)
    encoder, decoder = (
        build(layers, [w for layer in layers for w in layer.initial(rng)])
        for layers in (plan.encoder(), plan.decoder())
    )
    n_encoder = len(encoder.weights)
    optimise, averages = _optimiser(encoder, decoder, plan, schedule)
    per_epoch = _steps_per_epoch(frames, schedule)
    history: dict[str, list[float]] = {
        k: [] for k in ("step", "seconds", "loss", "squared_error", "divergence")
    }
    started, n_steps = time.monotonic(), 0
    while not budget.is_spent(n_steps, per_epoch, started):
        batch = _batch(frames, plan, schedule, rng)
        figures = _figures(optimise(*batch, np.float32(n_steps)))
        n_steps += 1
        seconds = time.monotonic() - started
        for key, value in ({"step": n_steps, "seconds": seconds} | figures).items():
            history[key].append(value)
        text = f"Training: loss {figures['loss']:.3f}"
        command = yield Step(n_steps, budget.total_steps(per_epoch), text, figures)
        if command is FINISH:
            break
    weights = [a.numpy() for a in averages]
    return Trained(weights[:n_encoder], weights[n_encoder:], n_steps, history)


def _optimiser(
    encoder: Any, decoder: Any, plan: Plan, schedule: Schedule
) -> tuple[Callable[..., Any], list[Any]]:
    """Return one traced step of Adam, and the running means of the weights."""
    tf = tensorflow()
    optimizer = keras().optimizers.Adam(schedule.learning_rate)
    variables = encoder.trainable_variables + decoder.trainable_variables
    optimizer.build(variables)
    averages = [tf.Variable(v.value) for v in variables]
    margin = plan.stride * _margin(plan, schedule.patch_px)
    signature = [tf.TensorSpec(s, tf.float32) for s in _shapes(plan, schedule)]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def optimise(x: Any, seen: Any, noise: Any, n_steps: Any) -> tuple[Any, ...]:
        with tf.GradientTape() as tape:
            log_error, error, divergence = losses(
                encoder, decoder, x, seen, noise, margin
            )
            pull = schedule.divergence_weight * tf.minimum(n_steps / _WARM_UP, 1.0)
            loss = log_error + pull * divergence
        gradients = tape.gradient(loss, variables)
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        optimizer.apply(gradients, variables)
        decay = tf.minimum(_AVERAGE_DECAY, n_steps / (n_steps + 1.0))
        for average, variable in zip(averages, variables, strict=True):
            average.assign(decay * average + (1 - decay) * variable.value)
        return loss, error, divergence

    return optimise, averages


def _shapes(plan: Plan, schedule: Schedule) -> list[tuple[int, ...]]:
    """Shapes of what a step is given: a batch as `_batch` cuts it, steps so far."""
    n, size = schedule.batch_size, schedule.patch_px
    points = size // plan.stride
    return [
        (n, size, size, plan.n_channels),
        (n, size, size, 1),
        (n, points, points, plan.latent),
        (),
    ]


def _margin(plan: Plan, patch_px: int) -> int:
    """Grid points at a patch's border that are not compared, as they see it."""
    return min(HALO // 2, (patch_px // plan.stride - 1) // 2)


def _figures(losses: tuple[Any, ...]) -> dict[str, float]:
    names = ("loss", "squared_error", "divergence")
    return {k: float(v) for k, v in zip(names, losses, strict=True)}


def _steps_per_epoch(frames: Sequence[Frame], schedule: Schedule) -> int:
    n_pixels = sum(f.seen.size for f in frames)
    return max(1, round(n_pixels / (schedule.batch_size * schedule.patch_px**2)))


def _batch(
    frames: Sequence[Frame], plan: Plan, schedule: Schedule, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Cut random patches, large frames more often than small ones."""
    size = schedule.patch_px
    areas = np.array([f.seen.size for f in frames], float)
    chosen = rng.choice(len(frames), schedule.batch_size, p=areas / areas.sum())
    of_x, of_seen, of_noise, _ = _shapes(plan, schedule)
    x, seen = np.empty(of_x, np.float32), np.empty(of_seen, np.float32)
    for i, which in enumerate(chosen):
        frame = frames[which]
        y0, x0 = (rng.integers(n - size + 1) for n in frame.seen.shape[:2])
        box = (slice(y0, y0 + size), slice(x0, x0 + size))
        x[i], seen[i] = frame.values[box], frame.seen[box]
    return x, seen, rng.standard_normal(of_noise, dtype=np.float32)
