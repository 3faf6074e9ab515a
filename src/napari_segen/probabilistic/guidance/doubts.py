"""Strokes that a model fitted without them takes for another class.

A stroke's posterior is the mean of its pixels' while it was held out. Divided by how
frequent the classes are painted it says how likely each class makes the stroke,
whatever its frequency (Bayes' theorem). A stroke that another class makes twice as
likely as its own is doubtful: painted in the wrong colour, or on a place like no other
of its class.

The idea to look for wrong labels by what models without them say: Northcutt, Jiang and
Chuang, "Confident learning", Journal of Artificial Intelligence Research 70, 2021.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.probabilistic.held_out import HeldOut

LEAST_ODDS = 2.0
SMALLEST = 1e-9  # a class that no tree voted for would make the odds infinite


@dataclass(frozen=True, slots=True)
class DoubtfulStroke:
    """A stroke, and what is held against it.

    Parameters
    ----------
    image : int
        Which of the images of the fit, from 0.
    position : tuple of int
        A pixel in the middle of the stroke: an index into that image's scribbles. The
        stroke is what is connected to it with the same value.
    class_value : int
        As what it is painted.
    likeliest : int
        The other class that makes it the most likely.
    likelihood : float
        How likely its own class makes it, as a part of all classes' sum, 0 to 1.
    odds : float
        How many times as likely the likeliest class makes it as its own does.
    """

    image: int
    position: tuple[int, ...]
    class_value: int
    likeliest: int
    likelihood: float
    odds: float


def stroke_likelihoods(
    held_out: HeldOut,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Say how likely each class makes each stroke that was held out.

    Returns
    -------
    first : int array of shape (S,)
        A row of the samples that belongs to each stroke.
    likelihood : float64 array of shape (K, S)
        Sums to 1 over the classes.
    """
    rows = np.flatnonzero(held_out.known)
    _, first, stroke = np.unique(
        held_out.samples.strokes[rows], return_index=True, return_inverse=True
    )
    pixels = np.bincount(stroke, minlength=len(first))
    mean = np.stack([np.bincount(stroke, p[rows]) / pixels for p in held_out.posterior])
    likelihood = mean / held_out.samples.class_shares()[:, np.newaxis]
    return rows[first], likelihood / likelihood.sum(axis=0)


def doubtful_strokes(
    held_out: HeldOut,
    classes: Array,
    spec: ImageSpec,
    shapes: Sequence[tuple[int, ...]],
) -> tuple[DoubtfulStroke, ...]:
    """List the doubtful strokes, the most doubtful first.

    Parameters
    ----------
    held_out : HeldOut
        Its samples know their places.
    classes : int array of shape (K,)
        Class values, ascending.
    spec : ImageSpec
    shapes : sequence of tuple of int
        Shape of each image's scribbles.
    """
    samples = held_out.samples
    if samples.places is None or not held_out.known.any():
        return ()
    first, likelihood = stroke_likelihoods(held_out)
    column, own = np.arange(len(first)), samples.class_index[first]
    others = likelihood.copy()
    others[own, column] = -1
    likeliest = others.argmax(axis=0)
    mine = likelihood[own, column]
    odds = others[likeliest, column] / np.maximum(mine, SMALLEST)
    found = []
    for s in np.argsort(-odds, kind="stable"):
        if odds[s] < LEAST_ODDS:
            break
        image, frame, *pixel = _middle(
            samples.places[samples.strokes == samples.strokes[first[s]]]
        )
        if image < 0:  # of another day, on an image that is not at hand
            continue
        position = spec.label_position(frame, pixel, shapes[image])
        values = int(classes[own[s]]), int(classes[likeliest[s]])
        found.append(
            DoubtfulStroke(image, position, *values, float(mine[s]), float(odds[s]))
        )
    return tuple(found)


def _middle(places: Array) -> list[int]:
    """Return the place that is nearest to the mean of all."""
    from_mean = ((places - places.mean(axis=0)) ** 2).sum(axis=1)
    nearest: list[int] = places[from_mean.argmin()].tolist()
    return nearest
