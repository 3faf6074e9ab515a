"""Teaching a network the velocity from noise to images."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from napari_segen.cnn import backend
from napari_segen.cnn.backend import Weights
from napari_segen.cnn.feeder import Feeder
from napari_segen.cnn.learner import CLIP_NORM, mean_rate
from napari_segen.cnn.network import Network
from napari_segen.cnn.orders import Orders
from napari_segen.cnn.pace import NO_LIMIT, Clock, Pace
from napari_segen.cnn.params import TrainingParams
from napari_segen.cnn.precision import scaled_for, settle
from napari_segen.cnn.training import PAUSE_SECONDS
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.flow_batches import Batch, FlowSampler
from napari_segen.generation.method import Budget

# The first steps are small: Adam has yet to see how large the gradients are.
WARM_UP = 20
# A machine that gets slower may take so many times the budget for what was planned.
_MOST_OVERTIME = 2


@dataclass(frozen=True, slots=True)
class Trained:
    """The running mean of a network's weights, and how it came about."""

    weights: Weights
    n_steps: int
    history: dict[str, list[float]]


def train_steps(
    network: Network,
    sampler: FlowSampler,
    learning_rate: float,
    budget: Budget,
    seed: int,
) -> Steps[Trained]:
    """Train until the budget is spent or FINISH comes; PAUSE and RESUME are heard."""
    orders = Orders()
    orders.take((yield Step(0, 0, "Starting TensorFlow")))
    backend.keras()
    orders.take((yield Step(0, 0, "Building the network")))
    with closing(Feeder(sampler, np.random.default_rng([seed, 1]))) as feeder:
        try:
            learner = _Learner(network, learning_rate, seed)
            course = _Course(learning_rate, budget, sampler.steps_per_epoch())
            return (yield from course.steps(learner, feeder.draw, orders))
        except backend.memory_errors() as err:
            raise MemoryError(
                "training needs more memory than there is. Choose a smaller "
                "batch_size, patch_px or filters."
            ) from err


class _Course:
    """The loop of a training: how many steps, how large, and the curves."""

    def __init__(self, rate: float, budget: Budget, steps_per_epoch: int) -> None:
        limit = budget.total_steps(steps_per_epoch) or NO_LIMIT
        seconds = budget.time_limit_s
        params = TrainingParams(
            max_steps=1,  # the limit is given beside it
            time_limit_s=None if seconds is None else min(max(seconds, 0.1), 1e7),
            learning_rate=rate,
            decay="cosine",
        )
        self._pace, self._clock = Pace(params, limit), Clock()
        self._history: dict[str, list[float]] = {"step": [], "seconds": [], "loss": []}

    def steps(
        self, learner: "_Learner", draw: Callable[[], Batch], orders: Orders
    ) -> Steps[Trained]:
        """Learn until there is a reason to stop."""
        step, is_over = 0, False
        while not is_over:
            step += 1
            rate = self._pace.rate(step) * min(1.0, step / WARM_UP)
            loss = learner.learn(draw(), step, rate)
            self._clock.start()  # the first step compiled the network
            seconds = self._clock.elapsed
            self._pace.plan(step, seconds)
            if not np.isfinite(loss):
                raise ValueError(
                    f"training diverged at step {step}: the loss is not finite. "
                    "Choose a smaller learning_rate."
                )
            figures = {"step": float(step), "seconds": seconds, "loss": loss}
            for key, value in figures.items():
                self._history[key].append(value)
            yield from self._report(orders, figures)
            is_over = step >= self._pace.limit or self._is_late(seconds)
            is_over |= orders.is_finish
        return Trained(learner.average(), step, self._history)

    def _is_late(self, seconds: float) -> bool:
        """Whether to end now: the steps that were planned are done, if late.

        A cosine that is cut short could not be repeated by the number of its steps.
        """
        patience = 1 if self._pace.decay_steps is None else _MOST_OVERTIME
        return self._pace.is_late(seconds / patience)

    def _report(self, orders: Orders, figures: dict[str, float]) -> Steps[None]:
        done, total = self._pace.progress(int(figures["step"]), figures["seconds"])
        text = f"Step {figures['step']:.0f}, loss {figures['loss']:.3f}"
        orders.take((yield Step(done, total, text, figures)))
        began = time.monotonic()
        while orders.is_paused and not orders.is_finish:
            time.sleep(PAUSE_SECONDS)
            orders.take((yield Step(done, total, "Paused")))
        self._clock.skip(time.monotonic() - began)


class _Learner:
    """A network that learns from batches, and the running mean of its weights."""

    def __init__(self, network: Network, learning_rate: float, seed: int) -> None:
        tf, precision = backend.tensorflow(), settle("auto")
        self._model = network.build(precision)
        weights = initial_weights(network, self._model, seed)
        backend.set_weights(self._model, weights)
        self._average = [tf.Variable(w, trainable=False) for w in weights]
        adam = backend.keras().optimizers.Adam(learning_rate, global_clipnorm=CLIP_NORM)
        self._optimizer = scaled_for(precision, adam)
        self._optimizer.build(self._model.trainable_variables)
        self._rate = learning_rate
        self._learn = self._compiled(tf, network)

    def _compiled(self, tf: Any, network: Network) -> Any:
        model, average, adam = self._model, self._average, self._optimizer

        def learn(x: Any, velocity: Any, seen: Any, follow: Any) -> Any:
            with tf.GradientTape() as tape:
                error = tf.square(model(x, training=True) - velocity) * seen
                n_seen = tf.maximum(tf.reduce_sum(seen), 1.0)
                loss = tf.reduce_sum(error) / (n_seen * velocity.shape[-1])
                scaled = adam.scale_loss(loss)
            variables = model.trainable_variables
            adam.apply(tape.gradient(scaled, variables), variables)
            for mean, value in zip(average, model.weights, strict=True):
                mean.assign(mean + follow * (value - mean))
            return loss

        patch = (None, *network.patch_shape)
        widths = (network.n_channels, network.n_classes, 1)
        signature = [tf.TensorSpec((*patch, n), tf.float32) for n in widths]
        signature.append(tf.TensorSpec((), tf.float32))
        return partial(tf.function, autograph=False)(learn, input_signature=signature)

    def learn(self, batch: Batch, step: int, rate: float) -> float:
        """Do step number `step` of the optimiser, from 1; return the loss."""
        if rate != self._rate:
            self._optimizer.learning_rate = rate
            self._rate = rate
        return float(self._learn(*batch, np.float32(mean_rate(step))))

    def average(self) -> Weights:
        """Return copies of the running mean of the weights."""
        return [mean.numpy().copy() for mean in self._average]


def initial_weights(network: Network, model: Any, seed: int) -> Weights:
    """Draw the weights from `seed`; the first answers are all 0."""
    weights = network.initial_weights(model, seed, from_strokes=True)
    return [*weights[:-2], *(np.zeros_like(w) for w in weights[-2:])]
