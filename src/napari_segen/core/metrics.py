"""Scores of a segmentation against the truth."""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.labels import numbered


def confusion(prediction: Array, truth: Array, classes: Array) -> npt.NDArray[np.int64]:
    """Count pixels by true class (rows) and predicted class (columns).

    Only pixels whose truth is one of `classes` count; predictions that are none
    of `classes` are in an additional last column.
    """
    keep = np.isin(truth, classes)
    rows = np.searchsorted(classes, truth[keep])
    found = prediction[keep]
    columns = np.searchsorted(classes, found).clip(max=len(classes) - 1)
    columns = np.where(np.asarray(classes)[columns] == found, columns, len(classes))
    k = len(classes)
    flat = np.bincount(rows * (k + 1) + columns, minlength=k * (k + 1))
    return flat.reshape(k, k + 1)


def class_iou(prediction: Array, truth: Array, classes: Array) -> Array:
    """Intersection over union of each class ``(K,)``; NaN where the truth lacks it."""
    table = confusion(prediction, truth, classes)
    hit = np.diag(table).astype(float)
    in_truth = table.sum(axis=1)
    union = in_truth + table[:, :-1].sum(axis=0) - hit
    return np.where(in_truth > 0, hit / np.maximum(union, 1), np.nan)


def mean_iou(prediction: Array, truth: Array, classes: Array) -> float:
    """Mean intersection over union over the classes present in the truth."""
    scores = class_iou(prediction, truth, classes)
    if np.isnan(scores).all():
        raise ValueError(f"truth holds none of the classes {list(classes)}.")
    return float(np.nanmean(scores))


def recall(prediction: Array, truth: Array, classes: Array) -> Array:
    """Share of each class's true pixels that were found ``(K,)``; NaN if none."""
    table = confusion(prediction, truth, classes)
    total = table.sum(axis=1)
    return np.where(total > 0, np.diag(table) / np.maximum(total, 1), np.nan)


def log_loss(posterior: Array, class_index: Array) -> float:
    """Mean negative log probability of the true class.

    Parameters
    ----------
    posterior : array of shape (K, M)
    class_index : int array of shape (M,)
        Which of the K classes is true.
    """
    p = posterior[class_index, np.arange(posterior.shape[1])]
    return float(-np.log(np.clip(p, np.finfo(np.float32).tiny, 1)).mean())


def average_precision(prediction: Array, truth: Array, threshold: float = 0.5) -> float:
    """Share of matched objects among all of both: ``TP / (TP + FP + FN)``.

    Objects match where their intersection over union is above `threshold`, of which no
    object can have two from 0.5 on. 1 where there are no objects.

    Parameters
    ----------
    prediction, truth : int array of shape (*S)
        Object ids; 0 is background.
    threshold : float
        From 0.5 on, below 1.
    """
    if not 0.5 <= threshold < 1:
        raise ValueError(f"threshold must be from 0.5 to below 1, got {threshold}.")
    rows, columns = numbered(truth).ravel(), numbered(prediction).ravel()
    n_true, n = int(rows.max(initial=0)), int(columns.max(initial=0)) + 1
    pairs = rows.astype(np.int64) * n + columns
    both = np.bincount(pairs, minlength=(n_true + 1) * n).reshape(-1, n)
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
    matched = int((both > threshold * union)[1:, 1:].sum())
    total = n_true + n - 1 - matched
    return matched / total if total else 1.0
