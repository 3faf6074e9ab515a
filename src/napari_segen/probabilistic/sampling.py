"""Pixels that stand for whole images: evenly spread, at a bounded cost.

A flip or transpose of an image flips or transposes the choice.
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from napari_segen.core.steps import Steps
from napari_segen.core.tiles import Slices, tile_at
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.samples import symmetric_key

Positions = npt.NDArray[np.intp]

MAX_LOOKED = 2**22
BLOCK_SIDE = {2: 128, 3: 64}
MAX_MIRRORED = 48  # flips and transposes of a volume


def look_regions(
    shapes: Sequence[tuple[int, ...]], max_looked: int = MAX_LOOKED
) -> list[list[Slices]]:
    """Say which regions of each frame to look at, about `max_looked` pixels in all.

    All of each frame where that is not too much; otherwise blocks on a lattice about
    the frame's centre, and none of some frames where there are very many.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Shape ``(*S)`` of each frame.
    max_looked : int
        Each frame that is looked at has one block at least, whatever its size.
    """
    total = sum(int(np.prod(s)) for s in shapes)
    if total <= max_looked:
        return [[tuple(slice(0, n) for n in shape)] for shape in shapes]
    smallest = [
        int(np.prod([min(n, BLOCK_SIDE[len(shape)]) for n in shape]))
        for shape in shapes
    ]
    n_frames = min(max(max_looked // max(smallest), 1), len(shapes))
    step = len(shapes) / n_frames
    chosen = {int((i + 0.5) * step) for i in range(n_frames)}
    return [
        _blocks(shape, max_looked // n_frames) if i in chosen else []
        for i, shape in enumerate(shapes)
    ]


def _blocks(shape: tuple[int, ...], most: int) -> list[Slices]:
    """Return blocks on the densest lattice that has at most `most` pixels.

    At least the block in the middle.
    """
    if int(np.prod(shape)) <= most:
        return [tuple(slice(0, n) for n in shape)]
    side = BLOCK_SIDE[len(shape)]
    along = [_cut(n, side) for n in shape]
    last = max(max(cuts) for cuts in along)
    for stride in range(2, last + 1):
        # With the middle block, or in pairs on both sides of it.
        for first in (0, stride // 2):
            parts = [_every(cuts, stride, first) for cuts in along]
            if 0 < _pixels(parts) <= most:
                return list(product(*parts))
    return [tuple(cuts[0][0] for cuts in along)]


def _cut(n: int, side: int) -> dict[int, list[slice]]:
    """Cut ``0..n`` into pieces about its middle, by their distance from the middle."""
    piece = np.rint((np.arange(n) - (n - 1) / 2) / side).astype(int)
    pieces: dict[int, list[slice]] = {}
    for number in range(piece[0], piece[-1] + 1):
        start, stop = np.searchsorted(piece, [number, number + 1])
        pieces.setdefault(abs(number), []).append(slice(int(start), int(stop)))
    return pieces


def _every(cuts: dict[int, list[slice]], stride: int, first: int) -> list[slice]:
    if len(cuts) == 1:  # a short axis has no other piece than the middle one
        return cuts[0]
    return [s for at, pair in cuts.items() if at % stride == first for s in pair]


def _pixels(parts: list[list[slice]]) -> int:
    return int(np.prod([sum(s.stop - s.start for s in pieces) for pieces in parts]))


def even_sample(
    shapes: Sequence[tuple[int, ...]],
    looked: Sequence[list[Slices]],
    usable: Callable[[int, Positions], npt.NDArray[np.bool_]],
    max_pixels: int,
) -> list[Positions]:
    """Choose pixels of several frames, each usable one with the same probability.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Shape ``(*S)`` of each frame.
    looked : sequence of list of tuple of slice
        Whose pixels are candidates, as `look_regions` says.
    usable : callable
        ``usable(i, positions)`` says which of the pixels at ``(M, ndim)`` of frame i
        may be chosen, ``(M,)``.
    max_pixels : int
        How many to choose in all, at most; from `MAX_MIRRORED` on.

    Returns
    -------
    list of int arrays of shape (M_i, ndim)
        Positions in each frame, in an order that flips and transposes keep.
    """
    if max_pixels < MAX_MIRRORED:
        raise ValueError(f"max_pixels must be at least {MAX_MIRRORED}.")
    positions, keys = [], []
    for i, regions in enumerate(looked):
        found = _positions(regions, len(shapes[i]))
        found = found[usable(i, found)]
        key = symmetric_key(found, shapes[i], i)
        lowest = _lowest(key, max_pixels)
        positions.append(found[lowest])
        keys.append(key[lowest])
    kept = _lowest(np.concatenate(keys), max_pixels)
    frame = np.repeat(np.arange(len(shapes)), [len(k) for k in keys])[kept]
    ordered = np.concatenate(positions)[kept]
    return [ordered[frame == i] for i in range(len(shapes))]


def _positions(regions: list[Slices], ndim: int) -> Positions:
    grids = [np.mgrid[region].reshape(ndim, -1).T for region in regions]
    return np.concatenate([np.zeros((0, ndim), np.intp), *grids])


def _lowest(keys: npt.NDArray[np.uint64], most: int) -> npt.NDArray[np.intp]:
    """Return where the lowest keys are, ascending; equal ones come or go together."""
    if len(keys) <= most:
        return np.argsort(keys, kind="stable")
    limit = np.partition(keys, most)[most]
    at = np.flatnonzero(keys < limit)
    return at[np.argsort(keys[at], kind="stable")]


def sampled_features_steps(
    frame: Frame, positions: Positions, regions: Sequence[Slices]
) -> Steps[npt.NDArray[np.float32]]:
    """Compute the features ``(M, F)`` at positions ``(M, ndim)`` within `regions`.

    Only the regions' features are computed, so that a huge frame costs no more than
    what was looked at of it.
    """
    shape, halo = frame.shape, frame.bank.halo
    tiles = [tile_at(r, shape, halo) for r in regions] if len(regions) > 1 else None
    return (yield from frame.features_at_steps(positions, tiles))
