"""What an answer advises: where to paint next in the view, and what to doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Steps
from napari_segen.core.tiles import Tile
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.guidance.suggestion import (
    Grid,
    suggested_places,
    teaching_value,
)
from napari_segen.probabilistic.live.learner import Learnt
from napari_segen.probabilistic.live.picture import Picture
from napari_segen.probabilistic.live.store import (
    LABELS,
    SIDE,
    UNCERTAINTY,
    Place,
    TileStore,
)
from napari_segen.probabilistic.live.strokes import Painted
from napari_segen.probabilistic.live.view import View
from napari_segen.probabilistic.live.wish import SIDE_OF_PICTURE, Position, Wish


@dataclass(frozen=True, slots=True)
class Seen:
    """A view as it was answered.

    Parameters
    ----------
    view : View
    planes : uint8 array of shape (2 + K, h, w)
        Of all its tiles together, see `Written`.
    frame : Frame
        At the view's level.
    tiles : sequence of Tile
        By which its features were computed.
    """

    view: View
    planes: Array
    frame: Frame
    tiles: Sequence[Tile]

    @classmethod
    def of(
        cls,
        view: View,
        store: TileStore,
        places: Sequence[Place],
        frame: Frame,
        tiles: Sequence[Tile],
    ) -> Self | None:
        """Put the tiles at `places` together; None where one is missing."""
        written = [store.get(place) for place in places]
        level, box = view.level, view.box[-2:]
        start = np.array([part.start >> level for part in box])
        stop = np.array([((part.stop - 1) >> level) + 1 for part in box])
        first = next((tile for tile in written if tile is not None), None)
        if first is None:
            return None
        planes = np.zeros((len(first.planes), *(stop - start)), np.uint8)
        for place, tile in zip(places, written, strict=True):
            if tile is None or len(tile.planes) != len(planes):
                return None
            corner = np.array(place[-2:]) * SIDE
            low = np.maximum(corner, start)
            high = np.minimum(corner + tile.planes.shape[1:], stop)
            into = [slice(a, b) for a, b in zip(low - start, high - start, strict=True)]
            part = [
                slice(a, b) for a, b in zip(low - corner, high - corner, strict=True)
            ]
            planes[:, *into] = tile.planes[:, *part]
        return cls(view, planes, frame, tiles)

    @property
    def start(self) -> tuple[int, int]:
        """First row and column at the view's level."""
        y, x = (part.start >> self.view.level for part in self.view.box[-2:])
        return y, x

    @property
    def plane(self) -> tuple[int, ...]:
        """Index of the plane in a volume; empty of a plane image."""
        return tuple(part.start for part in self.view.box[:-2])


def places_steps(
    seen: Seen,
    picture: Picture,
    learnt: Learnt,
    painted: Painted,
    wish: Wish,
) -> Steps[tuple[Position, ...]]:
    """Choose places of a view where a stroke would teach most.

    Parameters
    ----------
    seen : Seen
    picture : Picture
    learnt : Learnt
    painted : Painted
    wish : Wish
    """
    widths = [sigma[-2:] for sigma in learnt.bank.sigmas_px]
    grid = Grid.of(ImageSpec("yx"), widths)
    novelty = yield from _novelty_steps(seen, learnt, 2 * max(grid.cell))
    unsure = seen.planes[UNCERTAINTY].astype(np.float32) / 255
    value = teaching_value(unsure, novelty)
    strokes = np.zeros(value.shape, bool)
    for frame, samples in zip(painted.frames, painted.samples, strict=True):
        if frame == seen.view.frame:
            strokes[_in_view(seen, samples.positions, value.shape)] = True
    known = [picture.spec.frame_position(at, picture.label_shape) for at in wish.avoid]
    earlier = [pixel for frame, pixel in known if frame == seen.view.frame]
    positions = np.array(earlier, np.intp).reshape(-1, len(seen.plane) + 2)
    avoid = np.stack(_in_view(seen, positions, value.shape), axis=1)
    found = suggested_places(
        value,
        wish.n_places,
        grid,
        usable=seen.planes[LABELS] > 0,
        labelled=strokes,
        avoid=avoid,
    )
    return _positions(found, seen, picture)


def _positions(
    found: npt.NDArray[np.intp], seen: Seen, picture: Picture
) -> tuple[Position, ...]:
    """Return where in the labels rows and columns ``(n, 2)`` of a view are."""
    level = seen.view.level
    pixels = ((found + seen.start) << level) + (1 << level) // 2
    # At a coarser level the last pixel may stand for one that is not there.
    pixels = np.minimum(pixels, np.array(picture.shape[-2:]) - 1)
    return tuple(
        picture.spec.label_position(
            seen.view.frame, (*seen.plane, *pixel), picture.label_shape
        )
        for pixel in pixels.tolist()
    )


def _in_view(
    seen: Seen, positions: npt.NDArray[np.intp], shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return rows and columns in the view of a frame's pixels that it shows."""
    at = (positions[:, -2:] >> seen.view.level) - seen.start
    inside = ((at >= 0) & (at < shape)).all(axis=1)
    inside &= (positions[:, :-2] == seen.plane).all(axis=1)
    rows, columns = at[inside].T
    return rows, columns


def _novelty_steps(seen: Seen, learnt: Learnt, side: int) -> Steps[Array]:
    """Return the novelty of a view ``(h, w)``: of each square that of its middle."""
    height, width = seen.planes.shape[1:]
    rows, columns = (
        np.minimum(np.arange(side // 2, n + side // 2, side), n - 1)
        for n in (height, width)
    )
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    plane = np.broadcast_to(seen.plane, (len(grid), len(seen.plane)))
    at = np.concatenate([plane, grid + seen.start], axis=1).astype(np.intp)
    features = yield from seen.frame.features_at_steps(at, seen.tiles, keep_all=True)
    usual = features[:, : learnt.novelty.means.shape[1]]
    coarse = learnt.novelty.of(usual.T).reshape(len(rows), len(columns))
    fine = np.repeat(np.repeat(coarse, side, axis=0), side, axis=1)
    return np.asarray(fine[:height, :width])


def pictured(picture: Picture, at: Position) -> npt.NDArray[np.uint8]:
    """Return what is around a place: ``(48, 48, 3)``, dark where the image ends."""
    frame, pixel = picture.spec.frame_position(at, picture.label_shape)
    values = picture.values(frame)
    low, span = picture.range_of(frame)
    starts = [i - SIDE_OF_PICTURE // 2 for i in pixel[-2:]]
    ends = zip(starts, values.shape[-2:], strict=True)
    inside = [slice(max(s, 0), min(s + SIDE_OF_PICTURE, n)) for s, n in ends]
    plane = [slice(i, i + 1) for i in pixel[:-2]]
    part = values[:, *plane, *inside].astype(np.float32)
    part = part.reshape(len(part), *part.shape[-2:])
    shade = (part.T - low) / np.where(span > 0, span, 1)
    grey = np.nan_to_num(np.clip(255 * shade, 0, 255)).T.astype(np.uint8)
    result = np.zeros((SIDE_OF_PICTURE, SIDE_OF_PICTURE, 3), np.uint8)
    place = tuple(
        slice(i.start - s, i.stop - s) for i, s in zip(inside, starts, strict=True)
    )
    # Of colours the first channel is their mean.
    color = grey[1:4] if picture.is_colour else grey[:1]
    result[place] = np.moveaxis(color, 0, -1)
    return result
