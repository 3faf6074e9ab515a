"""Training a network by Adam, one `Step` per step of the optimiser."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from napari_segen.cnn import backend
from napari_segen.cnn.augmentation import Augmentation
from napari_segen.cnn.backend import Weights
from napari_segen.cnn.holdout import Holdout
from napari_segen.cnn.logs import ScalarLog
from napari_segen.cnn.network import Network
from napari_segen.cnn.orders import Orders
from napari_segen.cnn.pace import NO_LIMIT, Clock, Pace, is_look
from napari_segen.cnn.params import TrainingParams
from napari_segen.cnn.record import Record, Trained
from napari_segen.cnn.workshop import Workshop
from napari_segen.core.archive import FilePath
from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Show, Step, Steps

PAUSE_SECONDS = 0.05
KEEP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a training may be given besides labels and parameters.

    Parameters
    ----------
    augmentation : Augmentation, optional
        None: patches are learnt from as they are.
    precision : str
        Settled: not "auto".
    start : list of array, optional
        Weights to begin with; drawn from the seed if None.
    is_whole : bool
        `start` is a network for these very classes: the result is never worse.
    earlier : mapping of lists, optional
        The history that goes on.
    teacher_weight : float, optional
        None: there is no teacher.
    show : callable, optional
        Answers a `Show` by the network of these weights.
    keep : callable, optional
        Told the best so far every 30 s.
    log_dir : path, optional
        Folder for TensorBoard.
    """

    augmentation: Augmentation | None = None
    precision: str = "float32"
    start: Weights | None = None
    is_whole: bool = False
    earlier: Mapping[str, Sequence[float | None]] | None = None
    teacher_weight: float | None = None
    show: Callable[[Show, Weights], Array | None] | None = None
    keep: Callable[[Trained], None] | None = None
    log_dir: FilePath | None = None


def train_steps(
    network: Network,
    held: Holdout,
    params: TrainingParams,
    around: Surroundings | None = None,
) -> Steps[Trained]:
    """Train a network on labelled images.

    Sent `FINISH`, it stops and returns the best weights so far: by the loss on the
    held-out labels, or the last ones where none were held out. Sent `PAUSE`, it waits
    for `RESUME`; sent a `Show`, it answers with the next step.

    Notes
    -----
    The same seed and number of steps make the same network on one machine, with two
    exceptions: a training whose cosine was cut short (by FINISH, patience, or a
    machine that became slower than planned), and one that went on with a smaller
    batch when memory ran out.
    """
    orders = Orders()
    orders.take((yield Step(0, 0, "Starting TensorFlow")))
    backend.keras()
    orders.take((yield Step(0, 0, "Building the network")))
    training = _Training(network, held, params, around or Surroundings(), orders)
    with closing(training):
        return (yield from training.steps())


class _Training:
    """One training: its loop, and what the loop needs."""

    def __init__(
        self,
        network: Network,
        held: Holdout,
        params: TrainingParams,
        around: Surroundings,
        orders: Orders,
    ) -> None:
        self._held, self._params = held, params
        self._around, self._orders = around, orders
        self._work = Workshop(
            network,
            held,
            params,
            around.augmentation,
            around.precision,
            around.start,
            around.teacher_weight,
        )
        self._pace = Pace(params, self._limit())
        self._record = Record(around.earlier)
        self._clock, self._log = Clock(), ScalarLog(around.log_dir)
        self._kept_at = time.monotonic()

    def _limit(self) -> int:
        limit = self._params.max_steps or NO_LIMIT
        if self._params.epochs is None:
            return limit
        return min(limit, self._params.epochs * self._work.steps_per_epoch())

    def close(self) -> None:
        """End the thread that draws batches, and write out the log."""
        self._work.close()
        self._log.close()

    def steps(self) -> Steps[Trained]:
        """Learn until there is a reason to stop."""
        if self._around.is_whole:
            self._record.offer(self._work.average(), self._work.judge())
        reason = ""
        while not reason:
            reason = self._learn()
            if not reason or self._record.is_finite:
                yield from self._report()
            if not reason and self._orders.is_finish:
                reason = "finished early"
                self._look()
        if self._record.best is None:
            raise ValueError(
                f"training diverged at step {self._record.step}: loss or weights are "
                "not finite. Choose a smaller learning_rate, or check the images for "
                "extreme values."
            )
        return self._trained(reason)

    def _learn(self) -> str:
        """Do one step, and look where it is time; say why to stop, if so."""
        record, pace, step = self._record, self._pace, self._record.step + 1
        try:
            loss = self._work.learn(pace.rate(step))
        except MemoryError:
            if record.best is None:
                raise
            return f"stopped: memory ran out at step {step}"
        record.add_loss(loss)
        self._clock.start()  # the first step compiled the network
        elapsed = self._clock.elapsed
        pace.plan(step, elapsed)
        is_late, is_last = pace.is_late(elapsed), step >= pace.limit
        if is_late or is_last or is_look(step):
            self._look()
        patience = self._params.patience
        if not record.is_finite:
            return f"stopped: training diverged at step {step}"
        if is_last:
            return "all steps done"
        if is_late:
            return "time is up"
        if patience is not None and record.looks_since_best >= patience:
            return f"stopped: no better on held-out labels in {patience} looks"
        return ""

    def _look(self) -> None:
        """Judge the weights, keep them if they are the best, write the history."""
        record = self._record
        if not record.is_finite or record.has_looked:
            return
        judgement = self._work.judge()
        record.offer(self._work.average(), judgement)
        if not record.is_finite:
            return
        record.add_look(self._clock.elapsed, judgement)
        is_due = time.monotonic() - self._kept_at >= KEEP_SECONDS
        if self._around.keep is not None and is_due and record.best is not None:
            self._around.keep(self._trained("not finished"))
            self._kept_at = time.monotonic()

    def _trained(self, reason: str) -> Trained:
        note = "; ".join([reason, *self._work.remarks, self._held.note])
        return self._record.trained(self._held.n_held, self._pace.decay_steps, note)

    def _report(self) -> Steps[None]:
        """Tell how it goes, and do what is asked for meanwhile."""
        figures = self._record.figures(self._clock.elapsed)
        self._log.write(int(figures["step"]), figures)
        self._orders.take((yield self._step(self._record.text(), figures)))
        began = time.monotonic()
        while self._orders.is_paused and not self._orders.is_finish:
            time.sleep(PAUSE_SECONDS)
            self._orders.take((yield self._step("Paused", {})))
        self._clock.skip(time.monotonic() - began)

    def _step(self, text: str, figures: Mapping[str, float]) -> Step:
        done, total = self._pace.progress(self._record.step, self._clock.elapsed)
        return Step(done, total, text, figures, self._picture())

    def _picture(self) -> Array | None:
        show = self._orders.next_show()
        if show is None or self._around.show is None:
            return None
        return self._around.show(show, self._work.average())
