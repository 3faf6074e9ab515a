"""The job of a comparison, on a thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_segen.core.agreement import Agreement, agreement, difference
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.metrics import average_precision
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.layers import Source
from napari_segen.widgets.results import Earlier, Ready, Result, ready
from napari_segen.widgets.tasks import reading

ROLE = "difference"
MOST_CLASSES = 64  # more values are numbers of objects


@dataclass(frozen=True)
class Compared:
    """What was found.

    Parameters
    ----------
    agreement : Agreement
        Of classes; of objects whether there is any.
    precision : float, or None
        Average precision at 0.5 of objects, mean of the frames; None of classes.
    n_objects : pair of int
        Of both, where they are objects.
    """

    agreement: Agreement
    precision: float | None
    n_objects: tuple[int, int] = (0, 0)


def comparing(
    first: Source, second: Source, ignore_zero: bool, earlier: Mapping[str, Earlier]
) -> Steps[tuple[Compared, list[Ready]]]:
    """Compare two arrays of labels; the result layer says where they differ."""
    one = yield from reading(first.data, "first labels")
    other = yield from reading(second.data, "second labels")
    yield Step(0, 0, "Comparing")
    differs = difference(one, other)
    n = max(len(np.unique(one)), len(np.unique(other)))
    unlabelled = 0 if ignore_zero else None
    if n <= MOST_CLASSES:
        found = Compared(agreement(one, other, unlabelled=unlabelled), None)
    else:
        there = [(x > 0).astype(np.uint8) for x in (one, other)]
        precision, counts = yield from _precision_steps(one, other, first.spec)
        found = Compared(agreement(*there), precision, counts)
    if ignore_zero and n <= MOST_CLASSES:
        differs = np.where((one == 0) | (other == 0), 0, differs)
    origin = {"first": first.name, "second": second.name}
    place = first.label_placement
    result = Result(ROLE, Labels, differs, place, provenance=origin)
    return found, ready([result], earlier)


def _precision_steps(
    one: Array, other: Array, spec: ImageSpec
) -> Steps[tuple[float, tuple[int, int]]]:
    frames = [spec.label_frames(x) for x in (one, other)]
    found, counts = [], np.zeros(2, int)
    for i, (a, b) in enumerate(zip(*frames, strict=True)):
        yield Step(i, len(frames[0]), "Matching objects")
        found.append(average_precision(a, b))
        counts += [len(np.unique(x[x > 0])) for x in (a, b)]
    return float(np.mean(found)), (int(counts[0]), int(counts[1]))


def in_words(found: Compared, names: Mapping[int, str]) -> str:
    """Say how two layers agree, as rich text."""
    same = found.agreement
    said = [f"Changed: {same.changed:.2%} of the pixels."]
    if found.precision is not None:
        a, b = found.n_objects
        said += [
            f"Objects: {a} and {b}. Average precision at an overlap of 0.5: "
            f"{found.precision:.3f}.",
            f"Overlap (IoU) of all objects together: {same.iou[-1]:.3f}.",
        ]
        return "<br>".join(said)
    said.append(f"Agreement beyond chance (Cohen's kappa): {same.kappa:.3f}.")
    rows = "".join(
        f"<tr><td>{_title(int(v), names)}</td><td align='right'>{d:.3f}</td>"
        f"<td align='right'>{i:.3f}</td></tr>"
        for v, d, i in zip(same.classes, same.dice, same.iou, strict=True)
    )
    head = "<tr><td><b>class</b></td><td><b>Dice</b></td><td><b>IoU</b></td></tr>"
    mean = (
        f"<tr><td>mean</td><td align='right'>{same.dice.mean():.3f}</td>"
        f"<td align='right'>{same.iou.mean():.3f}</td></tr>"
    )
    return "<br>".join(said) + f"<table cellpadding='2'>{head}{rows}{mean}</table>"


def confusion_in_words(same: Agreement) -> str:
    """Show the table of pixels, first down and second across, as rich text."""
    head = "".join(f"<td align='right'><b>{v}</b></td>" for v in same.classes)
    rows = "".join(
        f"<tr><td><b>{v}</b></td>"
        + "".join(f"<td align='right'>{n}</td>" for n in row)
        + "</tr>"
        for v, row in zip(same.classes, same.table, strict=True)
    )
    return (
        "Pixels by the first (down) and the second (across):"
        f"<table cellpadding='2'><tr><td></td>{head}</tr>{rows}</table>"
    )


def _title(value: int, names: Mapping[int, str]) -> str:
    from html import escape

    return escape(names.get(value, "nothing" if value == 0 else f"class {value}"))


def shapes_differ(first: Any, second: Any) -> str:
    """Say that two layers cannot be compared; empty if they can."""
    if first.shape == second.shape:
        return ""
    return (
        f"The layers have the shapes {first.shape} and {second.shape}: choose two of "
        "the same image."
    )
