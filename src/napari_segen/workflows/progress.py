"""Steps as a progress bar on stderr."""

import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any, TypeVar

from napari_segen.core.steps import Step, Steps

T = TypeVar("T")

# A log file keeps every line that a terminal would overwrite.
_TERMINAL_SECONDS, _LOG_SECONDS = 0.1, 5.0
_BAR = "{desc}: {percentage:3.0f}% |{bar:20}| {elapsed}{postfix}"


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
    bar = tqdm(desc=title, mininterval=seconds, file=sys.stderr, bar_format=_BAR)
    with bar, closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                bar.set_postfix_str("", refresh=False)
                result: T = end.value
                return result
            _show(bar, step)


def _show(bar: Any, step: Step) -> None:
    total = step.total or None
    if step.done < bar.n or total != bar.total:  # another part of the job has begun
        bar.reset(total)
    bar.set_postfix_str(_words(step.text, step.figures), refresh=False)
    bar.update(step.done - bar.n)


def _words(text: str, figures: Mapping[str, float]) -> str:
    return ", ".join([text, *(f"{k} {v:.3g}" for k, v in figures.items())])
