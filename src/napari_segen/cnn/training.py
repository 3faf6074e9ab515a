"""Training a network by Adam, one `Step` per step of the optimiser."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from napari_segen.cnn import backend
from napari_segen.cnn.backend import Weights
from napari_segen.cnn.batches import Batch, PatchSampler
from napari_segen.cnn.holdout import Holdout, hold_out
from napari_segen.cnn.losses import LOSSES, masked_loss
from napari_segen.cnn.network import Network
from napari_segen.cnn.planes import UNLABELLED, Plane
from napari_segen.core.metrics import mean_iou
from napari_segen.core.parameters import check_params, choice, flag, span
from napari_segen.core.steps import FINISH, Step, Steps

# Steps between two looks at the held-out labels, and entries of the history.
LOOK_EVERY = 20
VALIDATION_BATCHES = 4
# The network that predicts is a running mean of the one that learns: its answers
# do not jump with each batch (Polyak and Juditsky 1992).
AVERAGE_RATE = 0.05
# One odd batch must not throw the weights to where nothing is learnt any more.
CLIP_NORM = 1.0
HISTORY_KEYS = ("step", "seconds", "loss", "val_loss", "val_iou")

History = dict[str, list[float | None]]


@dataclass(frozen=True, slots=True)
class TrainingParams:
    """How a network is trained; the fields are `CnnSegmenter`'s arguments."""

    loss: str = field(
        default="cross_entropy",
        metadata=choice(
            tuple(LOSSES),
            "What training makes small: cross-entropy gives honest probabilities, "
            "squared error forgives wrong labels more easily.",
        ),
    )
    epochs: int | None = field(
        default=None,
        metadata=span(1, 100_000, "Passes over the labels at most; empty: any."),
    )
    max_steps: int | None = field(
        default=None,
        metadata=span(1, 10_000_000, "Steps of the optimiser at most; empty: any."),
    )
    time_limit_s: float | None = field(
        default=60,
        metadata=span(0.1, 1e7, "Seconds of training at most; empty: any."),
    )
    batch_size: int | None = field(
        default=None,
        metadata=span(
            1, 4096, "Patches per step; empty: 8 for the U-Net, 64 for the patch CNN."
        ),
    )
    patch_px: int | None = field(
        default=None,
        metadata=span(
            4,
            1024,
            "Side of the training patches; empty: 128 for the U-Net. The patch CNN "
            "(32) labels the centre pixel of such a patch and sees nothing else.",
        ),
    )
    validation_split: float = field(
        default=0.1,
        metadata=span(
            0.0, 0.5, "Share of the strokes or blocks kept aside to judge the network."
        ),
    )
    learning_rate: float = field(
        default=2e-3,
        metadata=span(1e-7, 1.0, "Size of the optimiser's steps."),
    )
    augment: bool = field(
        default=True,
        metadata=flag("Also train on turned, mirrored, brighter and dimmer patches."),
    )
    seed: int = field(
        default=0,
        metadata=span(0, 2**31 - 1, "Same seed and steps, same network."),
    )

    def __post_init__(self) -> None:
        check_params(self)
        for name in ("epochs", "max_steps", "batch_size", "patch_px", "seed"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, got {value!r}.")
        if self.epochs is self.max_steps is self.time_limit_s is None:
            raise ValueError(
                "epochs, max_steps and time_limit_s are all None: training would "
                "never end. Set one of them."
            )


@dataclass(frozen=True, slots=True)
class Trained:
    """What training found.

    Parameters
    ----------
    weights : list of float32 array
    history : dict of lists
        step, seconds, loss, val_loss, val_iou; the last two None where nothing was
        held out.
    n_steps : int
        Steps of the optimiser done.
    note : str
        What ended the training, and what was held out.
    """

    weights: Weights
    history: History
    n_steps: int
    note: str


def train_steps(
    network: Network, planes: Sequence[Plane], params: TrainingParams
) -> Steps[Trained]:
    """Train `network` from scratch on the labelled pixels of `planes`.

    Sent `FINISH`, it stops and returns the best weights so far: by the loss on the
    held-out labels, or the last ones where none were held out.
    """
    split_rng, look_rng, rng = np.random.default_rng(params.seed).spawn(3)
    yield Step(0, 0, "Starting TensorFlow")
    backend.keras()
    yield Step(0, 0, "Building the network")
    held = hold_out(planes, params.validation_split, network.n_classes, split_rng)
    batch_size = params.batch_size or network.default_batch_size
    sampler = PatchSampler(held.training, network, batch_size, params.augment)
    limit = _step_limit(params, sampler, batch_size)
    run = _Run(network, params, batch_size, _looks(held, network, batch_size, look_rng))
    reason = "all steps done"
    for i in range(1, limit + 1):
        run.learn(*sampler.draw(rng))
        if i == 1:  # which compiled the network: the budget is for learning
            started = time.monotonic()
        elapsed = time.monotonic() - started
        late = params.time_limit_s is not None and elapsed >= params.time_limit_s
        if late or i == limit or i % LOOK_EVERY == 0:
            run.look(i, elapsed)
        if run.diverged:
            reason = f"stopped: training diverged at step {i}"
            break
        done, total = _progress(i, limit, elapsed, params)
        command = yield Step(done, total, run.text(i), run.figures())
        if late or command is FINISH:
            reason = "time is up" if late else "finished early"
            run.look(i, elapsed)
            break
    if run.best is None:
        raise ValueError(
            f"training diverged at step {run.n_steps}: loss or weights are not finite. "
            "Choose a smaller learning_rate, or check the images for extreme values."
        )
    return Trained(run.best, run.history, run.n_steps, f"{reason}; {held.note}")


def _step_limit(params: TrainingParams, sampler: PatchSampler, batch_size: int) -> int:
    limit = params.max_steps or 2**62
    if params.epochs is not None:
        per_epoch = -(-sampler.patches_per_epoch() // batch_size)
        limit = min(limit, params.epochs * per_epoch)
    return limit


def _progress(
    step: int, limit: int, elapsed: float, params: TrainingParams
) -> tuple[int, int]:
    """Return done and total in thousandths of whichever limit is closer."""
    share = step / limit
    if params.time_limit_s is not None:
        share = max(share, elapsed / params.time_limit_s)
    return round(1000 * min(share, 1.0)), 1000


def _looks(
    held: Holdout, network: Network, batch_size: int, rng: np.random.Generator
) -> list[Batch]:
    """Draw the batches on which the held-out loss is measured, always the same."""
    if held.validation is None:
        return []
    sampler = PatchSampler(held.validation, network, batch_size, augment=False)
    return [sampler.draw(rng) for _ in range(VALIDATION_BATCHES)]


class _Run:
    """A network in training: Keras model, optimiser, best weights, history."""

    def __init__(
        self,
        network: Network,
        params: TrainingParams,
        batch_size: int,
        looks: list[Batch],
    ) -> None:
        keras = backend.keras()
        self._network, self._params, self._looks = network, params, looks
        self._model, self._average = network.build(), network.build()
        start = backend.initial_weights(self._model, params.seed, network.initial_gain)
        backend.set_weights(self._model, start)
        backend.set_weights(self._average, start)
        self._optimizer = keras.optimizers.Adam(
            params.learning_rate, global_clipnorm=CLIP_NORM
        )
        self._optimizer.build(self._model.trainable_variables)
        self._learn, self._judge = self._compile(batch_size)
        self._recent: list[float] = []
        self._best_loss = np.inf
        self.best: Weights | None = None
        self.history: History = {key: [] for key in HISTORY_KEYS}
        self.loss = np.nan
        self.diverged = False
        self.n_steps = 0

    def _compile(self, batch_size: int) -> tuple[Any, Any]:
        tf, network = backend.tensorflow(), self._network
        model, average, name = self._model, self._average, self._params.loss
        side, answer = network.patch_px, network.answer_px

        def learn(x: Any, y: Any, rate: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = masked_loss(name, model(x, training=True), y)
            variables = model.trainable_variables
            self._optimizer.apply(tape.gradient(loss, variables), variables)
            for mean, weight in zip(average.weights, model.weights, strict=True):
                mean.assign(mean + rate * (weight - mean))
            return loss

        def judge(x: Any, y: Any) -> Any:
            logits = average(x, training=False)
            return masked_loss(name, logits, y), tf.argmax(logits, axis=-1)

        signature = [
            tf.TensorSpec((batch_size, side, side, network.n_channels), tf.float32),
            tf.TensorSpec((batch_size, answer, answer), tf.int32),
        ]
        # Nothing in them depends on values: AutoGraph would only parse and warn.
        make = partial(tf.function, autograph=False)
        rate = tf.TensorSpec((), tf.float32)
        return (
            make(learn, input_signature=[*signature, rate]),
            make(judge, input_signature=signature),
        )

    def learn(self, x: Any, y: Any) -> None:
        """Do one step of the optimiser."""
        self.n_steps += 1
        rate = max(AVERAGE_RATE, 3 / (self.n_steps + 2))
        self.loss = float(self._learn(x, y, np.float32(rate)))
        self._recent.append(self.loss)
        self.diverged = not np.isfinite(self.loss)

    def look(self, step: int, elapsed: float) -> None:
        """Judge the weights, keep them if they are the best, write the history."""
        if self.diverged or (self.history["step"] and self.history["step"][-1] == step):
            return
        weights = backend.get_weights(self._average)
        self.diverged = not all(np.isfinite(w).all() for w in weights)
        if self.diverged:
            return
        val_loss, val_iou = self._validate() if self._looks else (None, None)
        if val_loss is None or val_loss < self._best_loss:
            self._best_loss = np.inf if val_loss is None else val_loss
            self.best = weights
        mean_loss = float(np.mean(self._recent))
        self._recent = []
        values = (step, elapsed, mean_loss, val_loss, val_iou)
        for key, value in zip(HISTORY_KEYS, values, strict=True):
            self.history[key].append(value)

    def _validate(self) -> tuple[float, float]:
        losses, found, truth = [], [], []
        for x, y in self._looks:
            loss, best = self._judge(x, y)
            labelled = y != UNLABELLED
            losses.append(float(loss))
            found.append(best.numpy()[labelled])
            truth.append(y[labelled])
        classes = np.arange(self._network.n_classes)
        iou = mean_iou(np.concatenate(found), np.concatenate(truth), classes)
        return float(np.mean(losses)), iou

    def figures(self) -> dict[str, float]:
        """Return the loss, and the held-out figures when they are new."""
        figures = {"step": float(self.n_steps), "loss": self.loss}
        if self.history["step"] and self.history["step"][-1] == self.n_steps:
            for key in ("val_loss", "val_iou"):
                value = self.history[key][-1]
                if value is not None:
                    figures[key] = value
        return figures

    def text(self, step: int) -> str:
        """Say how training goes, for a person."""
        text = f"Step {step}, loss {self.loss:.3f}"
        if (iou := self.history["val_iou"]) and iou[-1] is not None:
            text += f", held-out IoU {iou[-1]:.2f}"
        return text
