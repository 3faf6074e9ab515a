"""A table of all images: what was found in each, and how good it is."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.archive import written_whole
from napari_segen.core.checks import check_labels
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.metrics import average_precision, mean_iou
from napari_segen.workflows.files import ImageFile, read_labels, writing

if TYPE_CHECKING:
    import pandas as pd

SUMMARY = "summary.csv"
# The columns that come first, in this order.
_FIRST = ("image", "status", "flag", "reason", "error", "dtype", "axes", "unit")
_LAST = ("novelty", "mean_iou", "average_precision")


def write_summary(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV file, a line for each row; what a row does not have is empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    middle = (n for n in names if n not in (*_FIRST, *_LAST))
    columns = [*_FIRST, *middle, *(n for n in _LAST if n in names)]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, columns, restval="")
    table.writeheader()
    table.writerows([{k: _plain(v) for k, v in row.items()} for row in rows])
    _write_text(path, text.getvalue())


def write_measurements(path: Path, table: "pd.DataFrame") -> None:
    """Write what was measured of objects as CSV, units in the heads of the columns."""
    units = table.attrs.get("units", {})
    names = {n: f"{n} [{units[n]}]" if n in units else str(n) for n in table}
    _write_text(path, table.rename(columns=names).to_csv(index=False))


def _write_text(path: Path, text: str) -> None:
    with writing(path), written_whole(path) as file:
        file.write(text.encode())


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def score(
    found: ImageFile, truth: Path, spec: ImageSpec, classes: Array | None
) -> dict[str, float]:
    """Compare a result with the ground truth.

    Parameters
    ----------
    found : ImageFile
        The result.
    truth : Path
        A label image.
    spec : ImageSpec
        The axes of the image they belong to.
    classes : int array of shape (K,), optional
        The classes that the result holds; None: it holds objects.

    Returns
    -------
    dict
        ``mean_iou`` of classes (pixels of the truth that are no class, such as 0 for
        unlabelled, do not count), ``average_precision`` of objects at an intersection
        over union of one half, of a series the mean over its frames.
    """
    guessed = in_order(found, spec.label_axes)
    wanted = in_order(read_labels(truth), spec.label_axes)
    wanted = check_labels(wanted, "the truth")
    if wanted.shape != guessed.shape:
        raise ValueError(
            f"the truth {truth} has the shape {wanted.shape}, but the labels "
            f"{guessed.shape}."
        )
    if classes is not None:
        if unknown := sorted(set(np.unique(wanted).tolist()) - {0, *classes.tolist()}):
            raise ValueError(
                f"the truth {truth} holds {unknown[0]}, but the model's classes are "
                f"{classes.tolist()}. If it numbers objects, find such: --objects."
            )
        return {"mean_iou": mean_iou(guessed, wanted, classes)}
    frames = (spec.label_frames(a) for a in (guessed, wanted))
    each = [average_precision(*pair) for pair in zip(*frames, strict=True)]
    return {"average_precision": float(np.mean(each))}


def in_order(file: ImageFile, axes: str) -> Array:
    """Return a file's array with its axes in the order `axes`, where it names them."""
    if file.axes is None or set(file.axes) != set(axes) or len(file.axes) != len(axes):
        return file.array
    return file.array.transpose([file.axes.index(a) for a in axes])
