"""Losses over labelled pixels, and over a teacher's where nothing is labelled."""

from collections.abc import Callable
from typing import Any

from napari_segen.cnn import backend

# (logits (M, K), class index (M,), 1 where it counts and else 0 (M,)) -> scalar.
# Whatever stands where it does not count, the value is finite there and drops out.
Loss = Callable[[Any, Any, Any], Any]

# Lin et al. 2017: the exponent that quietens pixels that are right already.
FOCUS = 2.0


def _mean(per_pixel: Any, counts: Any) -> Any:
    tf = backend.tensorflow()
    # Not a product with 0: an infinite loss there must not become NaN.
    total = tf.reduce_sum(tf.where(counts > 0, per_pixel, 0.0))
    return total / tf.maximum(tf.reduce_sum(counts), 1.0)


def _cross_entropy(logits: Any, index: Any, counts: Any) -> Any:
    tf = backend.tensorflow()
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=index, logits=logits)
    return _mean(each, counts)


def _focal(logits: Any, index: Any, counts: Any) -> Any:
    tf = backend.tensorflow()
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=index, logits=logits)
    return _mean((1.0 - tf.exp(-each)) ** FOCUS * each, counts)


def _squared_error(logits: Any, index: Any, counts: Any) -> Any:
    tf = backend.tensorflow()
    truth = tf.one_hot(index, logits.shape[-1])
    each = tf.reduce_mean(tf.square(tf.nn.softmax(logits) - truth), axis=-1)
    return _mean(each, counts)


def _dice(logits: Any, index: Any, counts: Any) -> Any:
    """1 - Dice per class over the batch, averaged over the classes labelled in it."""
    tf = backend.tensorflow()
    counted = counts[:, tf.newaxis]
    truth = tf.one_hot(index, logits.shape[-1]) * counted
    found = tf.nn.softmax(logits) * counted
    both = tf.reduce_sum(truth * found, axis=0)
    n_true = tf.reduce_sum(truth, axis=0)
    each = 1.0 - 2.0 * both / tf.maximum(n_true + tf.reduce_sum(found, axis=0), 1e-6)
    present = tf.cast(n_true > 0, tf.float32)
    return tf.reduce_sum(each * present) / tf.maximum(tf.reduce_sum(present), 1.0)


LOSSES: dict[str, Loss] = {
    "cross_entropy": _cross_entropy,
    "dice": _dice,
    "focal": _focal,
    "squared_error": _squared_error,
}


def masked_loss(
    name: str, logits: Any, index: Any, teacher: Any = None, teacher_weight: float = 0.0
) -> Any:
    """Average a loss over the labelled pixels of a batch.

    Parameters
    ----------
    name : str
        One of `LOSSES`.
    logits : tensor of shape (B, *S, K)
    index : int tensor of shape (B, *S)
        Which of the K classes is true; -1 where unlabelled.
    teacher : tensor of shape (B, *S, K), optional
        A posterior to learn from where nothing is labelled, all 0 where it says
        nothing: the cross-entropy to it, averaged over those pixels, is added
        ``teacher_weight`` times.
    teacher_weight : float

    Returns
    -------
    scalar tensor; 0 where nothing is labelled or taught
    """
    tf = backend.tensorflow()
    n_classes = logits.shape[-1]
    logits, index = tf.reshape(logits, (-1, n_classes)), tf.reshape(index, (-1,))
    labelled = index >= 0
    loss = LOSSES[name](
        _set_aside(logits, labelled),
        tf.maximum(index, 0),
        tf.cast(labelled, tf.float32),
    )
    if teacher is None:
        return loss
    teacher = tf.reshape(teacher, (-1, n_classes))
    taught = ~labelled & (tf.reduce_sum(teacher, axis=-1) > 0)
    each = tf.nn.softmax_cross_entropy_with_logits(
        labels=teacher, logits=_set_aside(logits, taught)
    )
    return loss + teacher_weight * _mean(each, tf.cast(taught, tf.float32))


def _set_aside(logits: Any, counts: Any) -> Any:
    """Put zeros where a pixel does not count, so that nothing there can spread.

    The gradient of a product with 0 is NaN where the other factor is infinite.
    """
    tf = backend.tensorflow()
    return tf.where(counts[:, tf.newaxis], logits, 0.0)
