"""A fitted network's posterior of every pixel of a frame, tile by tile."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.labelled import read_window
from napari_segen.cnn.network import Labeller, Network, Shape
from napari_segen.core.imagespec import Array
from napari_segen.core.normalization import Normalization, scaled
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import Slices, tile_grid

Posterior = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Tile:
    """One tile of one part of the frames, and where its answer goes."""

    part: Array
    low: Array
    span: Array
    core: Slices
    answer: Posterior


def posterior_steps(
    network: Network,
    labeller: Labeller,
    frames: Array,
    normalization: Normalization,
    *,
    memory_mb: float = 600,
    flips: bool = False,
) -> Steps[Posterior]:
    """Compute the posterior ``(N, K, *S)`` of frames ``(N, C, *S)``.

    Parameters
    ----------
    network : Network
    labeller : Labeller
        With the weights set.
    frames : array
        Grey values as they are; scaled tile by tile. A network that looks at planes
        takes those of a volume one by one.
    normalization : Normalization
    memory_mb : float
        Megabytes to work in, beside the frames and the posterior; in float32 the
        result does not depend on it.
    flips : bool
        Give the mean answer to each tile turned and mirrored in all eight ways.
    """
    check_axes(network, frames.ndim - 2)
    posterior = np.empty(
        (len(frames), network.n_classes, *frames.shape[2:]), np.float32
    )
    size = frames.shape[-network.ndim :]
    tile_shape = tile_shape_of(network, size, memory_mb)
    n_at_once = max(1, math.prod(network.tile_shape) // math.prod(tile_shape))
    n_at_once = max(1, min(n_at_once, _n_fitting(network, tile_shape, memory_mb)))
    n_parts = math.prod((len(frames), *frames.shape[2 : -network.ndim]))
    total = n_parts * math.prod(
        -(-n // t) for n, t in zip(size, tile_shape, strict=True)
    )
    done = 0
    yield Step(done, total, "Labelling")
    tiles = _tiles(network, frames, normalization, posterior, tile_shape)
    while batch := list(islice(tiles, n_at_once)):
        _label(network, labeller, batch, tile_shape, flips)
        done += len(batch)
        yield Step(done, total, "Labelling")
    return posterior


def window_posterior(network: Network, labeller: Labeller, window: Array) -> Posterior:
    """Compute the posterior ``(K, *S)`` of a small window ``(C, *S)`` at once.

    `window` is float32 and normalised.
    """
    check_axes(network, window.ndim - 1)
    answer = np.empty((network.n_classes, *window.shape[1:]), np.float32)
    size = window.shape[-network.ndim :]
    tile_shape = _rounded_up(network, size)
    core = tuple(slice(0, n) for n in size)
    low, span = np.zeros(len(window)), np.ones(len(window))
    tiles = [
        _Tile(part, low, span, core, part_answer)
        for part, part_answer in zip(
            _parts(network, window), _parts(network, answer), strict=True
        )
    ]
    _label(network, labeller, tiles, tile_shape, flips=False)
    return answer


def check_axes(network: Network, ndim: int) -> None:
    """Raise ValueError where the network looks at volumes and the image is a plane."""
    if ndim < network.ndim:
        raise ValueError(
            f"network {network.title!r} looks at volumes, but the image has "
            f"{ndim} axes of space. Choose a network for planes."
        )


def tile_shape_of(network: Network, size: Sequence[int], memory_mb: float) -> Shape:
    """Return the shape of tiles that cut `size` evenly and fit the memory."""
    n_cuts = [-(-n // t) for n, t in zip(size, network.tile_shape, strict=True)]
    while True:
        sides = [-(-n // cuts) for n, cuts in zip(size, n_cuts, strict=True)]
        shape = _rounded_up(network, sides)
        longest = int(np.argmax(np.subtract(shape, network.multiple)))
        if shape == network.multiple or _n_fitting(network, shape, memory_mb):
            return shape
        n_cuts[longest] += 1


def _n_fitting(network: Network, tile_shape: Shape, memory_mb: float) -> int:
    """How many tiles of this shape can be labelled at once."""
    with_halo = [t + sum(h) for t, h in zip(tile_shape, network.halo, strict=True)]
    each = math.prod(with_halo) * network.bytes_per_px
    return int(memory_mb * 1e6 / each)


def _rounded_up(network: Network, sides: Sequence[int]) -> Shape:
    return tuple(-(-n // m) * m for n, m in zip(sides, network.multiple, strict=True))


def _parts(network: Network, array: Array) -> list[Array]:
    """Split ``(C, *S)`` into what the network looks at, itself or its planes; views."""
    if array.ndim - 1 == network.ndim:
        return [array]
    return [array[:, z] for z in range(array.shape[1])]


def _tiles(
    network: Network,
    frames: Array,
    normalization: Normalization,
    posterior: Posterior,
    tile_shape: Shape,
) -> Iterator[_Tile]:
    for frame, answer in zip(frames, posterior, strict=True):
        low, span = normalization.scale_of(frame)
        for part, part_answer in zip(
            _parts(network, frame), _parts(network, answer), strict=True
        ):
            for tile in tile_grid(part.shape[1:], tile_shape, (0,) * network.ndim):
                yield _Tile(part, low, span, tile.core, part_answer)


def _label(
    network: Network,
    labeller: Labeller,
    tiles: Sequence[_Tile],
    tile_shape: Shape,
    flips: bool,
) -> None:
    """Write the posterior of tiles where it belongs."""
    halo = network.halo
    if flips:  # a mirrored tile has its halo's sides exchanged
        widest = max(map(max, halo[-2:]))
        halo = (*halo[:-2], (widest, widest), (widest, widest))
    shape = [n + sum(h) for n, h in zip(tile_shape, halo, strict=True)]
    x = np.empty((len(tiles), *shape, network.n_channels), np.float32)
    for i, tile in enumerate(tiles):
        corner = [s.start - h[0] for s, h in zip(tile.core, halo, strict=True)]
        window = scaled(read_window(tile.part, corner, shape), tile.low, tile.span)
        x[i] = np.moveaxis(window, 0, -1)
    found = _mean_of_flips(network, labeller, x, halo) if flips else labeller(x)
    for tile, answer in zip(tiles, found, strict=True):
        inner = tuple(slice(0, s.stop - s.start) for s in tile.core)
        tile.answer[:, *tile.core] = np.moveaxis(answer[inner], -1, 0)


def _mean_of_flips(
    network: Network,
    labeller: Labeller,
    x: Array,
    halo: tuple[tuple[int, int], ...],
) -> Array:
    """Label tiles turned and mirrored in rows and columns, and turn the answers back.

    Tiles start and end on the network's multiples, so that the mirrored tile is one of
    the mirrored image: the answer does not depend on the tiling.
    """
    rows, columns = x.ndim - 3, x.ndim - 2
    total: Array | None = None
    for turn, mirror in product(range(4), (False, True)):
        turned = np.rot90(x, turn, (rows, columns))
        turned = np.flip(turned, columns) if mirror else turned
        found = labeller(np.ascontiguousarray(_with_own_halo(network, turned, halo)))
        found = np.flip(found, columns) if mirror else found
        found = np.rot90(found, -turn, (rows, columns))
        total = found.copy() if total is None else np.add(total, found, out=total)
    assert total is not None
    total *= np.float32(1 / 8)
    return total


def _with_own_halo(
    network: Network, x: Array, halo: tuple[tuple[int, int], ...]
) -> Array:
    """Cut an equal halo on all sides down to the network's own."""
    inner = tuple(
        slice(wide[0] - own[0], n - (wide[1] - own[1]))
        for n, wide, own in zip(x.shape[1:-1], halo, network.halo, strict=True)
    )
    return x[:, *inner]
