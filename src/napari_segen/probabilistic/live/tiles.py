"""The tiles of a view: where they are, and how each is answered from its features."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.tiles import Slices, Tile, tile_at
from napari_segen.probabilistic import potts
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.live.store import SIDE, Place, Planes, planes_of
from napari_segen.probabilistic.live.view import View
from napari_segen.probabilistic.prediction import Posterior


def places_of(view: View) -> list[Place]:
    """List the tiles that a view touches, those in its middle first."""
    level = view.level
    rows, columns = (
        range((part.start >> level) // SIDE, ((part.stop - 1) >> level) // SIDE + 1)
        for part in view.box[-2:]
    )
    planes = [range(part.start, part.stop) for part in view.box[:-2]]
    middle = [
        ((part.start + part.stop) / 2 / (SIDE << level)) - 0.5 for part in view.box[-2:]
    ]
    places = [(level, view.frame, *at) for at in product(*planes, rows, columns)]
    return sorted(places, key=lambda p: math.dist(p[-2:], middle))


def _core(place: Place, shape: Sequence[int]) -> Slices:
    """Return the pixels of a tile, within a frame of this level."""
    planes = [slice(z, z + 1) for z in place[2:-2]]
    sides = [
        slice(n * SIDE, min((n + 1) * SIDE, length))
        for n, length in zip(place[-2:], shape[-2:], strict=True)
    ]
    return (*planes, *sides)


@dataclass(frozen=True, slots=True)
class Smoother:
    """The spatial prior on a tile; of a volume at first within the plane alone.

    Parameters
    ----------
    strength : float
        Of the prior; 0: none.
    is_3d : bool
        Whether the tile is of a volume.
    is_final : bool
        Whether the tile gets its last answer.
    """

    strength: float
    is_3d: bool
    is_final: bool

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a tile that have a say in it."""
        side = potts.HALO if self.strength > 0 else 0
        if not self.is_3d:
            return side, side
        return side if self.is_final else 0, side, side

    def tiles(self, place: Place, frame: Frame) -> tuple[Tile, Tile]:
        """Return what is written at a place, and of what the features are needed."""
        wanted = tile_at(_core(place, frame.shape), frame.shape, self.halo)
        return wanted, tile_at(wanted.padded, frame.shape, frame.bank.halo)

    def smoothed(self, by_pixel: Array, no_data: Array | None) -> Array:
        """Smooth ``(K, *S)``, where the halo is among S."""
        if not self.is_3d or self.is_final:
            return potts.smooth(by_pixel, self.strength, no_data)
        gaps = None if no_data is None else no_data[0]
        return potts.smooth(by_pixel[:, 0], self.strength, gaps)[:, np.newaxis]


@dataclass(frozen=True, slots=True)
class Answering:
    """Answers tiles of a frame.

    Parameters
    ----------
    frame : Frame
    posterior : Posterior
        By what was learnt.
    smoother : Smoother
    classes : int array of shape (K,)
        Class values, ascending.
    """

    frame: Frame
    posterior: Posterior
    smoother: Smoother
    classes: Array

    def planes(self, wanted: Tile, tile: Tile, features: Array) -> Planes:
        """Answer what is `wanted` from the features of `tile`, its core."""
        missing = self.frame.no_data(tile.core)
        by_pixel = self.posterior.of(features, missing)
        smooth = self.smoother.smoothed(by_pixel, missing)[:, *wanted.inner]
        plane = smooth.reshape(len(smooth), *smooth.shape[-2:])
        gaps = None if missing is None else missing[wanted.inner]
        gaps = None if gaps is None else gaps.reshape(plane.shape[1:])
        return planes_of(plane, self.classes, gaps)
