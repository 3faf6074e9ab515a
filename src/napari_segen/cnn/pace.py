"""When a training looks at the held-out labels, slows down, and ends."""

import math
import time

from napari_segen.cnn.params import TrainingParams

NO_LIMIT = 2**62
# A cosine begins after a quarter of the steps; with a budget of time, how many steps
# there will be is known well before.
HOLD_SHARE, PLAN_SHARE = 0.25, 0.15
# Rather the whole cosine a little early than most of it.
CAUTION = 0.98
# So few steps are too few to plan: their size stays.
LEAST_DECAY = 20
LOOK_EVERY, LOOK_OFTEN = (20, 40), 80


class Clock:
    """Seconds of learning: from `start` on, without the pauses."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._paused = 0.0

    def start(self) -> None:
        """Begin to count, unless it has begun."""
        if self._start is None:
            self._start = time.monotonic()

    def skip(self, seconds: float) -> None:
        """Do not count so many of the seconds."""
        self._paused += seconds

    @property
    def elapsed(self) -> float:
        """Seconds so far; 0 before the start."""
        if self._start is None:
            return 0.0
        return time.monotonic() - self._start - self._paused


def is_look(step: int) -> bool:
    """Whether to look at the held-out labels after this step.

    Often at first, later at a small share of the time. It depends on the step only,
    because the weights that are kept depend on it.
    """
    return step % (LOOK_EVERY[0] if step <= LOOK_OFTEN else LOOK_EVERY[1]) == 0


class Pace:
    """How many steps there may be, and how large each is.

    Parameters
    ----------
    params : TrainingParams
    limit : int
        Steps at most, by steps or epochs; `NO_LIMIT` where only time ends it.

    Attributes
    ----------
    decay_steps : int or None
        After how many steps the cosine ends; None where the steps stay as large.
    """

    def __init__(self, params: TrainingParams, limit: int) -> None:
        self.limit = limit
        self.decay_steps: int | None = None
        self._params = params
        self._is_open = params.decay == "cosine"
        if self._is_open and params.time_limit_s is None:
            self._settle(limit)

    def _settle(self, n_steps: int) -> None:
        self._is_open = False
        self.limit = n_steps
        if n_steps >= LEAST_DECAY:
            self.decay_steps = n_steps

    def plan(self, step: int, elapsed: float) -> None:
        """Decide how many steps there will be, once their speed is known."""
        seconds = self._params.time_limit_s
        if not self._is_open or seconds is None or step < 2:
            return
        is_late = step >= int(HOLD_SHARE * self.limit)
        if not is_late and elapsed < PLAN_SHARE * seconds:
            return
        # The first step compiled the network; the clock began after it.
        fitting = 1 + int((step - 1) * CAUTION * seconds / max(elapsed, 1e-6))
        n_steps = min(self.limit, max(fitting, step))
        self._settle(n_steps)

    def rate(self, step: int) -> float:
        """Return the size of the optimiser's step number `step`, from 1."""
        base = self._params.learning_rate
        if self.decay_steps is None:
            return base
        held = HOLD_SHARE * self.decay_steps
        if step <= held:
            return base
        share = (step - held) / (self.decay_steps - held)
        return base * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))

    def is_late(self, elapsed: float) -> bool:
        """Whether the budget of time is used up."""
        seconds = self._params.time_limit_s
        return seconds is not None and elapsed >= seconds

    def progress(self, step: int, elapsed: float) -> tuple[int, int]:
        """Return done and total in thousandths of whichever limit is closer."""
        share = step / self.limit
        if self._params.time_limit_s is not None:
            share = max(share, elapsed / self._params.time_limit_s)
        return round(1000 * min(share, 1.0)), 1000
