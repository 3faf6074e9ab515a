"""A learner with its batches, which makes do with less where memory runs out."""

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_segen.cnn import backend
from napari_segen.cnn.augmentation import Augmentation
from napari_segen.cnn.backend import Weights
from napari_segen.cnn.batches import Batch, PatchSampler, fair_batches
from napari_segen.cnn.feeder import Feeder
from napari_segen.cnn.holdout import Holdout, is_dense
from napari_segen.cnn.learner import Judgement, Learner
from napari_segen.cnn.network import Network
from napari_segen.cnn.params import TrainingParams

VALIDATION_BATCHES = 4


def random_streams(seed: int) -> list[np.random.Generator]:
    """Return the generators for what is held out, for looks, and for training."""
    return np.random.default_rng(seed).spawn(3)


def sampler_for(
    network: Network,
    held: Holdout,
    params: TrainingParams,
    augmentation: Augmentation | None,
    batch_size: int | None = None,
) -> PatchSampler:
    """Make what draws a training's batches; `batch_size` overrules `params`."""
    return PatchSampler(
        held.training,
        network,
        batch_size or params.batch_size or network.default_batch_size,
        augmentation,
        params.class_balance,
    )


class Workshop:
    """A learner and its batches.

    Parameters
    ----------
    network : Network
    held : Holdout
    params : TrainingParams
    augmentation : Augmentation, or None
    precision : str
        Settled: not "auto".
    start : list of array, or None
        Weights to begin with; drawn from the seed if None.
    teacher_weight : float, or None
        None: there is no teacher.

    Attributes
    ----------
    remarks : list of str
        What it had to do without.
    """

    def __init__(
        self,
        network: Network,
        held: Holdout,
        params: TrainingParams,
        augmentation: Augmentation | None,
        precision: str,
        start: Weights | None,
        teacher_weight: float | None,
    ) -> None:
        self._network, self._held, self._params = network, held, params
        self._augmentation, self._precision = augmentation, precision
        self._teacher_weight = teacher_weight
        self._from_strokes = not is_dense(held.training)
        self._weights = self._average = start
        self._batch_size = params.batch_size or network.default_batch_size
        self._device: str | None = None
        self._rng = random_streams(params.seed)[2]
        self._sampler = self._sampler_of_batches()
        self._feeder: Feeder[Batch] | None = None
        self._learner: Learner | None = None
        self._looks: list[Batch] = []
        self._steps = 0
        self.remarks: list[str] = []

    def _sampler_of_batches(self) -> PatchSampler:
        return sampler_for(
            self._network,
            self._held,
            self._params,
            self._augmentation,
            self._batch_size,
        )

    def steps_per_epoch(self) -> int:
        """How many batches cover every labelled pixel once."""
        return -(-self._sampler.patches_per_epoch() // self._batch_size)

    def close(self) -> None:
        """End the thread that draws batches."""
        if self._feeder is not None:
            self._feeder.close()
            self._feeder = None

    def learn(self, rate: float) -> float:
        """Do one step of the optimiser; return the loss."""
        loss: float = self._with_less(lambda: self._learn(rate))
        self._steps += 1
        return loss

    def judge(self) -> Judgement | None:
        """Judge the running mean by the held-out labels, where there are any."""
        if self._held.validation is None:
            return None
        found: Judgement = self._with_less(self._judge)
        return found

    def average(self) -> Weights:
        """Return copies of the running mean of the weights."""
        return self._open()[0].average()

    def _learn(self, rate: float) -> float:
        learner, feeder = self._open()
        return learner.learn(feeder.draw(), self._steps + 1, rate)

    def _judge(self) -> Judgement:
        learner, _ = self._open()
        if not self._looks:
            self._looks = self._drawn_looks()
        return learner.judge(self._looks)

    def _drawn_looks(self) -> list[Batch]:
        """Choose what the network is judged by, the same at every look."""
        assert self._held.validation is not None
        rng = random_streams(self._params.seed)[1]
        at_most = VALIDATION_BATCHES * self._batch_size
        return fair_batches(
            self._held.validation, self._network, self._batch_size, at_most, rng
        )

    def _open(self) -> tuple[Learner, Feeder[Batch]]:
        """Return learner and feeder, made when they are first needed."""
        if self._feeder is None:
            self._feeder = Feeder(self._sampler, self._rng)
        if self._learner is None:
            self._learner = Learner(
                self._network,
                self._params,
                self._precision,
                self._batch_size,
                self._weights,
                self._average,
                from_strokes=self._from_strokes,
                teacher_weight=self._teacher_weight,
                device=self._device,
            )
        return self._learner, self._feeder

    def _with_less(self, work: Callable[[], Any]) -> Any:
        """Do the work; where memory runs out, again with less, as long as there is."""
        while True:
            try:
                return work()
            except backend.memory_errors() as err:
                error = err
            if not self._give_up_something():
                raise MemoryError(
                    "training needs more memory than there is, even for batches of "
                    f"{self._batch_size} patches. Choose a smaller patch_px or a "
                    "smaller network."
                ) from error

    def _give_up_something(self) -> bool:
        """Halve the batch, once; then leave the GPU. Say whether there was a way."""
        if not self.remarks and self._batch_size > 1:
            self._batch_size //= 2
            self.remarks.append(
                f"memory ran out: {self._batch_size} patches per step instead"
            )
        elif self._device is None and backend.has_gpu():
            self._device, self._precision = backend.CPU, "float32"
            self.remarks.append("the GPU's memory is full: trained on the CPU")
        else:
            return False
        self._start_again()
        return True

    def _start_again(self) -> None:
        """Make all anew for what is left, with the weights as they are."""
        self.close()
        if self._learner is not None and self._steps > 0:
            self._weights = self._learner.weights()
            self._average = self._learner.average()
        if self._steps == 0:  # as if it had been given the smaller batch
            self._rng = random_streams(self._params.seed)[2]
        self._learner, self._looks = None, []
        self._sampler = self._sampler_of_batches()
