"""Weights to begin with, from a network that was trained before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.network import Network
from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import as_json


@dataclass(frozen=True, slots=True)
class Warm:
    """What a training begins with.

    Parameters
    ----------
    weights : list of array
        In the order of classes that training uses.
    is_whole : bool
        All weights are the earlier network's, for these very classes.
    earlier : mapping of lists, or None
        Its history, where the training goes on with it.
    """

    weights: Weights
    is_whole: bool
    earlier: Mapping[str, Sequence[float | None]] | None


def class_axes(network: Network) -> list[int | None]:
    """Along which axis of each weight the classes lie; None where along none."""
    wider = type(network)(
        network.params, network.n_channels, network.n_classes + 1, network.patch_px
    )
    axes: list[int | None] = []
    for here, there in zip(network.weight_shapes(), wider.weight_shapes(), strict=True):
        differ = [i for i, (a, b) in enumerate(zip(here, there, strict=True)) if a != b]
        axes.append(differ[0] if differ else None)
    return axes


def reordered(network: Network, weights: Weights, order: Array) -> Weights:
    """Bring the classes of the weights into another order."""
    return [
        w if axis is None else np.ascontiguousarray(np.take(w, order, axis))
        for w, axis in zip(weights, class_axes(network), strict=True)
    ]


def check_same_layout(earlier: Any, model: Any) -> None:
    """Raise ValueError where networks or their parameters differ; it says what."""
    if earlier.network != model.network:
        raise _unlike(f"network={earlier.network!r}, not {model.network!r}")
    mine, its = as_json(model.params), as_json(earlier.params)
    if names := [f"{k}={its[k]!r}, not {mine[k]!r}" for k in mine if mine[k] != its[k]]:
        raise _unlike(", ".join(names))


def _unlike(what: str) -> ValueError:
    return ValueError(f"init_from has {what}. Choose the same, or train anew.")


def check_fits(earlier: Any, network: Network) -> None:
    """Raise ValueError where the weights of `earlier` do not fit; it says why."""
    if earlier.n_channels_ != network.n_channels:
        raise _unlike(f"{earlier.n_channels_} channels, not {network.n_channels}")
    before = [w.shape for w in earlier.weights_]
    for shape, here, axis in zip(
        before, network.weight_shapes(), class_axes(network), strict=True
    ):
        if axis is None and shape != here:
            raise _unlike(f"other patches than patch_px={network.patch_px}")


def warm_start(
    earlier: Any, network: Network, order: Array, seed: int, *, goes_on: bool
) -> Warm:
    """Take over a network's weights; with other classes all but the last layer's.

    Parameters
    ----------
    earlier : CnnSegmenter
        Fitted, of the same network.
    network : Network
        Of this training.
    order : int array of shape (K,)
        See `Problem`.
    seed : int
        Draws the last layer.
    goes_on : bool
        Whether the history goes on, too.
    """
    check_fits(earlier, network)
    is_whole = len(earlier.classes_) == network.n_classes
    if is_whole:
        weights = reordered(network, earlier.weights_, order)
    else:
        drawn = network.initial_weights(network.build(), seed)
        weights = [
            mine if axis is not None else its
            for mine, its, axis in zip(
                drawn, earlier.weights_, class_axes(network), strict=True
            )
        ]
    return Warm(weights, is_whole, earlier.history_ if goes_on else None)
