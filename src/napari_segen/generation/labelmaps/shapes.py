"""The objects of training maps, and new ones like them: turned, stretched, bent."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.labelmaps.placed import Floats, draw_turn

# How much larger or smaller an object gets at most, and how much longer in a direction
# of the plane, as logarithms of the sides; and how deep two waves bend its outline, in
# sizes. With less of it the same few objects come again, and are counted as copies.
_SPREAD = 0.2
_STRETCH = 0.3
_BEND = 0.02
_FEW = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """An object, or several that touch, cut out of a training map.

    Parameters
    ----------
    marks : int array of shape (*C)
        0 beside the object; its ids, or class indices + 1.
    middle : array of shape (ndim,)
        Centroid, in pixels of `marks`.
    area : int
        Pixels.
    """

    marks: Array
    middle: Floats
    area: int

    @property
    def reach(self) -> Floats:
        """How far it reaches from its centroid, along the plane and across, in pixels.

        Returns
        -------
        array of shape (ndim,)
        """
        corner = np.maximum(self.middle, np.array(self.marks.shape) - 1 - self.middle)
        reach = corner.copy()
        reach[-2:] = np.hypot(*corner[-2:])
        return reach

    def varied(self, free: bool, rng: np.random.Generator) -> Array:
        """Draw an object like this one, of odd sides, its centroid about in the middle.

        Parameters
        ----------
        free : bool
            Turned by any angle; see `draw_turn`.
        """
        ndim = self.marks.ndim
        scale = np.exp(rng.uniform(-_SPREAD, _SPREAD))
        size = 2 * self.reach[-2:].max() + 1
        longer = np.exp(rng.uniform(0, _STRETCH))
        half = np.ceil(self.reach * scale * longer + 2 * _BEND * size).astype(int)
        inverse = draw_turn(ndim, free, rng) / scale
        inverse[-2:, -2:] = inverse[-2:, -2:] @ _squeeze(longer, rng)
        grid = np.ogrid[tuple(slice(-h, h + 1) for h in half)]
        waves = _waves(grid, size, rng)
        inside = np.ones(tuple(2 * half + 1), bool)
        index = []
        for i, n in enumerate(self.marks.shape):
            at = (
                sum(inverse[i, j] * grid[j] for j in range(ndim)) + self.middle[i] + 0.5
            )
            at = at + waves[i - ndim] if i >= ndim - 2 else at
            place = np.floor(np.broadcast_to(at, inside.shape)).astype(np.intp)
            inside &= (place >= 0) & (place < n)
            index.append(np.clip(place, 0, n - 1))
        varied: Array = np.where(inside, self.marks[tuple(index)], 0)
        return varied


def _squeeze(longer: float, rng: np.random.Generator) -> Floats:
    """Draw a direction; return what undoes a stretch along it, narrower across."""
    angle = rng.uniform(0, np.pi)
    along = np.array([np.sin(angle), np.cos(angle)])
    narrower = 1 / longer - longer
    squeeze: Floats = longer * np.eye(2) + narrower * np.outer(along, along)
    return squeeze


def _waves(grid: tuple[Array, ...], size: float, rng: np.random.Generator) -> Array:
    """Draw a smooth displacement ``(2, H, W)`` in pixels, for an object of `size`."""
    y, x = grid[-2].ravel(), grid[-1].ravel()
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 2, 2))
    turns = 2 * np.pi * rng.uniform(0.6, 1.6, (2, 2)) / size
    # A plane wave is the real part of a product: no sine of each pixel.
    rows = np.exp(1j * (turns * np.sin(angle))[..., np.newaxis] * y)
    columns = np.exp(1j * (turns * np.cos(angle))[..., np.newaxis] * x)
    rows *= _BEND * size * np.exp(1j * phase)[..., np.newaxis]
    waves: Array = np.einsum("ijy,ijx->iyx", rows, columns).real
    return waves


@dataclass(frozen=True, slots=True)
class Found:
    """The groups of touching objects of one map, and where they lie.

    Parameters
    ----------
    shapes : list of Shape
        Whole ones; with few of them also such as the border cuts, gone on mirrored.
    positions : array of shape (n, ndim)
        Of all groups; of a cut one on the border that cuts it.
    areas : array of shape (n,)
        In pixels; of cut ones, what is seen of them.
    is_cut : bool array of shape (n,)
        Whether the border of the map cuts them.
    """

    shapes: list[Shape]
    positions: Floats
    areas: Floats
    is_cut: npt.NDArray[np.bool_]


def find_shapes(marks: Array, groups: npt.NDArray[np.int32]) -> Found:
    """Cut groups 1..n, of which some may be missing, out of a map ``(*S)``."""
    from scipy import ndimage

    boxes = ndimage.find_objects(groups)
    whole: list[Shape] = []
    cut: list[Shape] = []
    positions, areas, is_cut = [], [], []
    for i, box in enumerate(boxes):
        if box is None:
            continue
        shape = _cut_out(marks, groups, i + 1, box)
        at = shape.middle + [s.start for s in box]
        sides = [
            (s.start == 0, s.stop == n) for s, n in zip(box, marks.shape, strict=True)
        ]
        for axis, (first, last) in enumerate(sides):
            if first or last:
                at[axis] = -0.5 if first else marks.shape[axis] - 0.5
        n_cut = sum(a or b for a, b in sides)
        (cut if n_cut else whole).append(
            shape if not n_cut else _mirrored(shape, sides)
        )
        positions.append(at)
        areas.append(float(shape.area))
        is_cut.append(n_cut > 0)
    kept = whole if len(whole) >= _FEW else whole + cut
    return Found(kept, np.array(positions), np.array(areas), np.array(is_cut))


def _cut_out(marks: Array, groups: Array, number: int, box: tuple[slice, ...]) -> Shape:
    mask = groups[box] == number
    middle = np.array([p.mean() for p in np.nonzero(mask)])
    cut = np.where(mask, marks[box], 0).astype(np.uint32)
    return Shape(cut, middle, int(mask.sum()))


def _mirrored(shape: Shape, sides: list[tuple[bool, bool]]) -> Shape:
    """Complete a cut object by its mirror image beyond the border."""
    marks = shape.marks
    for axis, (first, last) in enumerate(sides):
        if first:
            marks = np.concatenate([np.flip(marks, axis), marks], axis)
        elif last:
            marks = np.concatenate([marks, np.flip(marks, axis)], axis)
    middle = np.array([p.mean() for p in np.nonzero(marks)])
    return Shape(marks, middle, int(np.count_nonzero(marks)))
