"""A fitted network's posterior of every pixel of a frame, tile by tile."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.network import Network
from napari_segen.cnn.planes import read_window, split_planes
from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization, scaled
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import Tile, tile_grid

LabelTile = Callable[[Array], Array]


def tiles_of(network: Network, shape: tuple[int, ...], tile_px: int) -> list[Tile]:
    """Cut a plane ``(H, W)`` into tiles that start on the network's multiples."""
    side = max(network.multiple, tile_px // network.multiple * network.multiple)
    return list(tile_grid(shape, (side, side), (0, 0)))


def posterior_steps(
    network: Network,
    label_tile: LabelTile,
    frames: Array,
    normalization: Normalization,
    tile_px: int | None = None,
) -> Steps[npt.NDArray[np.float32]]:
    """Compute the posterior ``(N, K, *S)`` of frames ``(N, C, *S)``.

    Parameters
    ----------
    network : Network
    label_tile : callable
        From `Network.dense`.
    frames : array
        Grey values as they are; scaled tile by tile. Planes of a volume one by one.
    normalization : Normalization
    tile_px : int, optional
        Side of the tiles; the result does not depend on it.
    """
    n_planes = split_planes(frames[0]).shape[0]
    plane_shape = frames.shape[-2:]
    posterior = np.empty(
        (len(frames), network.n_classes, n_planes, *plane_shape), np.float32
    )
    tiles = tiles_of(network, plane_shape, tile_px or network.tile_px)
    total, done = len(frames) * n_planes * len(tiles), 0
    for frame, answer in zip(frames, posterior, strict=True):
        low, span = normalization.scale_of(frame)
        for z, plane in enumerate(split_planes(frame)):
            for tile in tiles:
                yield Step(done, total, "Labelling")
                part = _with_halo(network, plane, tile)
                found = label_tile(scaled(part, low, span).transpose(1, 2, 0))
                at = tile.core
                h, w = (s.stop - s.start for s in at)
                answer[:, z, at[0], at[1]] = found[:h, :w].transpose(2, 0, 1)
                done += 1
    return posterior.reshape(len(frames), network.n_classes, *frames.shape[2:])


def _with_halo(network: Network, plane: Array, tile: Tile) -> Array:
    before, after = network.halo
    corner = [s.start - before for s in tile.core]
    shape = [
        before + after + -(-(s.stop - s.start) // network.multiple) * network.multiple
        for s in tile.core
    ]
    return read_window(plane, corner, shape)
