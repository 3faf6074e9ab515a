"""An explanation of a pixel, in words and figures."""

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

_MOST_FEATURES = 6


# Of colour images the first channel is the mean of the others.
COLOURS = {
    "channel 0": "mean of colours",
    "channel 1": "red",
    "channel 2": "green",
    "channel 3": "blue",
}


def explained(explanation: Any, title: Callable[[int], str], *, is_colour: bool) -> str:
    """Say which class is likeliest at a pixel, and what speaks for and against it.

    Parameters
    ----------
    explanation : Explanation
    title : callable
        Names a class value.
    is_colour : bool
        Whether the channels are colours.

    Returns
    -------
    str
        Rich text.
    """
    chances = explanation.posterior
    order = np.argsort(-chances)
    best = int(order[0])
    told = ", ".join(
        f"{escape(title(int(explanation.classes[k])))} {chances[k]:.2f}" for k in order
    )
    name = escape(title(int(explanation.classes[best])))
    rows = [("average labelled pixel", float(explanation.base[best]))]
    for by in ("family", "scale", "channel"):
        grouped = explanation.grouped(by)
        if by != "family" and len(grouped) < 2:
            continue
        found = sorted(grouped.items(), key=lambda item: -abs(item[1][best]))
        rows.append((f"<i>by {by}</i>", np.nan))
        words = COLOURS if is_colour else {}
        rows += [
            (escape(words.get(group, group).replace("_", " ")), float(row[best]))
            for group, row in found[:_MOST_FEATURES]
        ]
    body = "".join(
        f"<tr><td>{text}</td><td align='right'>{_signed(value)}</td></tr>"
        for text, value in rows
    )
    return (
        f"{told} (before smoothing).<br>For {name}, in log odds against the mean of "
        f"the classes:<table cellpadding='1'>{body}</table>"
    )


def _signed(value: float) -> str:
    return "" if np.isnan(value) else f"{value:+.2f}"
