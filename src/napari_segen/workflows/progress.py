"""What a terminal shows of long work: steps as a progress bar on stderr."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from napari_segen.core.steps import Step, Steps, run

T = TypeVar("T")

# A log file keeps every line that a terminal would overwrite.
_TERMINAL_SECONDS, _LOG_SECONDS = 0.1, 5.0
_WITH_TOTAL = "{desc}: {percentage:3.0f}% |{bar:20}| {elapsed}{postfix}"
_WITHOUT_TOTAL = "{desc}: {elapsed}{postfix}"


def run_with_progress(steps: Steps[T], title: str) -> T:
    """Drive `steps` to their end behind a progress bar on stderr; return the result.

    Parameters
    ----------
    steps : generator of Step
        Closed, and so cancelled, if the user interrupts.
    title : str
        What the whole job is.
    """
    from tqdm import tqdm

    seconds = _TERMINAL_SECONDS if sys.stderr.isatty() else _LOG_SECONDS
    bar = tqdm(
        desc=title, mininterval=seconds, file=sys.stderr, bar_format=_WITHOUT_TOTAL
    )
    with bar, closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                bar.set_postfix_str("", refresh=False)
                bar.update((bar.total or bar.n) - bar.n)
                result: T = end.value
                return result
            _show(bar, step)


def _show(bar: Any, step: Step) -> None:
    total = step.total or None
    if step.done < bar.n or total != bar.total:  # another part of the job has begun
        bar.bar_format = _WITH_TOTAL if total else _WITHOUT_TOTAL
        bar.reset(total)
    bar.set_postfix_str(step.text, refresh=False)
    bar.update(step.done - bar.n)


def start_tensorflow() -> None:
    """Import TensorFlow, saying so, and let it keep its greetings to itself.

    Its libraries write to stderr whatever the log level is, on any machine without
    a GPU; what goes wrong is an exception.
    """
    from napari_segen.cnn.backend import warm_up_steps

    print("Starting TensorFlow", file=sys.stderr, flush=True)
    # Errors of its own: exceptions say them again.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _native_stderr_dropped():
        run(warm_up_steps())


@contextmanager
def _native_stderr_dropped() -> Iterator[None]:
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
