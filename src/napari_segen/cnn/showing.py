"""What a network in training would answer for a part of a training image."""

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.network import Labeller, Network
from napari_segen.cnn.prediction import window_posterior
from napari_segen.cnn.problem import Problem
from napari_segen.core.imagespec import Array
from napari_segen.core.labels import best_class
from napari_segen.core.normalization import Normalization, has_data, scaled
from napari_segen.core.steps import Show


class Previewer:
    """Answers a `Show` with the class values of its window.

    Parameters
    ----------
    problem : Problem
    network : Network
    scale : Normalization
    precision : str
        Settled.
    """

    def __init__(
        self, problem: Problem, network: Network, scale: Normalization, precision: str
    ) -> None:
        self._problem, self._network = problem, network
        self._scale, self._precision = scale, precision
        self._labeller: Labeller | None = None
        self._scales: dict[tuple[int, int], tuple[Array, Array]] = {}

    def __call__(self, show: Show, weights: Weights) -> Array | None:
        """Return the values of ``show.window``, 0 without data; cut to its frame.

        None where there is nothing to show: a training does not end for that.
        """
        frame = self._frame(show)
        window = None if frame is None else _within(show.window, frame.shape[1:])
        if frame is None or window is None:
            return None
        if self._labeller is None:
            self._labeller = self._network.labeller(self._precision)
        self._labeller.set_weights(weights)
        around = self._around(window, frame.shape[1:])
        part = frame[:, *around]
        posterior = window_posterior(
            self._network, self._labeller, scaled(part, *self._scale_of(show, frame))
        )
        inner = tuple(
            slice(w.start - a.start, w.stop - a.start)
            for w, a in zip(window, around, strict=True)
        )
        values = self._problem.classes[self._problem.order]
        empty = ~has_data(part[np.newaxis])[0]
        return best_class(posterior[:, *inner], values, empty[inner])

    def _frame(self, show: Show) -> Array | None:
        pairs = self._problem.pairs
        if not 0 <= show.pair < len(pairs):
            return None
        frames = pairs[show.pair].frames
        return frames[show.frame] if 0 <= show.frame < len(frames) else None

    def _scale_of(self, show: Show, frame: Array) -> tuple[Array, Array]:
        key = show.pair, show.frame
        if key not in self._scales:
            self._scales[key] = self._scale.scale_of(frame)
        return self._scales[key]

    def _around(
        self, window: tuple[slice, ...], shape: tuple[int, ...]
    ) -> tuple[slice, ...]:
        """Widen a window by what its pixels depend on, on the network's grid."""
        network = self._network
        n_before = len(shape) - network.ndim
        wide = list(window[:n_before])
        for along, n, (before, after), multiple in zip(
            window[n_before:],
            shape[n_before:],
            network.halo,
            network.multiple,
            strict=True,
        ):
            start = max(0, along.start - before)
            # Up to a multiple from the first pixel on, the grid of the tiles.
            start = start // multiple * multiple
            wide.append(slice(start, min(n, along.stop + after)))
        return tuple(wide)


def _within(
    window: tuple[slice, ...], shape: tuple[int, ...]
) -> tuple[slice, ...] | None:
    """Cut a window to its frame; None where nothing is left of it."""
    if len(window) != len(shape):
        return None
    cut = tuple(
        slice(max(0, int(w.start)), min(n, int(w.stop)))
        for w, n in zip(window, shape, strict=True)
    )
    return None if any(w.stop <= w.start for w in cut) else cut
