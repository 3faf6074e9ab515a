"""What a training has found so far: curves, and the best weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.calibration import fit_temperature
from napari_segen.cnn.learner import Judgement

HISTORY_KEYS = ("step", "seconds", "loss", "val_loss", "val_iou")

History = dict[str, list[float | None]]


@dataclass(frozen=True, slots=True)
class Trained:
    """What training found.

    Parameters
    ----------
    weights : list of float32 array
    temperature : float
        What the logits are divided by.
    history : dict of lists
        step, seconds, loss, val_loss, val_iou; the last two None where nothing was
        held out.
    n_steps : int
        Steps of the optimiser done, with those of a training that this one went on.
    decay_steps : int or None
        After how many steps of this training its cosine ends.
    note : str
        What ended the training, and what was held out.
    """

    weights: Weights
    temperature: float
    history: History
    n_steps: int
    decay_steps: int | None
    note: str


class Record:
    """The curves and the best weights of one training.

    Parameters
    ----------
    earlier : mapping of lists, optional
        Curves that this training goes on with.

    Attributes
    ----------
    best : list of array, or None
        By held-out loss; without held-out labels the latest.
    step : int
        Steps so far.
    loss : float
        Of the latest step.
    is_finite : bool
        Whether loss and weights are; what is not is never kept.
    looks_since_best : int
    """

    def __init__(
        self, earlier: Mapping[str, Sequence[float | None]] | None = None
    ) -> None:
        self.history: History = {
            key: [] if earlier is None else list(earlier[key]) for key in HISTORY_KEYS
        }
        self._steps_before = int(self._last("step"))
        self._seconds_before = self._last("seconds")
        self._n_before = len(self.history["step"])
        self._recent: list[float] = []
        self._judged: Judgement | None = None
        self.best: Weights | None = None
        self.step = 0
        self.loss = np.nan
        self.is_finite = True
        self.looks_since_best = 0

    def _last(self, key: str) -> float:
        column = self.history[key]
        return 0.0 if not column or column[-1] is None else column[-1]

    @property
    def n_steps(self) -> int:
        """Steps in all, those before this training too."""
        return self._steps_before + self.step

    @property
    def has_looked(self) -> bool:
        """Whether there was a look after the latest step."""
        is_own = len(self.history["step"]) > self._n_before
        return is_own and self.history["step"][-1] == self.n_steps

    def add_loss(self, loss: float) -> None:
        """Note one more step, and its loss."""
        self.step += 1
        self.loss = loss
        self._recent.append(loss)
        self.is_finite = bool(np.isfinite(loss))

    def offer(self, weights: Weights, judgement: Judgement | None) -> None:
        """Keep these weights if they are the best."""
        self.is_finite = all(np.isfinite(w).all() for w in weights) and (
            judgement is None or bool(np.isfinite(judgement.loss))
        )
        if not self.is_finite:
            return
        self.looks_since_best += 1
        if (
            judgement is None
            or self._judged is None
            or judgement.loss < self._judged.loss
        ):
            self.best, self._judged = weights, judgement
            self.looks_since_best = 0

    def add_look(self, seconds: float, judgement: Judgement | None) -> None:
        """Add a line to the curves."""
        seen = (None, None) if judgement is None else (judgement.loss, judgement.iou)
        mean_loss = float(np.mean(self._recent))
        self._recent = []
        line = (self.n_steps, self._seconds_before + seconds, mean_loss, *seen)
        for key, value in zip(HISTORY_KEYS, line, strict=True):
            self.history[key].append(value)

    def figures(self, seconds: float) -> dict[str, float]:
        """Return the loss, and the held-out figures when they are new."""
        figures = {
            "step": float(self.n_steps),
            "seconds": self._seconds_before + seconds,
            "loss": self.loss,
        }
        if self.has_looked:
            for key in ("val_loss", "val_iou"):
                value = self.history[key][-1]
                if value is not None:
                    figures[key] = value
        return figures

    def text(self) -> str:
        """Say how training goes, for a person."""
        text = f"Step {self.n_steps}, loss {self.loss:.3f}"
        if (iou := self.history["val_iou"]) and iou[-1] is not None:
            text += f", held-out IoU {iou[-1]:.2f}"
        return text

    def trained(self, n_held: int, decay_steps: int | None, note: str) -> Trained:
        """Return the best, with the temperature that suits the held-out labels.

        `n_held` is how many strokes, blocks or images these are.
        """
        assert self.best is not None
        judged = self._judged
        temperature = (
            1.0
            if judged is None
            else fit_temperature(judged.logits, judged.truth, n_held)
        )
        history = {key: list(column) for key, column in self.history.items()}
        return Trained(self.best, temperature, history, self.n_steps, decay_steps, note)
