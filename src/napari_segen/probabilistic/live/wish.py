"""For which advice is asked beside an answer, and what comes: light to import."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_segen.probabilistic.guidance.doubts import DoubtfulStroke
    from napari_segen.probabilistic.score import StrokeScore

SIDE_OF_PICTURE = 48
Position = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """For which advice is asked.

    Parameters
    ----------
    n_places : int
        At most how many places; 0 takes no time.
    avoid : tuple of positions
        No place near these: they were suggested before.
    """

    n_places: int
    avoid: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Advice:
    """What goes with an answer.

    Parameters
    ----------
    classes : tuple of int
        Class values, ascending.
    score : StrokeScore, optional
        How good it is on held-out strokes; None where nothing was held out.
    doubts : tuple of DoubtfulStroke
        None of a view that was answered at a coarser level.
    places : tuple of positions
        Where to paint next, the best first: indices into the labels.
    pictures : tuple of uint8 arrays of shape (48, 48, 3)
        What is around these.
    """

    classes: tuple[int, ...]
    score: "StrokeScore | None"
    doubts: "tuple[DoubtfulStroke, ...]"
    places: tuple[Position, ...]
    pictures: tuple[npt.NDArray[np.uint8], ...]
