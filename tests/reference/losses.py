"""Masked losses in plain NumPy."""

import numpy as np


def softmax(logits):
    """Class probabilities; logits (..., K)."""
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def masked_loss(name, logits, index, teacher=None, teacher_weight=0.0):
    """Mean over labelled pixels; logits (..., K), index (...), -1 = unlabelled."""
    p, labelled = softmax(logits.astype(float)), index >= 0
    truth = np.eye(logits.shape[-1])[np.maximum(index, 0)]
    right = (p * truth).sum(axis=-1)
    each = {
        "cross_entropy": -np.log(right),
        "focal": -((1 - right) ** 2) * np.log(right),
        "squared_error": ((p - truth) ** 2).mean(axis=-1),
        "dice": None,
    }[name]
    if not labelled.any():
        loss = 0.0
    elif name == "dice":
        loss = dice(p[labelled], truth[labelled])
    else:
        loss = each[labelled].mean()
    if teacher is None:
        return loss
    taught = ~labelled & (teacher.sum(axis=-1) > 0)
    if not taught.any():
        return loss
    cross = -(teacher[taught] * np.log(p[taught])).sum(axis=-1)
    return loss + teacher_weight * cross.mean()


def dice(p, truth):
    """1 - Dice of probabilities and truth (M, K), mean over the classes present."""
    here = truth.any(axis=0)
    overlap = 2 * (p * truth).sum(axis=0) / (p.sum(axis=0) + truth.sum(axis=0))
    return 1 - overlap[here].mean()
