"""Losses over labelled pixels only."""

from collections.abc import Callable
from typing import Any

from napari_segen.cnn import backend

# (logits (B, H, W, K), class index (B, H, W)) -> loss per pixel (B, H, W)
PixelLoss = Callable[[Any, Any], Any]


def _cross_entropy(logits: Any, index: Any) -> Any:
    tf = backend.tensorflow()
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=index, logits=logits)


def _squared_error(logits: Any, index: Any) -> Any:
    tf = backend.tensorflow()
    truth = tf.one_hot(index, logits.shape[-1])
    return tf.reduce_mean(tf.square(tf.nn.softmax(logits) - truth), axis=-1)


LOSSES: dict[str, PixelLoss] = {
    "cross_entropy": _cross_entropy,
    "squared_error": _squared_error,
}


def masked_loss(name: str, logits: Any, index: Any) -> Any:
    """Average a loss over the labelled pixels of a batch.

    Parameters
    ----------
    name : str
        One of `LOSSES`.
    logits : tensor of shape (B, H, W, K)
    index : int tensor of shape (B, H, W)
        Which of the K classes is true; -1 where unlabelled.

    Returns
    -------
    scalar tensor; 0 where nothing is labelled
    """
    tf = backend.tensorflow()
    labelled = index >= 0
    per_pixel = LOSSES[name](logits, tf.maximum(index, 0))
    # Not a product with 0: an infinite loss there must not become NaN.
    total = tf.reduce_sum(tf.where(labelled, per_pixel, 0.0))
    return total / tf.maximum(tf.reduce_sum(tf.cast(labelled, tf.float32)), 1.0)
