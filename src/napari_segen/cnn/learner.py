"""A network in training: Keras model, running mean of its weights, optimiser."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.cnn import backend
from napari_segen.cnn.backend import Weights
from napari_segen.cnn.batches import Batch
from napari_segen.cnn.labelled import UNLABELLED
from napari_segen.cnn.losses import masked_loss
from napari_segen.cnn.network import Network
from napari_segen.cnn.params import TrainingParams
from napari_segen.cnn.precision import scaled_for
from napari_segen.core.metrics import mean_iou

# The network that predicts is a running mean of the one that learns: its answers
# do not jump with each batch (Polyak and Juditsky 1992). The mean is over about the
# last quarter of the steps.
MEAN_SHARE = 0.25
# One odd batch must not throw the weights to where nothing is learnt any more.
CLIP_NORM = 1.0
# Logits kept of each batch, to fit a temperature to.
MAX_LOGITS = 5000


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good the running mean is on held-out labels.

    Parameters
    ----------
    loss, iou : float
    logits : float32 array of shape (M, K)
        Of some of the pixels.
    truth : int array of shape (M,)
        Their classes.
    """

    loss: float
    iou: float
    logits: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int32]


def mean_rate(step: int) -> float:
    """Return how far the running mean follows the weights of step `step`, from 1."""
    return 1 / (MEAN_SHARE * (step - 1) + 1)


class Learner:
    """A network that learns from batches.

    Parameters
    ----------
    network : Network
    params : TrainingParams
    precision : str
        Settled: not "auto".
    batch_size : int
    weights, average : list of array, optional
        What the network begins with, and its running mean; drawn from the seed, and
        the same, if None.
    from_strokes : bool
        See `Network.initial_weights`.
    teacher_weight : float, or None
        None: batches come without a teacher.
    device : str, optional
        TensorFlow's name of it; TensorFlow's own choice if None.
    """

    def __init__(
        self,
        network: Network,
        params: TrainingParams,
        precision: str,
        batch_size: int,
        weights: Weights | None = None,
        average: Weights | None = None,
        *,
        from_strokes: bool = False,
        teacher_weight: float | None = None,
        device: str | None = None,
    ) -> None:
        self._tf = backend.tensorflow()
        self._network, self._device = network, device
        self._teacher_weight = teacher_weight
        with self._tf.device(device):
            self._model = network.build(precision)
            if weights is None:
                weights = network.initial_weights(
                    self._model, params.seed, from_strokes=from_strokes
                )
            backend.set_weights(self._model, weights)
            self._average = [
                self._tf.Variable(w, trainable=False) for w in average or weights
            ]
            adam = backend.keras().optimizers.Adam(
                params.learning_rate, global_clipnorm=CLIP_NORM
            )
            self._optimizer = scaled_for(precision, adam)
            self._optimizer.build(self._model.trainable_variables)
        self._rate = params.learning_rate
        self._learn, self._judge = self._compile(params.loss, batch_size)

    def _compile(self, name: str, batch_size: int) -> tuple[Any, Any]:
        tf, weight = self._tf, self._teacher_weight
        model, average, adam = self._model, self._average, self._optimizer

        def learn(x: Any, y: Any, follow: Any, *teacher: Any) -> Any:
            with tf.GradientTape() as tape:
                taught = (teacher[0], weight) if teacher else ()
                loss = masked_loss(name, model(x, training=True), y, *taught)
                scaled = adam.scale_loss(loss)
            variables = model.trainable_variables
            adam.apply(tape.gradient(scaled, variables), variables)
            for mean, value in zip(average, model.weights, strict=True):
                mean.assign(mean + follow * (value - mean))
            return loss

        means = self._means()

        def judge(x: Any, y: Any) -> Any:
            # A second model of the running mean would take as long to build as the
            # first.
            logits, _ = model.stateless_call(*means, x, training=False)
            return masked_loss(name, logits, y), tf.argmax(logits, axis=-1), logits

        to_learn, to_judge = self._signatures(batch_size)
        # Nothing in them depends on values: AutoGraph would only parse and warn.
        make = partial(tf.function, autograph=False)
        return (
            make(learn, input_signature=to_learn),
            make(judge, input_signature=to_judge),
        )

    def _means(self) -> list[list[Any]]:
        """Return the running mean of trainable and other weights, as Keras has them."""
        model = self._model
        mean_of = {v.path: m for v, m in zip(model.weights, self._average, strict=True)}
        return [
            [mean_of[v.path] for v in group]
            for group in (model.trainable_variables, model.non_trainable_variables)
        ]

    def _signatures(self, batch_size: int) -> tuple[list[Any], list[Any]]:
        """Return the types of what is given to `learn`, and to `judge`."""
        network, spec, tf = self._network, self._tf.TensorSpec, self._tf
        answer = (batch_size, *network.answer_shape)
        to_judge = [
            spec((batch_size, *network.patch_shape, network.n_channels), tf.float32),
            spec(answer, tf.int32),
        ]
        to_learn = [*to_judge, spec((), tf.float32)]
        if self._teacher_weight is not None:
            to_learn.append(spec((*answer, network.n_classes), tf.float32))
        return to_learn, to_judge

    def learn(self, batch: Batch, step: int, rate: float) -> float:
        """Do step number `step` of the optimiser, from 1; return the loss."""
        if rate != self._rate:
            self._optimizer.learning_rate = rate
            self._rate = rate
        given: list[Any] = [batch.x, batch.y, np.float32(mean_rate(step))]
        if self._teacher_weight is not None:
            given.append(batch.teacher)
        with self._tf.device(self._device):
            return float(self._learn(*given))

    def judge(self, batches: Sequence[Batch]) -> Judgement:
        """Compare the running mean's answers with held-out labels."""
        losses, found, truth, logits, some = [], [], [], [], []
        for batch in batches:
            with self._tf.device(self._device):
                loss, best, values = self._judge(batch.x, batch.y)
            labelled = batch.y != UNLABELLED
            losses.append(float(loss))
            found.append(best.numpy()[labelled])
            truth.append(batch.y[labelled])
            thin = slice(None, None, 1 + len(truth[-1]) // MAX_LOGITS)
            logits.append(values.numpy()[labelled][thin])
            some.append(truth[-1][thin])
        classes = np.arange(self._network.n_classes)
        return Judgement(
            float(np.average(losses, weights=[len(t) for t in truth])),
            mean_iou(np.concatenate(found), np.concatenate(truth), classes),
            np.concatenate(logits),
            np.concatenate(some),
        )

    def weights(self) -> Weights:
        """Return copies of the weights that learn."""
        return backend.get_weights(self._model)

    def average(self) -> Weights:
        """Return copies of the running mean of the weights."""
        return [mean.numpy().copy() for mean in self._average]
